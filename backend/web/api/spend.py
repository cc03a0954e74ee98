"""What was spent, for clients: as JSON, CSV or Parquet."""

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue

from backend.domain.access.roles import Do
from backend.services.deps import Deps
from backend.services.money import spend_files, spending
from backend.services.money.spend_query import parse_query
from backend.web.api.operations import Answer, Operation
from backend.web.api.request_parts import current_viewer, query_as
from backend.web.api.schemas.spend import FORMATS, SpendAnswer, SpendParams

OPERATIONS = (
    Operation(
        "GET",
        "/api/spend",
        "get_spend",
        "What was spent, told apart by one dimension or two.",
        {
            200: Answer(
                "Every group, and all together.",
                {kind: SpendAnswer if name == "json" else None for name, kind in FORMATS.items()},
            )
        },
        Do.SEE,
        query=SpendParams,
        subject="spend",
    ),
)


def routes(deps: Deps) -> Blueprint:
    """GET /api/spend. Stands below the API's blueprint, which sees to the token."""
    blueprint = Blueprint("spend", __name__)

    @blueprint.get("/spend")
    def spend() -> ResponseReturnValue:
        asked = query_as(SpendParams)
        given = asked.model_dump(by_alias=True, exclude={"format"}, exclude_none=True)
        query, wanted = parse_query(given, zone=spending.time_zone(deps)), asked.format or "json"
        report = spending.spend_report(deps, current_viewer(), query)
        if wanted == "json":
            return jsonify(items=[group.as_json() for group in report.groups], total=report.total.as_json())
        content = spend_files.as_csv(report) if wanted == "csv" else spend_files.as_parquet(report)
        named = f'attachment; filename="{spend_files.file_name(report, wanted)}"'
        return Response(content, content_type=FORMATS[wanted], headers={"Content-Disposition": named})

    return blueprint
