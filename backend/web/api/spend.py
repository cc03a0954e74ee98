"""What was spent, for clients: as JSON, CSV or Parquet."""

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from backend.domain.errors import InvalidRequest
from backend.services.deps import Deps
from backend.services.money import spend_files, spending
from backend.services.money.spend_query import SpendQuery, parse_query
from backend.web.api.request_parts import current_viewer

#: format -> its content type
FORMATS = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}


def routes(deps: Deps) -> Blueprint:
    """GET /api/spend. Stands below the API's blueprint, which sees to the token."""
    blueprint = Blueprint("spend", __name__)

    @blueprint.get("/spend")
    def spend() -> ResponseReturnValue:
        query, wanted = spend_query(deps)
        report = spending.spend_report(deps, current_viewer(), query)
        if wanted == "json":
            return jsonify(items=[group.as_json() for group in report.groups], total=report.total.as_json())
        content = spend_files.as_csv(report) if wanted == "csv" else spend_files.as_parquet(report)
        named = f'attachment; filename="{spend_files.file_name(report, wanted)}"'
        return Response(content, content_type=FORMATS[wanted], headers={"Content-Disposition": named})

    return blueprint


def spend_query(deps: Deps) -> tuple[SpendQuery, str]:
    """What is asked for, and in which format. InvalidRequest names every parameter at fault."""
    asked = request.args.to_dict()
    faults = {name: "is given more than once" for name, given in request.args.lists() if len(given) > 1}
    wanted = asked.pop("format", "") or "json"
    if wanted not in FORMATS:
        faults["format"] = f"is none of {', '.join(FORMATS)}"
    try:
        query = parse_query(asked, zone=spending.time_zone(deps))
    except InvalidRequest as error:
        raise InvalidRequest({**error.fields, **faults}) from error
    if faults:
        raise InvalidRequest(faults)
    return query, wanted
