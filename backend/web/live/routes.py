"""The WebSocket of open pages: who may listen, what it says first, and how it ends."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, NamedTuple

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from backend.domain.errors import NotAllowed, StoreUnavailable
from backend.domain.shape import load_json
from backend.services import access
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.live.greeting import greet
from backend.services.team import visitors
from backend.services.team.visitors import Visit
from backend.web.door.same_origin import is_same_origin
from backend.web.live.onlookers import (
    BAD_HELLO,
    COME_BACK,
    RECHECK_EVERY_S,
    SIGNED_OUT,
    Onlooker,
    Onlookers,
)

#: A page may say that it shows so many takes in one message; it may send several.
SHOWN_MAX = 200
#: An id of a take is no longer.
ID_MAX_CHARS = 64
#: A page says hello within so many seconds.
HELLO_S = 5.0
#: A page that does not answer our goodbye is left after so many seconds.
GOODBYE_S = 2.0


class Hello(NamedTuple):
    """What a page shows, and the newest move that it knows of."""

    since: int
    ids: Sequence[str]


class Live:
    """The route and its look.

    get_deps: called at the first look, not before. base_path: of all pages. own_names_only: a page comes
    from this machine's own name or address, as nothing else keeps strangers out.
    """

    def __init__(
        self,
        get_deps: Callable[[], Deps],
        *,
        base_path: str = "",
        own_names_only: bool = False,
        recheck_every_s: float = RECHECK_EVERY_S,
    ) -> None:
        self._root = f"/{base_path.strip('/')}".rstrip("/")
        self._own_names_only = own_names_only
        self.onlookers = Onlookers(get_deps, recheck_every_s=recheck_every_s)

    @asynccontextmanager
    async def lifespan(self, _app: Any) -> AsyncIterator[None]:
        """Look as long as the server runs."""
        looking = asyncio.ensure_future(self.onlookers.keep_looking())
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    def routes(self) -> list[WebSocketRoute]:
        """Below the root of all pages."""
        return [WebSocketRoute(f"{self._root}/live", self.listen)]

    async def listen(self, page: WebSocket) -> None:
        """One open page, from its first word to its last."""
        if not is_ours(page, own_names_only=self._own_names_only):
            await page.close()  # before it is accepted: the browser is answered 403
            return
        await page.accept()
        try:
            deps = await self.onlookers.deps()
            visit = visitors.open_visit(deps.settings, page.headers.get(visitors.HEADER))
            viewer = await self.onlookers.call(partial(_viewer_of, deps, visit))
        except NotAllowed:
            await page.close(SIGNED_OUT)
            return
        except StoreUnavailable:
            await page.close(COME_BACK)
            return
        onlooker = Onlooker(viewer, visit if deps.settings.has_logins else None)
        parts: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(self._hear(deps, page, onlooker)),
            asyncio.ensure_future(_send_on(page, onlooker)),
        ]
        try:
            await asyncio.wait([*parts, onlooker.over], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.onlookers.remove_onlooker(onlooker)
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
        if onlooker.over.done():
            with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
                await asyncio.wait_for(page.close(onlooker.over.result()), GOODBYE_S)

    async def _hear(self, deps: Deps, page: WebSocket, onlooker: Onlooker) -> None:
        """The first message begins it; whatever it asks is answered, and what is no hello ends it."""
        try:
            said = read_hello(await asyncio.wait_for(page.receive_text(), HELLO_S))
            await self.onlookers.add_onlooker(onlooker)
            while True:
                asked = partial(greet, deps, onlooker.viewer, since=said.since, ids=said.ids)
                onlooker.tell(await self.onlookers.call(asked))
                said = read_hello(await page.receive_text())
        except WebSocketDisconnect:
            return
        except (ValueError, KeyError, TimeoutError):  # KeyError: bytes where a text should be
            onlooker.hang_up(BAD_HELLO)
        except NotAllowed:
            onlooker.hang_up(SIGNED_OUT)
        except StoreUnavailable:
            onlooker.hang_up(COME_BACK)


async def _send_on(page: WebSocket, onlooker: Onlooker) -> None:
    """One message after the other, as fast as the page takes them."""
    with suppress(WebSocketDisconnect, RuntimeError):  # RuntimeError: it was closed meanwhile
        while True:
            await page.send_text(await onlooker.waiting.get())


def _viewer_of(deps: Deps, visit: Visit | None) -> Viewer:
    """Who listens. Raises SessionEnded, NoRole and StoreUnavailable."""
    if not deps.settings.has_logins:
        return access.local_viewer(deps)
    return visitors.viewer_of(deps, visit, acted=False)


def is_ours(page: WebSocket, *, own_names_only: bool) -> bool:
    """Does a page of this very dashboard ask? What sends no `Origin` is no browser.

    own_names_only: this machine's own names alone will do; any other could be a stranger's that leads here.
    """
    if "origin" not in page.headers:
        return True
    return is_same_origin(page.headers, own_names_only=own_names_only)


def read_hello(text: str) -> Hello:
    """What a page says. Raises ValueError: it is no hello."""
    said = load_json(text)
    if not isinstance(said, dict) or set(said) != {"since", "ids"}:
        raise ValueError("no hello")
    since, ids = said["since"], said["ids"]
    if isinstance(since, bool) or not isinstance(since, int) or not 0 <= since < 2**63:
        raise ValueError("no move's id")
    if not isinstance(ids, list) or len(ids) > SHOWN_MAX:
        raise ValueError("no list of takes")
    texts = all(isinstance(one, str) and len(one) <= ID_MAX_CHARS for one in ids)
    if not texts or not all(one.isascii() and one.isprintable() for one in ids):
        raise ValueError("no ids of takes")
    return Hello(since, ids)
