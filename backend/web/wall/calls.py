"""One call of the wall: who makes it, what is asked, and what is answered when it can't be done.

The door has let them in; who it is now is looked up anew for each call, as for each run of a page. What
changes anything is taken from pages of ours alone.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from backend.domain.errors import MediaError, NotAllowed, PayloadTooLarge, RequestError, StoreUnavailable
from backend.services import access
from backend.services.access import Viewer
from backend.services.audit.refusals import record_refusal
from backend.services.deps import Deps
from backend.services.team import visitors
from backend.web.api.request_parts import JSON_MAX_BYTES, json_object, validated
from backend.web.api.schemas.base import Asked
from backend.web.door.same_origin import is_same_origin
from backend.web.told_errors import error_headers, error_json, told_error

log = logging.getLogger(__name__)

#: A header that no form and no link of another site can send.
OURS = "x-dailies"
_LOOKS = frozenset({"GET", "HEAD"})

A = TypeVar("A", bound=Asked)


@dataclass(frozen=True)
class Call:
    """What is asked, and by whom. pairs: the query's. names: what stands in the path."""

    deps: Deps
    viewer: Viewer
    pairs: Sequence[tuple[str, str]]
    names: Mapping[str, str]
    body: bytes = b""

    def body_as(self, model: type[A]) -> A:
        """The body. Raises InvalidRequest, which names everything at fault; MalformedJson."""
        json_object(self.body)
        return validated(model, self.body)


#: Answers a call with JSON, or with a whole answer of its own.
Handler = Callable[[Call], Any]


class Calls:
    """Makes routes out of handlers. deps: called at the first call, not before. root: of all pages."""

    def __init__(self, deps: Callable[[], Deps], root: str) -> None:
        self._deps, self._root = deps, root

    def route(
        self, method: str, path: str, handler: Handler, *, status: int = 200, is_form: bool = False
    ) -> Route:
        """The route of a handler, below `/wall`.

        status: of an answer that is JSON. is_form: a form of our pages may send it, and it changes nothing.
        """

        async def answer(request: Request) -> Response:
            try:
                body = b"" if method in _LOOKS else await _body_of_ours(request, is_form=is_form)
            except RequestError as problem:
                return _refused(problem)
            return await run_in_threadpool(self._answer, request, handler, status, body)

        return Route(f"{self._root}/wall{path}", answer, methods=[method])

    def _answer(self, request: Request, handler: Handler, status: int, body: bytes) -> Response:
        viewer: Viewer | None = None
        try:
            deps = self._deps()
            viewer = _viewer_of(deps, request)
            pairs = request.query_params.multi_items()
            told = handler(Call(deps, viewer, pairs, request.path_params, body))
        except NotAllowed as problem:
            if viewer is not None:
                record_refusal(deps, viewer, problem)
            return _refused(problem)
        except RequestError as problem:
            return _refused(problem)
        except (StoreUnavailable, SQLAlchemyError) as problem:
            return _unavailable(problem)
        except MediaError as problem:
            log.error("storage trouble", extra={"why": problem.in_full})
            return _json(error_json(problem.code, str(problem)), 503, {"Retry-After": "5"})
        return told if isinstance(told, Response) else _json(told, status)


def _viewer_of(deps: Deps, request: Request) -> Viewer:
    """Whoever the door has let in; without logins, whoever sits at this machine."""
    if not deps.settings.has_logins:
        return access.local_viewer(deps)
    visit = visitors.open_visit(deps.settings, request.headers.get(visitors.HEADER))
    return visitors.viewer_of(deps, visit, acted=request.method not in _LOOKS)


async def _body_of_ours(request: Request, *, is_form: bool) -> bytes:
    marked = is_form or request.headers.get(OURS) == "1"
    if not marked or not is_same_origin(request.headers):
        raise NotAllowed("This comes from no page of Dailies; nothing was changed.", status=403)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > JSON_MAX_BYTES:
            raise PayloadTooLarge("The body is larger than is taken here.")
    return bytes(body)


def _refused(problem: RequestError) -> Response:
    return _json(told_error(problem), problem.status, error_headers(problem))


def _unavailable(problem: StoreUnavailable | SQLAlchemyError) -> Response:
    trouble = problem if isinstance(problem, StoreUnavailable) else StoreUnavailable(type(problem).__name__)
    log.error("database trouble", extra={"why": trouble.why[:300]})
    return _json(error_json("unavailable", str(trouble)), 503, {"Retry-After": "5"})


def _json(told: Any, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(told, status, {"Cache-Control": "no-store", **(headers or {})})
