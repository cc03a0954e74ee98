"""The door in the hands of a test: a browser that comes in, and what stands behind it in the kit's place."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from backend.services.deps import Deps
from backend.services.team import visitors
from backend.web.door.set_up import make_door
from tests.login_providers import Issuer

BASE = "http://127.0.0.1:8501"
#: What a browser says when a person opens a page, and when a page fetches something.
NAVIGATES = {"accept": "text/html,*/*", "sec-fetch-mode": "navigate", "sec-fetch-site": "none"}
FETCHES = {"accept": "*/*", "sec-fetch-mode": "cors", "sec-fetch-site": "same-origin"}


async def _behind(request: Request) -> Response:
    """Says who the door says it is; nobody at all where it says nothing."""
    return PlainTextResponse(",".join(request.headers.getlist(visitors.HEADER)) or "nobody")


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(socket.headers.get(visitors.HEADER, "nobody"))
    await socket.close()


def dashboard(deps: Deps, root: str = "") -> Starlette:
    """The door, and behind it a kit that only says who comes."""
    door = make_door(deps.settings, lambda: deps, base_path=root, clock=deps.clock)
    everything = ["GET", "HEAD", "PUT", "POST", "DELETE"]
    kit = [WebSocketRoute("/{path:path}", _socket), Route("/{path:path}", _behind, methods=everything)]
    return Starlette(routes=[*door.routes, *kit], middleware=[Middleware(Wrapped, door=door.middleware)])


class Wrapped:
    """The door's middleware as the server has it."""

    def __init__(self, app: Any, door: Middleware) -> None:
        self._app = door.cls(app, *door.args, **door.kwargs)

    async def __call__(self, *call: Any) -> None:
        await self._app(*call)


class Browser:
    """One browser: it keeps cookies, and follows nothing by itself."""

    def __init__(self, app: Starlette, base: str = BASE) -> None:
        self.app, self.base, self.cookies = app, base, httpx.Cookies()

    def ask(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        return self._ask(path, method, FETCHES | _named(headers))

    def open(self, path: str, **headers: str) -> httpx.Response:
        """As a person opens a page."""
        return self._ask(path, "GET", NAVIGATES | _named(headers))

    @staticmethod
    def line(app: Starlette) -> httpx.AsyncClient:
        """For many at once; without cookies of its own."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE)

    def _ask(self, path: str, method: str, headers: dict[str, str]) -> httpx.Response:
        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url=self.base) as line:
                line.cookies = self.cookies
                got = await line.request(method, path, headers=headers)
                self.cookies = line.cookies
                return got

        return asyncio.run(answer())

    def connect(self, path: str, **headers: str) -> str | int:
        """What a websocket is told first; the code with which it is refused."""
        jar = httpx.Request("GET", self.base + path)
        self.cookies.set_cookie_header(jar)
        sent = {"host": urlsplit(self.base).netloc, **dict(jar.headers.items()), **_named(headers)}
        lines = [(name.lower().encode(), value.encode()) for name, value in sent.items()]
        scope = {
            "type": "websocket", "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": lines, "subprotocols": [], "client": ("10.0.0.9", 5000), "server": ("127.0.0.1", 8501),
            "scheme": "ws",
        }  # fmt: skip
        said: list[Any] = []

        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            said.append(message)

        asyncio.run(self.app(scope, receive, send))
        first = said[0]
        return int(first["code"]) if first["type"] == "websocket.close" else str(said[1]["text"])

    def sign_in(
        self, issuer: Issuer, name: str = "one", page: str = "/gallery", **back: str
    ) -> httpx.Response:
        """All of it: to the provider, and back with a code. back: what comes back otherwise."""
        sent = self.open(f"/sign-in/{name}?next={page}")
        assert sent.status_code == 302, sent.text
        asked = issuer.began(sent.headers["location"])
        query = {"code": "c0de", "state": asked["state"], **back}
        return self.open(
            "/sign-in/back?" + "&".join(f"{key}={value}" for key, value in query.items() if value)
        )


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def who_comes(deps: Deps, told: str) -> str:
    """The name behind what the door says."""
    visit = visitors.open_visit(deps.settings, told)
    return visitors.viewer_of(deps, visit, acted=False).name if visit else "nobody"


def next_of(answer: httpx.Response) -> str:
    """Where a sign-in page that somebody is sent to would send them on."""
    return parse_qs(urlsplit(answer.headers["location"]).query)["next"][0]
