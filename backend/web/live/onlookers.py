"""Open pages that listen, and the one look a process that is told to them all."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TypeVar

import anyio
from anyio.to_thread import run_sync

from backend.domain.errors import SettingsError, StoreUnavailable
from backend.logs import log_unforeseen
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.live.feed import Feed, News
from backend.services.team import visitors
from backend.services.team.visitors import Visit

log = logging.getLogger(__name__)

#: Somebody's commit is looked for this often, in seconds: a file is asked in microseconds, a server in half a
#: millisecond.
LOOK_EVERY_S = {True: 0.25, False: 0.5}
#: After something went wrong it is looked again after so many seconds.
AGAIN_S = 2.0
#: Everybody's session is looked up again this often, in seconds.
RECHECK_EVERY_S = 30.0
#: So many messages may wait for a page that is slow to take them.
WAITING_MAX = 64
#: Looks run in so many threads at once, apart from those of pages.
THREADS = 4

#: Why a page is hung up on. Source: RFC 6455, 7.4.2: codes from 4000 on are the application's own.
BAD_HELLO, SIGNED_OUT, TOO_SLOW = 4400, 4401, 4408
#: Source: RFC 6455, 7.4.1, and the IANA registry: try again later.
COME_BACK = 1013
T = TypeVar("T")


class Onlooker:
    """One open page. visit: by what it came in; None: there are no logins."""

    def __init__(self, viewer: Viewer, visit: Visit | None) -> None:
        self.viewer, self.visit = viewer, visit
        self.waiting: asyncio.Queue[str] = asyncio.Queue(WAITING_MAX)
        self.over: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def tell(self, text: str) -> None:
        """Have it told as soon as it takes it; a page that is too slow comes back and says hello."""
        try:
            self.waiting.put_nowait(text)
        except asyncio.QueueFull:
            self.hang_up(TOO_SLOW)

    def hang_up(self, code: int) -> None:
        """End it, for this reason."""
        if not self.over.done():
            self.over.set_result(code)


class Onlookers:
    """Everybody who listens. get_deps: called at the first look, and again while it fails."""

    def __init__(self, get_deps: Callable[[], Deps], *, recheck_every_s: float = RECHECK_EVERY_S) -> None:
        self._get_deps, self._recheck_every_s = get_deps, recheck_every_s
        self._all: set[Onlooker] = set()
        self._awake, self._ready = asyncio.Event(), asyncio.Event()
        self._limiter: anyio.CapacityLimiter | None = None

    def __len__(self) -> int:
        return len(self._all)

    async def call(self, do: Callable[[], T]) -> T:
        """Do this in a thread; whoever stops waiting leaves it to itself."""
        if self._limiter is None:  # belongs to the event loop
            self._limiter = anyio.CapacityLimiter(THREADS)
        return await run_sync(do, limiter=self._limiter, abandon_on_cancel=True)

    async def deps(self) -> Deps:
        """What use cases are given."""
        return await self.call(self._get_deps)

    async def add_onlooker(self, onlooker: Onlooker) -> None:
        """From now on it is told whatever happens; what it is shown from now on is no older than that."""
        self._all.add(onlooker)
        self._awake.set()
        await self._ready.wait()

    def remove_onlooker(self, onlooker: Onlooker) -> None:
        """It is gone."""
        self._all.discard(onlooker)

    async def keep_looking(self) -> None:
        """Look on until this is cancelled, whatever happens meanwhile."""
        while True:
            parts = [asyncio.ensure_future(self._look_on()), asyncio.ensure_future(self._recheck_on())]
            try:
                await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for part in parts:
                    part.cancel()
            for ended in await asyncio.gather(*parts, return_exceptions=True):
                if isinstance(ended, SettingsError | StoreUnavailable):
                    log.warning("open pages are told nothing now", extra={"why": str(ended)[:300]})
                elif isinstance(ended, Exception):
                    log_unforeseen("telling open pages what changed failed", ended)
            self._ready.clear()
            for onlooker in tuple(self._all):  # it comes back, and is told all that it missed
                onlooker.hang_up(COME_BACK)
            await asyncio.sleep(AGAIN_S)

    async def _look_on(self) -> None:
        deps = await self.deps()
        feed, every_s, seen = Feed(deps), LOOK_EVERY_S[deps.store.embedded], object()
        with ExitStack() as stack:
            version = await self.call(partial(stack.enter_context, deps.store.watch_commits()))
            while True:
                if not self._all:  # nobody listens: nothing is asked
                    self._ready.clear()
                    self._awake.clear()
                    await self._awake.wait()
                if not self._ready.is_set():
                    seen = await self.call(version)
                    await self.call(feed.begin_now)
                    self._ready.set()
                await asyncio.sleep(every_s)
                try:
                    now = await self.call(version)
                    if now != seen or feed.is_owing:
                        viewers = [onlooker.viewer for onlooker in self._all]
                        news = await self.call(partial(feed.look, viewers))
                        seen = now
                        if news is not None:
                            self._tell_all(news)
                except StoreUnavailable:  # what happens meanwhile is read once it is back
                    await asyncio.sleep(AGAIN_S)

    def _tell_all(self, news: News) -> None:
        for onlooker in tuple(self._all):
            text = news.text_for(onlooker.viewer)
            if text is not None:
                onlooker.tell(text)

    async def _recheck_on(self) -> None:
        """A connection outlives a session: whoever has none any more is hung up on."""
        deps = await self.deps()
        while True:
            await asyncio.sleep(self._recheck_every_s)
            visits = {onlooker.visit: None for onlooker in self._all if onlooker.visit is not None}
            if not visits:
                continue
            try:
                known = await self.call(partial(visitors.viewers_of, deps, list(visits)))
            except StoreUnavailable:
                continue
            for onlooker in tuple(self._all):
                if onlooker.visit is None or onlooker.visit not in visits:
                    continue
                if onlooker.visit in known:
                    onlooker.viewer = known[onlooker.visit]
                else:
                    onlooker.hang_up(SIGNED_OUT)
