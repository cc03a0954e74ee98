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

from backend.domain.errors import CatalogUnread, Interrupted
from backend.services.access import Role, Viewer
from backend.services.catalogue import live_catalogue
from backend.services.deps import Deps
from backend.store.records import key_values

log = logging.getLogger(__name__)

#: The fact that says how the newest refresh goes.
REFRESH = "catalog_refresh"
#: fal adds and retires endpoints every week; a day's delay loses nothing.
EVERY = timedelta(days=1)
#: After a failure it is tried again; sooner would only add to the trouble.
AGAIN_AFTER = timedelta(hours=1)
#: A refresh that has said nothing for this long has died with its worker: no single call takes longer.
SILENT_AFTER = timedelta(minutes=2)


class Going(StrEnum):
    """How a refresh goes."""

    WANTED = "wanted"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Standing:
    """The newest refresh: how it goes, its last line, and when that was said."""

    going: Going
    says: str
    at: datetime

    @property
    def under_way(self) -> bool:
        """Is there more to come by itself?"""
        return self.going in (Going.WANTED, Going.RUNNING)


def wish_refresh(deps: Deps, viewer: Viewer) -> None:
    """Have a worker refresh the catalogue as soon as it can; one that is under way is that wish.

    Raises:
        NotAllowed: only an admin may.
    """
    viewer.must(Role.ADMIN)
    with deps.store.begin() as session:
        standing = _standing(session, deps.clock.now())
        if standing is None or not standing.under_way:
            _say(session, deps, Going.WANTED, "waits for a worker")


def last_refresh(deps: Deps) -> Standing | None:
    """How the newest refresh went or goes; None: there never was one."""
    with deps.store.read() as session:
        return _standing(session, deps.clock.now())


def refresh_now(deps: Deps, *, told: Callable[[str], None]) -> live_catalogue.Refreshed:
    """Refresh the catalogue, whole or not at all, and keep how far it is for everybody to see.

    Raises:
        CatalogUnread: a call failed or an answer can't be read; the old catalogue stays.
        Interrupted: the worker stops; the next one begins anew.
    """

    def tell(line: str) -> None:
        if deps.stopping.is_set():
            raise Interrupted("The worker is stopping.")
        _note(deps, Going.RUNNING, line)
        told(line)

    try:
        tell("asking fal")
        brought = live_catalogue.refresh(deps, told=tell)
    except CatalogUnread as error:
        _note(deps, Going.FAILED, str(error))
        raise
    except Interrupted:
        _note(deps, Going.WANTED, "waits for the next worker")
        raise
    _note(deps, Going.DONE, f"{brought.endpoints:,} endpoints, {brought.usable:,} of them usable")
    return brought


def refresh_when_due(deps: Deps, *, by_itself: bool) -> None:
    """Refresh the catalogue if somebody wishes it, or a day has passed; at most one worker does.

    by_itself: also without a wish. In demo mode never: the simulator lists what came with the program.
    """
    if not _begun(deps, by_itself and not deps.settings.demo):
        return
    try:
        refresh_now(deps, told=lambda _: None)
    except CatalogUnread as error:
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
            _say(session, deps, Going.RUNNING, "begins")
    return due


def _is_due(session: Session, now: datetime, by_itself: bool) -> bool:
    last, newest = _standing(session, now), key_values.get(session, live_catalogue.NEWEST)
    if last is not None and last.going == Going.WANTED:
        return True
    if not by_itself or (last is not None and last.going == Going.RUNNING):
        return False
    if last is not None and last.going == Going.FAILED and now - last.at < AGAIN_AFTER:
        return False
    return newest is None or now - newest.at >= EVERY


def _standing(session: Session, now: datetime) -> Standing | None:
    fact = key_values.get(session, REFRESH)
    if fact is None:
        return None
    going = Going(fact.value["going"])
    if going == Going.RUNNING and now - fact.at > SILENT_AFTER:
        return Standing(Going.FAILED, "it broke off with its worker", fact.at)
    return Standing(going, str(fact.value["says"]), fact.at)


def _note(deps: Deps, going: Going, says: str) -> None:
    with deps.store.begin() as session:
        _say(session, deps, going, says)


def _say(session: Session, deps: Deps, going: Going, says: str) -> None:
    key_values.keep(session, REFRESH, {"going": going, "says": says[:300]}, at=deps.clock.now())
