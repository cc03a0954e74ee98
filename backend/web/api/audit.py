"""What was done, by whom: in pages as JSON, or as a file."""

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue

from backend.domain.access.roles import Do
from backend.services.audit import entries
from backend.services.audit.query import parse_audit_query
from backend.services.deps import Deps
from backend.web.api.operations import Answer, Operation
from backend.web.api.request_parts import current_viewer, query_as
from backend.web.api.schemas.audit import FORMATS, AuditAnswer, AuditParams

OPERATIONS = (
    Operation(
        "GET",
        "/api/audit",
        "list_audit",
        "What was done, by whom, newest first. That somebody took it as a file is written down, too.",
        {
            200: Answer(
                "A page of it; as a file all that fits.",
                {kind: AuditAnswer if name == "json" else None for name, kind in FORMATS.items()},
            )
        },
        Do.READ_AUDIT,
        query=AuditParams,
        subject="audit",
    ),
)


def routes(deps: Deps) -> Blueprint:
    """GET /api/audit. Stands below the API's blueprint, which sees to the token."""
    blueprint = Blueprint("audit", __name__)

    @blueprint.get("/audit")
    def audit() -> ResponseReturnValue:
        asked = query_as(AuditParams)
        given = asked.model_dump(by_alias=True, exclude={"format", "limit", "cursor"}, exclude_none=True)
        wanted = parse_audit_query(given, zone=deps.settings.zone)
        kind, viewer = asked.format or "json", current_viewer()
        if kind != "json":
            content = entries.export_entries(
                deps, viewer, wanted, kind, limit=asked.limit, cursor=asked.cursor
            )
            named = f'attachment; filename="audit.{kind}"'
            return Response(content, content_type=FORMATS[kind], headers={"Content-Disposition": named})
        limit = asked.limit or entries.PAGE_SIZE
        page = entries.list_entries(deps, viewer, wanted, limit=limit, cursor=asked.cursor)
        return jsonify(items=list(map(entries.entry_json, page.items)), next_cursor=page.next_cursor)

    return blueprint
