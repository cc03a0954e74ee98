"""When the catalogue is refreshed: once a day, on a person's wish, or on command; and how it goes.

A page only writes down the wish; a worker sees it and does the work. How far it is stands in a fact, so
that any page can show it and no second worker begins the same.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session

from backend.domain.errors import CatalogueUnavailable, Interrupted
from backend.services.access import Role, Viewer
from backend.services.catalogue import live_catalogue
from backend.services.deps import Deps
from backend.store.records import key_values

log = logging.getLogger(__name__)

#: The fact that says how the newest refresh goes.
REFRESH_KEY = "catalog_refresh"
#: Providers add and retire endpoints every week; a day's delay loses nothing.
REFRESH_EVERY = timedelta(days=1)
#: After a failure it is tried again; sooner would only add to the trouble.
RETRY_AFTER = timedelta(hours=1)
#: A refresh that has said nothing for this long has died with its worker: no single call takes longer.
STALLED_AFTER = timedelta(minutes=2)


class RefreshState(StrEnum):
    """How a refresh goes."""

    WANTED = "wanted"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class RefreshStatus:
    """The newest refresh: how it goes, its last line, and when that was said."""

    state: RefreshState
    message: str
    at: datetime

    @property
    def in_progress(self) -> bool:
        """Is there more to come by itself?"""
        return self.state in (RefreshState.WANTED, RefreshState.RUNNING)


def request_refresh(deps: Deps, viewer: Viewer) -> None:
    """Have a worker refresh the catalogue as soon as it can; one that is under way is that wish.

    Raises:
        NotAllowed: only an admin may.
    """
    viewer.require_role(Role.ADMIN)
    with deps.store.begin() as session:
        standing = _standing(session, deps.clock.now())
        if standing is None or not standing.in_progress:
            _say(session, deps, RefreshState.WANTED, "waits for a worker")


def last_refresh(deps: Deps) -> RefreshStatus | None:
    """How the newest refresh went or goes; None: there never was one."""
    with deps.store.read() as session:
        return _standing(session, deps.clock.now())


def refresh_now(deps: Deps, *, on_progress: Callable[[str], None]) -> live_catalogue.RefreshResult:
    """Refresh the catalogue, whole or not at all, and keep how far it is for everybody to see.

    Raises:
        CatalogueUnavailable: a call failed or an answer can't be read; the old catalogue stays.
        Interrupted: the worker stops; the next one begins anew.
    """

    def tell(line: str) -> None:
        if deps.stopping.is_set():
            raise Interrupted("The worker is stopping.")
        _note(deps, RefreshState.RUNNING, line)
        on_progress(line)

    try:
        tell("asking the providers")
        brought = live_catalogue.refresh_catalogue(deps, on_progress=tell)
    except CatalogueUnavailable as error:
        _note(deps, RefreshState.FAILED, str(error))
        raise
    except Interrupted:
        _note(deps, RefreshState.WANTED, "waits for the next worker")
        raise
    _note(deps, RefreshState.DONE, f"{brought.endpoints:,} endpoints, {brought.usable:,} of them usable")
    return brought


def refresh_if_due(deps: Deps, *, scheduled: bool) -> None:
    """Refresh the catalogue if somebody wishes it, or a day has passed; at most one worker does.

    by_itself: also without a wish. In demo mode never: the simulator lists what came with the program.
    """
    if not _begun(deps, scheduled and not deps.settings.is_demo):
        return
    try:
        refresh_now(deps, on_progress=lambda _: None)
    except CatalogueUnavailable as error:
        log.warning("catalogue not refreshed", extra={"why": str(error)[:300]})
    except Interrupted:
        log.info("catalogue left to the next worker")


def _begun(deps: Deps, by_itself: bool) -> bool:
    """Is it due, and this worker the one to do it?"""
    with deps.store.read() as session:  # nearly always there is nothing to do, and nobody to wait for
        if not _is_due(session, deps.clock.now(), by_itself):
            return False
    with deps.store.begin() as session:
        due = _is_due(session, deps.clock.now(), by_itself)
        if due:
            _say(session, deps, RefreshState.RUNNING, "begins")
    return due


def _is_due(session: Session, now: datetime, by_itself: bool) -> bool:
    last, newest = _standing(session, now), key_values.get(session, live_catalogue.NEWEST_KEY)
    if last is not None and last.state == RefreshState.WANTED:
        return True
    if not by_itself or (last is not None and last.state == RefreshState.RUNNING):
        return False
    if last is not None and last.state == RefreshState.FAILED and now - last.at < RETRY_AFTER:
        return False
    return newest is None or now - newest.at >= REFRESH_EVERY


def _standing(session: Session, now: datetime) -> RefreshStatus | None:
    fact = key_values.get(session, REFRESH_KEY)
    if fact is None:
        return None
    going = RefreshState(fact.value["going"])
    if going == RefreshState.RUNNING and now - fact.at > STALLED_AFTER:
        return RefreshStatus(RefreshState.FAILED, "it broke off with its worker", fact.at)
    return RefreshStatus(going, str(fact.value["says"]), fact.at)


def _note(deps: Deps, going: RefreshState, says: str) -> None:
    with deps.store.begin() as session:
        _say(session, deps, going, says)


def _say(session: Session, deps: Deps, going: RefreshState, says: str) -> None:
    key_values.set_value(session, REFRESH_KEY, {"going": going, "says": says[:300]}, at=deps.clock.now())
