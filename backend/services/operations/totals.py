"""Numbers that can't be had without reading everything: kept by sweeps, so that pages need not.

Deliveries are never removed, and of a video that is, the count is told. So each is counted once, when it is
old enough that nothing older can still come; what is newer is counted when somebody asks. States change, so
the many takes of a state are counted anew now and then.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sqlmodel import Session

from backend.domain.clock import id_lower_bound
from backend.models import Video
from backend.services.deps import Deps
from backend.services.takes.same_inputs import note_inputs
from backend.store.jobs import counts, deliveries
from backend.store.money import ledger_sums, spend_sums
from backend.store.records import videos
from backend.store.records.facts import Fact

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
    """How much there is. states: those with more than `EXACT_UP_TO` takes may be ten minutes old."""

    states: dict[str, int]
    deliveries: dict[str, int]
    videos: int
    videos_bytes: int


@dataclass(frozen=True)
class _Tally:
    """What was counted. delivery, video: the last ids that it holds; states: of many, as of `states_at`."""

    at: datetime
    delivery: str = ""
    deliveries: dict[str, int] = field(default_factory=dict)
    video: str = ""
    videos: int = 0
    videos_bytes: int = 0
    states: dict[str, int] = field(default_factory=dict)
    states_at: datetime | None = None


_TALLY = Fact(_Tally, "tally")
_NOTHING = _Tally(datetime.min.replace(tzinfo=UTC))


def get_totals(session: Session) -> Totals:
    """What was counted, and what came since."""
    known = _TALLY.read(session) or _NOTHING
    states = counts.by_state(session, limit=EXACT_UP_TO)
    for state, number in states.items():
        if number >= EXACT_UP_TO:
            states[state] = max(number, known.states.get(state, 0))
    latest, _ = _count_on(session, known, before="~")
    return Totals(states, latest.deliveries, latest.videos, latest.videos_bytes)


def forget_video(session: Session, video: Video, *, at: datetime) -> None:
    """A video is removed: it is counted no more. at: whoever counted before that counts anew."""
    known = _TALLY.lock_and_read(session)
    if known is not None and video.id <= known.video:
        size = known.videos_bytes - video.size_bytes
        known = replace(known, at=max(at, known.at), videos=known.videos - 1, videos_bytes=size)
        _TALLY.put(session, known)


def update_totals(deps: Deps) -> None:
    """Count what has settled since the last time, and add new lines of the ledger to the kept sums."""
    _add_up(deps)
    now = deps.clock.now()
    last = _TALLY.query(deps.store) or _NOTHING
    if now - last.at < UPDATE_EVERY:
        return
    note_inputs(deps, before=now - SETTLED_AFTER)
    more = True
    while more and not deps.stopping.is_set():
        with deps.store.read() as session:
            last, more = _count_on(session, last, before=id_lower_bound(now - SETTLED_AFTER))
            last = _count_states(session, replace(last, at=now), now)
    if more:  # told to stop in the middle: the next one goes on from what is kept
        return
    with deps.store.begin() as session:
        if (_TALLY.lock_and_read(session) or _NOTHING).at < last.at:  # another worker may have been quicker
            _TALLY.put(session, last)


def _add_up(deps: Deps) -> None:
    for roll_up in (ledger_sums.roll_up, spend_sums.roll_up):
        more = True
        while more and not deps.stopping.is_set():
            with deps.store.begin() as session:
                more = roll_up(session, at=deps.clock.now(), limit=COUNT_BATCH) == COUNT_BATCH


def _count_on(session: Session, last: _Tally, *, before: str) -> tuple[_Tally, bool]:
    """(the tally with the next rows before this id counted, whether there may be more)."""
    verdicts, delivery = deliveries.count_by_verdict(
        session, after=last.delivery, before=before, limit=COUNT_BATCH
    )
    number, size, video = videos.count_between(session, after=last.video, before=before, limit=COUNT_BATCH)
    counted = replace(
        last,
        delivery=delivery,
        deliveries=dict(Counter(last.deliveries) + Counter(verdicts)),
        video=video,
        videos=last.videos + number,
        videos_bytes=last.videos_bytes + size,
    )
    return counted, number == COUNT_BATCH or sum(verdicts.values()) == COUNT_BATCH


def _count_states(session: Session, last: _Tally, now: datetime) -> _Tally:
    """With the takes of each state, if any has many, and if the last count is old."""
    if last.states_at is not None and now - last.states_at < STATES_EVERY:
        return last
    if max(counts.by_state(session, limit=EXACT_UP_TO).values(), default=0) < EXACT_UP_TO:
        return replace(last, states={}, states_at=None)
    return replace(last, states=counts.by_state(session), states_at=now)
