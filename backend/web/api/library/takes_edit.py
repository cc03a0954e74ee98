"""One take is changed: rated, reviewed, tagged, moved to the trash and back."""

from functools import partial

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from backend.domain.access.roles import Do
from backend.services.deps import Deps
from backend.services.library import edit
from backend.web.api.operations import Operation, told
from backend.web.api.request_parts import Partly, body_as, current_viewer, read_partly
from backend.web.api.schemas.library import TakeChangesBody
from backend.web.api.schemas.takes import TakeAnswer
from backend.web.api.take_json import take_json

_TAKE = told("The take as it is then.", TakeAnswer)

OPERATIONS = (
    Operation(
        "PATCH",
        "/api/video/takes/<job_id>",
        "edit_take",
        "Change a take. Rating and favourite are one's own, and any role's; all else is its maker's and "
        "reviewers', `approved` reviewers' alone.",
        {200: _TAKE},
        Do.RATE,
        body=TakeChangesBody,
        reads_body=partial(read_partly, TakeChangesBody),
        refusals=(404,),
    ),
    Operation(
        "DELETE",
        "/api/video/takes/<job_id>",
        "trash_take",
        "Move a take to the trash. One that is in progress or needs a decision can't be moved there.",
        {200: _TAKE},
        Do.CHANGE_OWN,
        refusals=(404, 409),
    ),
    Operation(
        "POST",
        "/api/video/takes/<job_id>/restore",
        "restore_take",
        "Bring a take back from the trash.",
        {200: _TAKE},
        Do.CHANGE_OWN,
        refusals=(404, 409),
    ),
)


def routes(deps: Deps) -> Blueprint:
    """Below /api/video/takes. Stands below the API's blueprint, which sees to the token."""
    blueprint = Blueprint("takes_edit", __name__, url_prefix="/video/takes")

    @blueprint.patch("/<job_id>")
    def edit_take(job_id: str) -> ResponseReturnValue:
        read: Partly[TakeChangesBody] = body_as(Partly)
        viewer, changes = current_viewer(), read.value.as_changes()
        return jsonify(take_json(deps, viewer, edit.edit_take(deps, viewer, job_id, changes, read.faults)))

    @blueprint.delete("/<job_id>")
    def trash_take(job_id: str) -> ResponseReturnValue:
        viewer = current_viewer()
        return jsonify(take_json(deps, viewer, edit.trash_take(deps, viewer, job_id)))

    @blueprint.post("/<job_id>/restore")
    def restore_take(job_id: str) -> ResponseReturnValue:
        viewer = current_viewer()
        return jsonify(take_json(deps, viewer, edit.restore_take(deps, viewer, job_id)))

    return blueprint
