"""Every delivery since a moment applied again, as after a fault of ours: asked for here, done by workers.

How far it is stands in a fact, and moves in the transaction of each delivery: whoever dies meanwhile, the
next worker goes on behind the last one, and asked for twice it is done once.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.domain.clock import id_lower_bound
from backend.domain.errors import InvalidRequest, NotFound, StateConflict, StoreUnavailable
from backend.domain.kinds import Verdict
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.services.lifecycle.receive_webhook import replay_kept
from backend.store.jobs import deliveries
from backend.store.records.facts import Fact

log = logging.getLogger(__name__)

#: Between two deliveries, so that those that come now find the database free.
PAUSE_S = 0.005
#: What became of a delivery, besides a `Verdict`: nobody could apply it; the log says why.
FAILED = "failed"


class ReplayState(StrEnum):
    """How a replay goes."""

    RUNNING = "running"
    STOPPED = "stopped"  #: by a person; it can go on
    DONE = "done"


@dataclass(frozen=True)
class ReplayProgress:
    """The newest replay. at: when this was true. since: of deliveries that came then or later.

    by: who asked. last_id: the last delivery that was seen to; until_id: the last one that is to be. total:
    how many there are. became: verdict, or `FAILED` -> number.
    """

    at: datetime
    asked_at: datetime
    since: datetime
    by: str
    state: ReplayState
    last_id: str
    until_id: str
    total: int
    became: Mapping[str, int] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """How many deliveries were seen to."""
        return sum(self.became.values())


REPLAY = Fact(ReplayProgress, "replay_all")


def request_replay(deps: Deps, viewer: Viewer, since: datetime) -> ReplayProgress:
    """Have every delivery that came since then applied again; one since then that is under way will do.

    Raises:
        NotAllowed: not an admin.
        StateConflict: another one is under way, or no delivery came since.
        InvalidRequest: `since` is still to come.
    """
    viewer.must(Do.REPLAY_DELIVERIES)
    now = deps.clock.now()
    if since > now:
        raise InvalidRequest({"since": "is still to come"})
    with deps.store.begin() as session:
        known = REPLAY.lock_and_read(session)
        if known is not None and known.state == ReplayState.RUNNING:
            if known.since == since:
                return known
            raise StateConflict("Another replay is under way. Wait for its end, or stop it first.")
        first_id = id_lower_bound(since)
        total, until_id = deliveries.count_from(session, first_id)
        if until_id is None:
            raise StateConflict("No delivery came since then: there is nothing to apply.")
        asked = ReplayProgress(now, now, since, viewer.name, ReplayState.RUNNING, first_id, until_id, total)
        REPLAY.put(session, asked)
        _record(deps, session, viewer, (None, asked))
    log.info("replay asked for", extra={"by": viewer.name, "since": since.isoformat(), "total": total})
    return asked


def stop_replay(deps: Deps, viewer: Viewer) -> None:
    """Apply no further delivery. Raises NotAllowed; StateConflict: none is under way."""
    _turn(deps, viewer, ReplayState.RUNNING, ReplayState.STOPPED)


def resume_replay(deps: Deps, viewer: Viewer) -> None:
    """Go on where it was stopped. Raises NotAllowed; StateConflict: none was."""
    _turn(deps, viewer, ReplayState.STOPPED, ReplayState.RUNNING)


def last_replay(deps: Deps) -> ReplayProgress | None:
    """The newest replay, however far it is; None: there never was one."""
    return REPLAY.query(deps.store)


def work_off_replay(deps: Deps) -> int:
    """Apply what is asked for until it is done, stopped, or this worker stops; returns how many it did."""
    number = 0
    while not deps.stopping.is_set() and _is_running(last_replay(deps)) and _replay_next(deps):
        number += 1
        deps.stopping.wait(PAUSE_S)
    return number


def _turn(deps: Deps, viewer: Viewer, before: ReplayState, after: ReplayState) -> None:
    viewer.must(Do.REPLAY_DELIVERIES)
    with deps.store.begin() as session:
        known = REPLAY.lock_and_read(session)
        if known is None or known.state != before:
            raise StateConflict(f"No replay is {before} now.")
        turned = replace(known, at=deps.clock.now(), state=after)
        REPLAY.put(session, turned)
        _record(deps, session, viewer, (known, turned))


def _record(
    deps: Deps, session: Session, viewer: Viewer, changed: tuple[ReplayProgress | None, ReplayProgress]
) -> None:
    """object_id: none, for it is about all deliveries since a moment."""
    was, now = changed
    said = {"since": (None, now.since.isoformat()), "total": (None, now.total)}
    state = {"state": (was and was.state, now.state)}
    record(session, deps, viewer, Action.DELIVERY_REPLAYED, object_type="deliveries", changed=said | state)


def _is_running(known: ReplayProgress | None) -> bool:
    return known is not None and known.state == ReplayState.RUNNING


def _replay_next(deps: Deps) -> bool:
    """Apply one delivery, with the progress that tells of it; was there one?

    One that can't be applied, also by a bug, is counted and passed over: it holds up none of the others.
    """
    at_hand, settled, otherwise = None, False, FAILED
    try:
        with deps.store.begin() as session:
            known = REPLAY.lock_and_read(session)
            if known is None or known.state != ReplayState.RUNNING:
                return False
            at_hand = deliveries.next_id(session, after=known.last_id, until=known.until_id)
            if at_hand is None:
                REPLAY.put(session, replace(known, at=deps.clock.now(), state=ReplayState.DONE))
                return False
            became = replay_kept(deps, session, at_hand, by=f"replay by {known.by}")
            _count(deps, session, known, at_hand, became)
        settled = True
    except StoreUnavailable:  # nothing was written, or it was and is known: the next look tells
        settled = True
        raise
    except (NotFound, StateConflict) as error:
        otherwise = Verdict.ORPHAN if isinstance(error, StateConflict) else FAILED
        log.warning("not replayed", extra={"delivery": at_hand, "why": str(error)})
    finally:
        if at_hand is not None and not settled:
            _pass_over(deps, at_hand, otherwise)
    return True


def _pass_over(deps: Deps, delivery_id: str, became: str) -> None:
    with deps.store.begin() as session:
        known = REPLAY.lock_and_read(session)
        if known is not None and known.last_id < delivery_id:
            _count(deps, session, known, delivery_id, became)


def _count(deps: Deps, session: Session, known: ReplayProgress, delivery_id: str, became: str) -> None:
    counts = dict(Counter(known.became) + Counter([became]))
    REPLAY.put(session, replace(known, at=deps.clock.now(), last_id=delivery_id, became=counts))
