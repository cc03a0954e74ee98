"""The Flask application of the sidecar, and the rules that hold for all its routes."""

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, g
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule

from backend.domain.errors import (
    MediaError,
    NotAllowed,
    RequestError,
    StorageFull,
    StorageMisconfigured,
    StorageRefused,
    StoreUnavailable,
)
from backend.logs import log_unforeseen
from backend.services.audit.refusals import record_refusal
from backend.services.deps import Deps
from backend.web import health, long_answers, media, photo_part, webhooks
from backend.web.answers import error_response
from backend.web.api import routes as api
from backend.web.told_errors import error_headers, told_error

log = logging.getLogger(__name__)

#: The largest body of any route, that of a photo; each route has its own limit below.
BODY_MAX_BYTES = photo_part.BODY_MAX_BYTES

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


class Route(Rule):
    """A route whose address is compiled when somebody asks for it by the route's name, which nobody does.

    Werkzeug compiles two functions for each when it is added: most of what making the application takes.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compile_builder = super()._compile_builder

        def build(route: Rule, **values: Any) -> tuple[str, str]:
            return compile_builder(append_unknown)(route, **values)

        return build


def create_app(deps: Deps) -> Flask:
    """The sidecar as a WSGI application."""
    app = Flask("dailies", static_folder=None)
    app.url_rule_class = Route
    app.config["MAX_CONTENT_LENGTH"] = BODY_MAX_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    app.url_map.strict_slashes = False
    long_answers.set_up(app)
    for blueprint in (webhooks.routes(deps), api.routes(deps), media.routes(deps), health.routes(deps)):
        app.register_blueprint(blueprint)
    app.wsgi_app = _guarded(app.wsgi_app)  # type: ignore[assignment,method-assign]  # Flask's own way to wrap itself
    app.register_error_handler(RequestError, _person_error)
    app.register_error_handler(NotAllowed, partial(_not_allowed, deps))
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(MediaError, _storage_error)
    app.register_error_handler(StoreUnavailable, _database_error)
    app.register_error_handler(SQLAlchemyError, _database_error)
    app.register_error_handler(Exception, _bug)
    return app


def _guarded(inner: WSGIApplication) -> WSGIApplication:
    """Every answer has `SECURITY_HEADERS`, as far as it does not say otherwise itself."""
    added = [(name.lower(), name, value) for name, value in SECURITY_HEADERS.items()]

    def answered(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            said = {name.lower() for name, _ in headers}
            lacking = [(name, value) for lower, name, value in added if lower not in said]
            return start_response(status, headers + lacking, *more)

        return inner(environ, start)

    return answered


def _person_error(problem: RequestError) -> ResponseReturnValue:
    return told_error(problem), problem.status, error_headers(problem)


def _not_allowed(deps: Deps, refused: NotAllowed) -> ResponseReturnValue:
    """Whoever is known, and wants what is not theirs to do, is written down."""
    if "viewer" in g:
        record_refusal(deps, g.viewer, refused)
    return _person_error(refused)


def _http_error(problem: HTTPException) -> ResponseReturnValue:
    status = problem.code or 500
    codes = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
    message = problem.description or problem.name
    if status == 413:
        message = "The body is larger than is taken here."
    headers = {name: value for name, value in problem.get_headers() if name in ("Allow", "Content-Range")}
    return error_response(status, codes.get(status, "error"), message, headers=headers)


def _storage_error(problem: MediaError) -> ResponseReturnValue:
    log.error("storage trouble", extra={"why": problem.in_full})
    status = 507 if isinstance(problem, StorageFull) else 503
    stays = isinstance(problem, StorageMisconfigured | StorageRefused)
    again = "when that is put right" if stays else "later"
    return error_response(status, problem.code, f"{problem} Nothing was sent or charged; try again {again}.")


def _database_error(problem: StoreUnavailable | SQLAlchemyError) -> ResponseReturnValue:
    trouble = problem if isinstance(problem, StoreUnavailable) else StoreUnavailable(type(problem).__name__)
    log.error("database trouble", extra={"why": trouble.why[:300]})
    return error_response(503, "unavailable", str(trouble), headers={"Retry-After": "5"})


def _bug(problem: Exception) -> ResponseReturnValue:
    return error_response(500, "internal", log_unforeseen("a request failed", problem))
