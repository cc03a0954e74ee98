"""Takes to take along: their files as a ZIP, or what is known of them as a table."""

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from backend.domain.access.roles import Do
from backend.media.file_names import content_disposition
from backend.services.deps import Deps
from backend.services.export.take_export import FORMATS, Export, export_takes, parse_export
from backend.web.api.operations import Answer, Operation
from backend.web.api.request_parts import current_viewer
from backend.web.api.schemas.export import ExportParams
from backend.web.long_answers import long_answer

OPERATIONS = (
    Operation(
        "GET",
        "/api/video/export",
        "export_takes",
        "The takes that pass every filter, as a file that is made while it is sent. "
        "An answer that breaks off is no whole file.",
        {200: Answer("The file.", dict.fromkeys(FORMATS.values()))},
        Do.SEE,
        query=ExportParams,
        reads_query=True,
    ),
)


def routes(deps: Deps) -> Blueprint:
    """Below /api/video. Stands below the API's blueprint, which sees to the token."""
    blueprint = Blueprint("export", __name__, url_prefix="/video")

    @blueprint.get("/export")
    def export() -> ResponseReturnValue:
        viewer = current_viewer()
        asked = parse_export(deps, viewer, request.args.items(multi=True))
        return long_answer(lambda: _sent(export_takes(deps, viewer, asked)))

    return blueprint


def export_headers(export: Export) -> dict[str, str]:
    """The headers of such a file: to be saved, made anew each time."""
    return {
        "Content-Type": export.content_type,
        "Content-Disposition": content_disposition(export.name),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Accel-Buffering": "no",
        **({"Content-Length": str(export.size_bytes)} if export.size_bytes is not None else {}),
    }


def _sent(export: Export) -> Response:
    return Response(export.chunks, headers=export_headers(export))
