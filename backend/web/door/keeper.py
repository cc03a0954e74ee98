"""Who comes: by the cookie of a session of ours, or as a proxy in front says. Nobody waits long for it."""

import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import anyio
from anyio.to_thread import run_sync
from starlette.datastructures import Headers

from backend.domain.access.identity import Identity
from backend.domain.access.origin import Origin
from backend.domain.errors import SettingsError, StoreUnavailable
from backend.identity.proxies import ProxyRefused
from backend.identity.published import IssuerUnavailable
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.operations import readiness
from backend.services.operations.hang_guard import HangGuard
from backend.services.patient_look import NoAnswer, PatientLook
from backend.services.team import sessions, sign_ins, visitors
from backend.services.team.quick_visitors import QuickVisitors
from backend.services.team.sessions import PersonDisabled
from backend.services.team.visitors import NoRole, SessionEnded, Visit
from backend.settings import Settings
from backend.web.door.cookies import DoorCookies
from backend.web.door.table import Who

log = logging.getLogger(__name__)

#: So many look-ups run at once; each takes well under a millisecond while the database answers.
LOOKUPS_AT_ONCE = 16
#: Who a proxy says that somebody is; None: it says nothing. It raises what it does not believe.
Identify = Callable[[Headers], Identity | None]


@dataclass(frozen=True)
class Visitor:
    """Who comes.

    header: what pages and routes are told of them; empty: nothing. no_role: why they have none.
    """

    who: Who
    visit: Visit | None = None
    viewer: Viewer | None = None
    no_role: NoRole | None = None
    header: str = ""


NOBODY, UNJUDGED = Visitor(Who.NOBODY), Visitor(Who.UNJUDGED)


class Keeper:
    """Knows whoever comes. open_deps: called at the first look-up, and again while it fails."""

    def __init__(
        self,
        settings: Settings,
        open_deps: Callable[[], Deps],
        cookies: DoorCookies,
        identify: Identify | None = None,
    ) -> None:
        self._settings, self._cookies, self._identify = settings, cookies, identify
        self._opening = PatientLook(partial(_open, open_deps), believed_s=math.inf)
        self._quick: tuple[QuickVisitors, HangGuard] | None = None  #: once what they need is open
        self._limiter: anyio.CapacityLimiter | None = None
        self._refusals = sign_ins.Refusals()

    def deps(self) -> Deps:
        """What use cases are given. Raises StoreUnavailable: it isn't there yet."""
        try:
            deps, guard = self._opening.outcome(within_s=readiness.WAIT_S)
        except (NoAnswer, SettingsError) as error:
            raise StoreUnavailable("it does not answer") from error
        guard.keep_watch()
        if self._quick is None:
            self._quick = QuickVisitors(deps), guard
        return deps

    async def recognize(
        self, headers: Headers, address: str | None, *, acted: bool, within_s: float
    ) -> Visitor:
        """Who this is; after so many seconds, nobody that could be looked up.

        acted: did a person do something, as far as can be seen?
        """
        found, cookie = NOBODY, self._cookies.read_session(headers)
        if cookie is not None:
            visit = Visit(time.time(), session_id=sessions.session_id(cookie), address=address)
            found = Visitor(Who.UNKNOWN, visit, header=visitors.seal_visit(self._settings, visit))
        look = partial(self._by_cookie, found, acted=acted)
        if self._identify is not None:
            look, found = partial(self._by_proxy, self._identify, headers, address, look), UNJUDGED
        elif found.visit is None:
            return NOBODY
        elif (viewer := await self._known_at_once(found.visit, acted=acted)) is not None:
            return replace(found, who=Who.SOMEBODY, viewer=viewer)
        with anyio.move_on_after(within_s):
            return await run_sync(look, limiter=self._the_limiter(), abandon_on_cancel=True)
        return found

    async def _known_at_once(self, visit: Visit, *, acted: bool) -> Viewer | None:
        """None: it has to be asked in a thread."""
        if self._quick is None:
            return None
        quick, guard = self._quick
        guard.keep_watch()
        return await quick.viewer_of(visit, acted=acted)

    def _the_limiter(self) -> anyio.CapacityLimiter:
        """Made in the event loop, where it belongs."""
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(LOOKUPS_AT_ONCE)
        return self._limiter

    def _by_cookie(self, unknown: Visitor, *, acted: bool) -> Visitor:
        return self._judge(unknown, unknown.visit, acted=acted) if unknown.visit else NOBODY

    def _by_proxy(
        self, identify: Identify, headers: Headers, address: str | None, otherwise: Callable[[], Visitor]
    ) -> Visitor:
        """otherwise: who comes where the proxy names nobody."""
        try:
            identity = identify(headers)
        except IssuerUnavailable as problem:
            log.warning("what the proxy says can't be judged now", extra={"why": problem.why})
            return UNJUDGED
        except ProxyRefused as problem:
            with suppress(StoreUnavailable):
                self._refusals.note_refusal(self.deps(), "proxy", problem.why, Origin(address=address))
            return NOBODY
        if identity is None:
            return otherwise()
        visit = Visit(time.time(), identity=identity, address=address)
        unknown = Visitor(Who.UNKNOWN, visit, header=visitors.seal_visit(self._settings, visit))
        try:
            deps = self.deps()
            visitors.admit_identity(deps, identity)
        except StoreUnavailable as error:
            return _unknown(unknown, error)
        except PersonDisabled as problem:
            self._refusals.note_person(deps, problem.name, "disabled", visit.origin)
            return replace(unknown, who=Who.ROLELESS, no_role=NoRole(problem.name, str(problem)))
        return self._judge(unknown, visit, acted=True)

    def _judge(self, unknown: Visitor, visit: Visit, *, acted: bool) -> Visitor:
        """unknown: what is to be said where it can't be looked up."""
        try:
            deps = self.deps()
            viewer = visitors.viewer_of(deps, visit, acted=acted)
        except SessionEnded:
            return replace(unknown, who=Who.ENDED)
        except NoRole as problem:
            self._refusals.note_person(deps, problem.name, "no role", visit.origin)
            return replace(unknown, who=Who.ROLELESS, no_role=problem)
        except StoreUnavailable as error:
            return _unknown(unknown, error)
        return replace(unknown, who=Who.SOMEBODY, viewer=viewer)


def _unknown(visitor: Visitor, error: StoreUnavailable) -> Visitor:
    log.warning("nobody can be recognized now", extra={"why": error.why[:300]})
    return visitor


def _open(open_deps: Callable[[], Deps]) -> tuple[Deps, HangGuard]:
    opened = open_deps()
    return opened, HangGuard(opened)
