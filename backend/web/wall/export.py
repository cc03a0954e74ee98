"""Takes to take along: a link that has the browser save a file, or a form where ids are too many for a link.

`GET /wall/export?format=zip&ids=a,b&rich=1`, or a form that posts the same names there. Names and answers are
those of the API's `/api/video/export`.
"""

from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from backend.services.export.take_export import Export, export_takes, parse_export
from backend.web.api.library.export import export_headers
from backend.web.long_answers import Places
from backend.web.wall.calls import Call, Calls


def routes(calls: Calls) -> list[Route]:
    """Below `/wall`."""
    places = Places()
    return [
        calls.route("GET", "/export", partial(_export, places)),
        calls.route("POST", "/export", partial(_export, places), is_form=True),
    ]


def _export(places: Places, call: Call) -> StreamingResponse:
    form = parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True)
    asked = parse_export(call.deps, call.viewer, [*call.pairs, *form])
    release = places.take()
    try:
        return _LongAnswer(export_takes(call.deps, call.viewer, asked), release)
    except BaseException:
        release()
        raise


class _LongAnswer(StreamingResponse):
    """A file on its way. release: called when it is sent, or its reader has gone."""

    def __init__(self, export: Export, release: Callable[[], None]) -> None:
        super().__init__(export.chunks, headers=export_headers(export))
        self._chunks, self._release = export.chunks, release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. Of HEAD, its headers alone."""
        try:
            if scope["method"] == "HEAD":
                await Response(headers=dict(self.headers))(scope, receive, send)
            else:
                await super().__call__(scope, receive, send)
        finally:
            await run_in_threadpool(self._chunks.close)
            self._release()
