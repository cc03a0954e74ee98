"""Many takes are changed at once, and that is taken back."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from backend.domain.access.roles import Do
from backend.services.deps import Deps
from backend.services.library import bulk
from backend.services.library.which import parse_which
from backend.web.api.operations import Operation, told
from backend.web.api.request_parts import body_as, current_viewer
from backend.web.api.schemas.library import BulkAnswer, BulkBody, UndoBody, bulk_json

OPERATIONS = (
    Operation(
        "POST",
        "/api/video/takes/bulk",
        "edit_takes",
        "Change up to 10,000 takes. What can't be done with one of them is skipped, and said why.",
        {200: told("What became of it.", BulkAnswer)},
        Do.RATE,
        body=BulkBody,
    ),
    Operation(
        "POST",
        "/api/video/takes/bulk/undo",
        "undo_edit",
        "Take back what such a call changed, within an hour. What was changed since stays as it is.",
        {200: told("What became of it.", BulkAnswer)},
        Do.RATE,
        body=UndoBody,
        refusals=(404, 409),
    ),
)


def routes(deps: Deps) -> Blueprint:
    """Below /api/video/takes/bulk. Stands below the API's blueprint, which sees to the token."""
    blueprint = Blueprint("takes_bulk", __name__, url_prefix="/video/takes/bulk")

    @blueprint.post("")
    def edit_takes() -> ResponseReturnValue:
        viewer, asked = current_viewer(), body_as(BulkBody)
        which = parse_which(deps, viewer, asked.ids, asked.filter)
        return jsonify(bulk_json(bulk.edit_many(deps, viewer, which, asked.as_changes())))

    @blueprint.post("/undo")
    def undo_edit() -> ResponseReturnValue:
        return jsonify(bulk_json(bulk.undo(deps, current_viewer(), body_as(UndoBody).undo)))

    return blueprint
