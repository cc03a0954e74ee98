"""What votes say of an experiment, for clients."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from backend.domain.access.roles import Do
from backend.services.deps import Deps
from backend.services.experiments.findings import current_finding
from backend.web.api.operations import Operation, told
from backend.web.api.request_parts import current_viewer, query_as
from backend.web.api.schemas.findings import FindingAnswer, FindingQuery

OPERATIONS = (
    Operation(
        "GET", "/api/experiments/<experiment_id>/finding", "get_finding",
        "What votes say by now: a verdict, win rates with intervals, what to get next.",
        {200: told("The finding.", FindingAnswer)}, Do.SEE, query=FindingQuery, refusals=(404,),
        subject="experiments",
    ),
)  # fmt: skip


def routes(deps: Deps) -> Blueprint:
    """Below /api/experiments. Stands below the API's blueprint, which sees to the token."""
    blueprint = Blueprint("finding", __name__, url_prefix="/experiments")

    @blueprint.get("/<experiment_id>/finding")
    def get_finding(experiment_id: str) -> ResponseReturnValue:
        wanted = query_as(FindingQuery).criterion or None
        return jsonify(current_finding(deps, current_viewer(), experiment_id, wanted))

    return blueprint
