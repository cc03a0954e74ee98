"""WebSockets in the hands of a test, without a network: the server runs in an event loop of its own."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware

from backend.web.live.routes import Live
from tests.waiting import PATIENCE_S


class HungUpError(Exception):
    """The server has ended the line. accepted: had it begun?"""

    def __init__(self, code: int, *, accepted: bool) -> None:
        super().__init__(code)
        self.code, self.accepted = code, accepted


class Line:
    """One page's WebSocket."""

    def __init__(self, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._run = run
        self.to_server, self.from_server = asyncio.Queue[Any](), asyncio.Queue[Any]()
        self._accepted = False

    def say(self, said: Any) -> None:
        """A text, bytes, or anything that becomes JSON."""
        if isinstance(said, bytes):
            self._put({"type": "websocket.receive", "bytes": said})
        else:
            text = said if isinstance(said, str) else json.dumps(said)
            self._put({"type": "websocket.receive", "text": text})

    def hear(self) -> Any:
        """The next message, as JSON. Raises HungUpError."""
        message = self._run(asyncio.wait_for(self.from_server.get(), PATIENCE_S))
        if message["type"] == "websocket.accept":
            self._accepted = True
            return self.hear()
        if message["type"] == "websocket.close":
            raise HungUpError(message.get("code", 1000), accepted=self._accepted)
        return json.loads(message["text"])

    def close(self) -> None:
        """The page is gone."""
        self._put({"type": "websocket.disconnect", "code": 1001})

    def _put(self, message: Any) -> None:
        self._run(self.to_server.put(message))


class Pages:
    """A server, and the pages that are open at it."""

    def __init__(self, app: Starlette, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._app, self._run = app, run
        self._open: list[asyncio.Task[None]] = []

    @contextmanager
    def open_line(self, headers: Mapping[str, str]) -> Iterator[Line]:
        """A page that listens; it leaves at the end."""
        line = Line(self._run)
        lines = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "websocket", "path": "/live", "raw_path": b"/live", "query_string": b"",
            "headers": lines, "subprotocols": [], "client": ("10.0.0.9", 5000), "server": ("127.0.0.1", 80),
            "scheme": "ws", "root_path": "",
        }  # fmt: skip

        async def begin() -> asyncio.Task[None]:
            await line.to_server.put({"type": "websocket.connect"})
            asked = self._app(scope, line.to_server.get, line.from_server.put)
            return asyncio.ensure_future(asked)

        task = self._run(begin())
        try:
            yield line
        finally:
            line.close()
            self._run(asyncio.wait_for(task, PATIENCE_S))


@contextmanager
def served(live: Live, *middleware: Middleware) -> Iterator[Pages]:
    """The dashboard's server, with nothing but its live route."""
    app = Starlette(routes=live.routes(), middleware=middleware)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(do: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(do, loop).result(PATIENCE_S)

    lifespan = live.lifespan(app)
    try:
        run(lifespan.__aenter__())
        yield Pages(app, run)
        run(lifespan.__aexit__(None, None, None))
        run(loop.shutdown_default_executor())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
