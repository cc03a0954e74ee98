"""Every route of the HTTP API, below one check of the token and one reading of what is asked."""

from functools import cache

from flask import Blueprint, Response, g, request

from backend.domain.access.roles import Do
from backend.services.deps import Deps
from backend.web.api import audit, models, spend, takes, team, uploads
from backend.web.api.callers import Callers
from backend.web.api.document import build_document
from backend.web.api.experiments import control, finding, runs, votes
from backend.web.api.experiments import export as experiment_export
from backend.web.api.library import bulk, changes, export, groups, takes_edit
from backend.web.api.operations import JSON, Answer, Operation
from backend.web.api.request_parts import current_viewer, read_parts

#: One file a subject, each with its `OPERATIONS` and with `routes(deps)`, whose paths begin below /api.
SUBJECTS = (
    takes, changes, export, takes_edit, bulk, groups, models, uploads, spend, team, audit, runs, votes,
    experiment_export, finding, control,
)  # fmt: skip
DOCUMENT = Operation(
    "GET",
    "/api/openapi.json",
    "get_document",
    "This document.",
    {200: Answer("OpenAPI 3.1.", {JSON: None})},
    needs_token=False,
    subject="document",
)
#: Every operation of the API but the provider's webhook, which is the provider's affair.
OPERATIONS: tuple[Operation, ...] = (*(one for subject in SUBJECTS for one in subject.OPERATIONS), DOCUMENT)


def routes(deps: Deps) -> Blueprint:
    """Every route is one of `OPERATIONS`, and needs a token unless that says otherwise.

    `before_request` sees to the token, to what it allows, and to what is asked, so that no route can forget.
    """
    blueprint = Blueprint("api", __name__, url_prefix="/api")
    callers = Callers(deps)
    by_rule = {(one.method, one.path): one for one in OPERATIONS}
    document = cache(lambda: build_document(OPERATIONS, deps.settings.public_url))

    @blueprint.before_request
    def check() -> Response | None:
        assert request.url_rule is not None
        if request.method == "OPTIONS":  # Flask itself would name what other paths of this shape allow, too
            return Response(headers={"Allow": ", ".join(sorted(_methods(request.url_rule.rule)))})
        method = "GET" if request.method == "HEAD" else request.method
        operation = by_rule[method, request.url_rule.rule]
        if operation.needs_token:
            g.viewer = callers.admit_caller(is_start=operation.do is Do.START)
            if operation.do is not None:
                current_viewer().must(operation.do)
        read_parts(operation)
        return None

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        return Response(document(), content_type=JSON)

    for subject in SUBJECTS:
        blueprint.register_blueprint(subject.routes(deps))
    return blueprint


def _methods(path: str) -> set[str]:
    """What may be asked of a path of this table."""
    named = {one.method for one in OPERATIONS if one.path == path}
    return {"OPTIONS", *named, *({"HEAD"} if "GET" in named else ())}
