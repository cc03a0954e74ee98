"""The dashboard's own routes and the rules around it: media on its own origin, and no open door.

Streamlit serves the pages; these routes stand beside them in the same server, so that a browser gets
everything from one origin, and no file ever passes through Streamlit's memory.
"""

import ctypes
import hashlib
import hmac
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.domain.errors import MediaError, RequestError
from backend.logs import log_unforeseen
from backend.services.deps import Deps
from backend.services.gallery.signed_links import DASHBOARD_BASE, MediaFile, open_media
from backend.settings import is_loopback
from backend.web.media import archive_headers, head_headers, media_headers, part_of
from backend.web.page_script import PageScript

#: What pages may load: nothing from elsewhere. Components of the UI kit come from `blob:`.
PAGE_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline' blob:; "
    "img-src 'self' data: blob: {media}; font-src 'self' data:; media-src 'self' blob: {media}; "
    "connect-src 'self' ws: wss:; frame-ancestors {frames}; object-src 'none'; base-uri 'self'"
)

#: The same in the older header. It can name nobody else, and is left out then: all browsers of today go by
#: the policy.
_FRAMING: dict[tuple[str, ...], str] = {("'self'",): "SAMEORIGIN", ("'none'",): "DENY"}


#: How many heaps threads share: `M_ARENA_MAX` of glibc's malloc.h.
_M_ARENA_MAX, _HEAPS = -8, 2


def share_heaps() -> None:
    """Have all threads share two heaps. To be called before there are many threads.

    glibc gives nearly every thread one of its own, up to eight a core, and what was freed in one is not to be
    had in another: with many tabs the dashboard grew by some 10 MB. Where there is no glibc nothing is done.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _HEAPS)


def routes(deps: Callable[[], Deps], *, base_path: str = "") -> list[Route]:
    """Media, from this origin. deps: called at the first request, not before. base_path: of all pages."""
    root = f"/{base_path.strip('/')}".rstrip("/")

    async def media(request: Request) -> Response:
        try:
            file = await run_in_threadpool(
                open_media,
                deps(),
                request.path_params["key"],
                expires=request.query_params.get("e"),
                signature=request.query_params.get("s"),
                download_as=request.query_params.get("name"),
            )
        except RequestError as problem:
            return JSONResponse({"error": {"code": problem.code, "message": str(problem)}}, problem.status)
        except MediaError as problem:
            return JSONResponse({"error": {"code": problem.code, "message": str(problem)}}, 503)
        if file.path is None and request.method == "HEAD":
            return Response(headers=head_headers(file))
        return _served(file, request.headers.get("range"))

    return [Route(f"{root}{DASHBOARD_BASE}/{{key:path}}", media, methods=["GET", "HEAD"])]


def exception_handlers() -> dict[type[Exception], Callable[[Request, Exception], Response]]:
    """What is answered where a route of ours failed as nobody foresaw; pages have `pages.ui.unforeseen`."""

    def answer(_: Request, problem: Exception) -> Response:
        message = log_unforeseen("a request failed", problem)
        return JSONResponse({"error": {"code": "internal", "message": message}}, 500)

    return {Exception: answer}


def middleware(
    *media: str, frame_ancestors: Sequence[str] = ("'self'",), door: Middleware | None = None
) -> list[Middleware]:
    """Headers on every answer of the dashboard, the door, and a script in every page.

    media: URLs of others that serve media; empty ones don't count. frame_ancestors: who may frame the pages.
    """
    origins = (f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, filter(None, media)))
    policy = PAGE_POLICY.format(media=" ".join(origins), frames=" ".join(frame_ancestors))
    return [
        Middleware(_Headers, policy=policy, framing=_FRAMING.get(tuple(frame_ancestors))),
        *([door] if door else []),
        Middleware(PageScript),
    ]


def listen_refusal(address: str | None, *, is_guarded: bool) -> str | None:
    """Why the dashboard may not listen here; None when it may. is_guarded: is it known who comes?"""
    if is_guarded or is_loopback(address):
        return None
    return (
        f"The dashboard has no logins set up, and would listen on {address or 'every address'}, where "
        "others can reach it.\n"
        "  server.address: use 127.0.0.1; or\n"
        "  LOGIN_BASE_URL, LOGIN_PROVIDERS: have people sign in (docs/operations.md); or\n"
        "  OPEN_DASHBOARD: set it to 1 when something in front of it checks who comes"
    )


def cookie_secret(secret_key: str) -> str:
    """What Streamlit signs its cookies with: the same on every dashboard that has this SECRET_KEY."""
    return hmac.new(secret_key.encode(), b"dailies dashboard cookies", hashlib.sha256).hexdigest()


def _served(file: MediaFile, asked: str | None) -> Response:
    """asked: the part of it, as `Range` has it."""
    if file.archive is not None:
        return StreamingResponse(file.archive.chunks, headers=archive_headers(file, file.archive))
    if file.read_from is not None:
        part = part_of(file, asked)
        return StreamingResponse(part.chunks, part.status, part.headers)
    if file.path is None:
        return RedirectResponse(file.redirect or "", 302, media_headers(file))
    if not file.path.is_file():
        return JSONResponse({"error": {"code": "not_found", "message": "This file is not there."}}, 404)
    headers = {**media_headers(file), "ETag": f'"{file.etag}"'}
    return FileResponse(file.path, media_type=file.content_type, headers=headers)


class _Headers:
    """Adds what every answer carries, unless it says otherwise itself."""

    def __init__(self, app: ASGIApp, policy: str, framing: str | None) -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
        }
        if framing is not None:
            self._headers["X-Frame-Options"] = framing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, guarded)
