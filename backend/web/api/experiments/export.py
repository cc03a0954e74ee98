"""What an experiment holds, as tables to take along."""

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from backend.domain.access.roles import Do
from backend.services.deps import Deps
from backend.services.experiments.doors.export import FORMATS, export_table
from backend.web.api.library.export import export_headers
from backend.web.api.operations import Answer, Operation
from backend.web.api.request_parts import current_viewer, query_as
from backend.web.api.schemas.experiment_export import TableParams
from backend.web.long_answers import long_answer

OPERATIONS = (
    Operation(
        "GET",
        "/api/experiments/<experiment_id>/export",
        "export_experiment",
        "One table of an experiment, as a file that is made while it is sent. "
        "An answer that breaks off is no whole file.",
        {200: Answer("The file.", dict.fromkeys(FORMATS.values()))},
        Do.SEE,
        query=TableParams,
        refusals=(404,),
        subject="experiments",
    ),
)


def routes(deps: Deps) -> Blueprint:
    """Below /api/experiments. Stands below the API's blueprint, which sees to the token."""
    blueprint = Blueprint("experiment_export", __name__, url_prefix="/experiments")

    @blueprint.get("/<experiment_id>/export")
    def export(experiment_id: str) -> ResponseReturnValue:
        asked, viewer = query_as(TableParams), current_viewer()

        def sent() -> Response:
            table = asked.table or "takes"
            made = export_table(deps, viewer, experiment_id, table=table, format=asked.format)
            return Response(made.chunks, headers=export_headers(made))

        return long_answer(sent)

    return blueprint
