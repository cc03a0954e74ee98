"""Uploads, both ways that fal's clients know, and the files that came of them.

Source: fal_client 1.0.3, `upload`, `upload_file`; fal documentation, "Files".
"""

import json
import re
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Blueprint, Response, request, send_file

from simulator.engine.installation import Current, Installation
from simulator.http.answers import json_answer, json_body, require_key

#: How long an upload token is good for.
TOKEN_S = 3600

_ID = re.compile(r"[0-9a-f]{32}")


def routes(current: Current) -> Blueprint:
    """The routes below /storage and /files."""
    blueprint = Blueprint("uploads", __name__)

    @blueprint.post("/storage/auth/token")
    def give_token() -> Response:
        require_key()
        ends_at = datetime.now(UTC) + timedelta(seconds=TOKEN_S)
        token = {"token": secrets.token_urlsafe(24), "token_type": "Bearer", "base_url": current().url}
        return json_answer({**token, "expires_at": ends_at.isoformat()})

    @blueprint.post("/files/upload")
    def upload_file() -> Response:
        require_key()
        name = request.headers.get("X-Fal-File-Name", "file")
        return json_answer({"access_url": _kept(current(), request.get_data(), name, request.content_type)})

    @blueprint.post("/storage/upload/initiate")
    def initiate_upload() -> Response:
        require_key()
        asked = json_body()
        name, content_type = str(asked.get("file_name", "file")), str(asked.get("content_type", ""))
        url = _kept(current(), b"", name, content_type)
        return json_answer({"upload_url": url, "file_url": url})

    @blueprint.put("/files/<file_id>/<name>")
    def put_file(file_id: str, name: str) -> tuple[str, int]:
        path = current().config.uploads_dir / file_id
        if not _ID.fullmatch(file_id) or not path.is_file():
            return "", 404
        _write(path, request.get_data())
        return "", 200

    @blueprint.get("/files/<file_id>/<name>")
    def get_file(file_id: str, name: str) -> Response | tuple[str, int]:
        path = current().config.uploads_dir.resolve() / file_id  # Flask looks for others beside its own code
        if not _ID.fullmatch(file_id) or not path.is_file():
            return "", 404
        about = json.loads(path.with_suffix(".json").read_text())
        return send_file(path, mimetype=about["content_type"], conditional=True, download_name=about["name"])

    return blueprint


def _kept(sim: Installation, body: bytes, name: str, content_type: str | None) -> str:
    """Keeps an upload; returns its URL."""
    file_id = secrets.token_hex(16)
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[-80:].lstrip(".") or "file"
    about = {"name": plain, "content_type": content_type or "application/octet-stream"}
    _write(sim.config.uploads_dir / f"{file_id}.json", json.dumps(about).encode())
    _write(sim.config.uploads_dir / file_id, body)
    return f"{sim.url}/files/{file_id}/{plain}"


def _write(path: Path, body: bytes) -> None:
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    part.write_bytes(body)
    part.replace(path)
