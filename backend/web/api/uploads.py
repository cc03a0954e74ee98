"""Photos that clients send."""

from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from backend.domain.access.roles import Do
from backend.services.deps import Deps
from backend.services.gallery import signed_links
from backend.services.takes import photos
from backend.services.takes.photos import NewUpload
from backend.web.api.operations import Operation, told
from backend.web.api.request_parts import current_viewer
from backend.web.api.schemas.uploads import UploadAnswer
from backend.web.photo_part import photo_part

OPERATIONS = (
    Operation(
        "POST",
        "/api/video/upload",
        "upload_photo",
        "Send a photo, to be named in starts.",
        {201: told("The photo as it is kept.", UploadAnswer)},
        Do.UPLOAD,
        file="file",
        refusals=(507,),
        subject="uploads",
    ),
)


def routes(deps: Deps) -> Blueprint:
    """POST /api/video/upload. Stands below the API's blueprint, which sees to the token."""
    blueprint = Blueprint("uploads", __name__)

    @blueprint.post("/video/upload")
    def upload() -> ResponseReturnValue:
        new = photos.receive_upload(deps, current_viewer(), photo_part("file"))
        return jsonify(upload_json(deps, new)), 201

    return blueprint


def upload_json(deps: Deps, new: NewUpload) -> dict[str, Any]:
    """An upload as clients see it; `notes`: what was done to the photo, for people."""
    upload, size = new.upload, new.scaled_from
    return {
        "id": upload.id,
        "sha256": upload.sha256,
        "width": upload.width,
        "height": upload.height,
        "scaled_from": {"width": size[0], "height": size[1]} if size else None,
        "notes": new.notes,
        "size_bytes": upload.size_bytes,
        "content_type": upload.content_type,
        "file_name": upload.file_name,
        "url": signed_links.api_link(deps, upload.key),
        "created_at": upload.created_at.isoformat(),
    }
