"""When the catalogue is refreshed: once a day, when a person asks, or on command; and how it goes.

A page only writes down the request; a worker sees it and does the work. How far it is stands in a fact, so
that any page can show it and no second worker begins the same.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field
from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.domain.errors import CatalogueUnavailable, Interrupted
from backend.services.access import Viewer
from backend.services.audit.record import WORKER, Action, Actor, record
from backend.services.catalogue import live_catalogue
from backend.services.deps import Deps
from backend.store.records.facts import Fact

log = logging.getLogger(__name__)

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

    state: Annotated[RefreshState, Field(alias="going")]
    message: Annotated[str, Field(alias="says")]
    at: datetime

    @property
    def in_progress(self) -> bool:
        """Is there more to come by itself?"""
        return self.state in (RefreshState.WANTED, RefreshState.RUNNING)


REFRESH = Fact(RefreshStatus, "catalog_refresh")


def request_refresh(deps: Deps, viewer: Viewer) -> None:
    """Have a worker refresh the catalogue soon; one under way will do. Raises NotAllowed: not an admin."""
    viewer.must(Do.REFRESH_MODELS)
    with deps.store.begin() as session:
        status = _status(REFRESH.lock_and_read(session), deps.clock.now())
        if status is None or not status.in_progress:
            _put_status(session, deps, RefreshState.WANTED, "waits for a worker")
            _record_begun(session, deps, viewer)


def last_refresh(deps: Deps) -> RefreshStatus | None:
    """How the newest refresh went or goes; None: there never was one."""
    with deps.store.read() as session:
        return _status(REFRESH.read(session), deps.clock.now())


def refresh_now(
    deps: Deps, *, on_progress: Callable[[str], None], by: Viewer | None = None
) -> live_catalogue.RefreshResult:
    """Refresh the catalogue, whole or not at all, and keep how far it is for everybody to see.

    by: who commands it here and now; None: who wanted it is written down already.

    Raises:
        CatalogueUnavailable: a call failed or an answer can't be read; the old catalogue stays.
        Interrupted: the worker stops; the next one begins anew.
    """

    def tell(line: str) -> None:
        if deps.stopping.is_set():
            raise Interrupted("The worker is stopping.")
        record_status(deps, RefreshState.RUNNING, line)
        on_progress(line)

    if by is not None:
        with deps.store.begin() as session:
            _record_begun(session, deps, by)
    try:
        tell("asking the providers")
        brought = live_catalogue.refresh_catalogue(deps, on_progress=tell)
    except CatalogueUnavailable as error:
        record_status(deps, RefreshState.FAILED, str(error))
        raise
    except Interrupted:
        record_status(deps, RefreshState.WANTED, "waits for the next worker")
        raise
    done = f"{brought.endpoints:,} endpoints, {brought.usable:,} of them usable"
    record_status(deps, RefreshState.DONE, done)
    return brought


def refresh_if_due(deps: Deps, *, scheduled: bool) -> None:
    """Refresh the catalogue if somebody asked for it, or a day has passed; at most one worker does.

    scheduled: also when nobody did. In demo mode never: the simulator lists what came with the program.
    """
    if not _begin_if_due(deps, scheduled and not deps.settings.is_demo):
        return
    try:
        refresh_now(deps, on_progress=lambda _: None)
    except CatalogueUnavailable as error:
        log.warning("catalogue not refreshed", extra={"why": error.in_full[:300]})
    except Interrupted:
        log.info("catalogue left to the next worker")


def _begin_if_due(deps: Deps, scheduled: bool) -> bool:
    """Is it due, and this worker the one to do it?"""
    now, known = deps.clock.now(), REFRESH.query(deps.store)
    # Nearly always there is nothing to do, and nobody to wait for.
    if not _is_due(known, live_catalogue.NEWEST.query(deps.store), now, scheduled):
        return False
    with deps.store.begin() as session:
        known, newest = REFRESH.lock_and_read(session), live_catalogue.NEWEST.read(session)
        due = _is_due(known, newest, deps.clock.now(), scheduled)
        if due:
            if known is None or known.state != RefreshState.WANTED:
                _record_begun(session, deps, WORKER)
            _put_status(session, deps, RefreshState.RUNNING, "begins")
    return due


def _is_due(
    known: RefreshStatus | None, newest: live_catalogue.NewestCatalogue | None, now: datetime, scheduled: bool
) -> bool:
    last = _status(known, now)
    if last is not None and last.state == RefreshState.WANTED:
        return True
    if not scheduled or (last is not None and last.state == RefreshState.RUNNING):
        return False
    if last is not None and last.state == RefreshState.FAILED and now - last.at < RETRY_AFTER:
        return False
    return newest is None or now - newest.at >= REFRESH_EVERY


def _status(known: RefreshStatus | None, now: datetime) -> RefreshStatus | None:
    """What is true of it now: one that runs and has said nothing for long has died with its worker."""
    if known is not None and known.state == RefreshState.RUNNING and now - known.at > STALLED_AFTER:
        return replace(known, state=RefreshState.FAILED, message="it broke off with its worker")
    return known


def record_status(deps: Deps, state: RefreshState, message: str) -> None:
    """Keep how a refresh goes, for everybody to see."""
    with deps.store.begin() as session:
        _put_status(session, deps, state, message)


def _record_begun(session: Session, deps: Deps, by: Viewer | Actor) -> None:
    """Prices may change by it: who had it done stands in the audit, also where that was the worker."""
    record(session, deps, by, Action.MODELS_REFRESHED, object_type="catalogue")


def _put_status(session: Session, deps: Deps, state: RefreshState, message: str) -> None:
    REFRESH.put(session, RefreshStatus(state, message[:300], deps.clock.now()))
