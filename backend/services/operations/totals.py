"""Numbers that can't be had without reading everything: kept by sweeps, so that pages need not.

Deliveries and videos are never removed, so each is counted once, when it is old enough that nothing older
can still come; what is newer is counted when somebody asks. States change, so the many takes of a state are
counted anew now and then.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from backend.domain.clock import id_lower_bound
from backend.services.deps import Deps
from backend.store.jobs import counts, deliveries
from backend.store.money import ledger_sums
from backend.store.records import key_values, videos

#: The fact that holds what was counted.
TOTALS_KEY = "tally"
#: How often it is brought forward.
UPDATE_EVERY = timedelta(minutes=1)
#: Older than this nothing comes any more: hosts' clocks differ by less, and no transaction takes as long.
SETTLED_AFTER = timedelta(minutes=10)
#: Takes of a state are counted one by one up to this, within a millisecond.
EXACT_UP_TO = 2_000
#: How often the states with more than that are counted; it reads an index of all takes.
STATES_EVERY = timedelta(minutes=10)
#: Rows that are counted, or lines added up, at a time.
COUNT_BATCH = 20_000


@dataclass(frozen=True)
class Totals:
    """How much there is. states: those with more than `EXACT` takes may be ten minutes old."""

    states: dict[str, int]
    deliveries: dict[str, int]
    videos: int
    videos_bytes: int


def get_totals(session: Session) -> Totals:
    """What was counted, and what came since."""
    known = key_values.get_value(session, TOTALS_KEY) or {}
    states = counts.by_state(session, limit=EXACT_UP_TO)
    for state, number in states.items():
        if number >= EXACT_UP_TO:
            states[state] = max(number, known.get("states", {}).get(state, 0))
    verdicts, _ = deliveries.count_by_verdict(
        session, after=known.get("delivery", ""), before="~", limit=COUNT_BATCH
    )
    number, size, _ = videos.count_between(
        session, after=known.get("video", ""), before="~", limit=COUNT_BATCH
    )
    return Totals(
        states=states,
        deliveries=dict(Counter(known.get("deliveries", {})) + Counter(verdicts)),
        videos=known.get("videos", 0) + number,
        videos_bytes=known.get("videos_bytes", 0) + size,
    )


def update_totals(deps: Deps) -> None:
    """Count what has settled since the last time, and add new lines of the ledger to the kept sums."""
    _add_up(deps)
    now = deps.clock.now()
    with deps.store.read() as session:
        last = key_values.get_value(session, TOTALS_KEY) or {}
    if last and now - datetime.fromisoformat(last["at"]) < UPDATE_EVERY:
        return
    more = True
    while more and not deps.stopping.is_set():
        with deps.store.read() as session:
            updated, more = _forward(session, last, now)
        last = updated
    if more:  # told to stop in the middle: the next one goes on from what is kept
        return
    with deps.store.begin() as session:
        serial = key_values.get_value_for_update(session, TOTALS_KEY) or {}
        if serial.get("at", "") < last["at"]:  # another worker may have been quicker
            key_values.set_value(session, TOTALS_KEY, last, at=now)


def _add_up(deps: Deps) -> None:
    while not deps.stopping.is_set():
        with deps.store.begin() as session:
            if ledger_sums.roll_up(session, at=deps.clock.now(), limit=COUNT_BATCH) < COUNT_BATCH:
                return


def _forward(session: Session, last: dict[str, Any], now: datetime) -> tuple[dict[str, Any], bool]:
    """(the tally with the next rows counted, whether there may be more)."""
    before = id_lower_bound(now - SETTLED_AFTER)
    verdicts, delivery = deliveries.count_by_verdict(
        session, after=last.get("delivery", ""), before=before, limit=COUNT_BATCH
    )
    number, size, video = videos.count_between(
        session, after=last.get("video", ""), before=before, limit=COUNT_BATCH
    )
    updated = {
        "at": now.isoformat(),
        "delivery": delivery,
        "deliveries": dict(Counter(last.get("deliveries", {})) + Counter(verdicts)),
        "video": video,
        "videos": last.get("videos", 0) + number,
        "videos_bytes": last.get("videos_bytes", 0) + size,
        **_states(session, last, now),
    }
    return updated, number == COUNT_BATCH or sum(verdicts.values()) == COUNT_BATCH


def _states(session: Session, last: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Takes of each state, if any has many, and if the last count is old."""
    counted_at = last.get("states_at")
    if counted_at and now - datetime.fromisoformat(counted_at) < STATES_EVERY:
        return {"states": last["states"], "states_at": counted_at}
    if max(counts.by_state(session, limit=EXACT_UP_TO).values(), default=0) < EXACT_UP_TO:
        return {}
    return {"states": counts.by_state(session), "states_at": now.isoformat()}
