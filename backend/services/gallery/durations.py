"""How long takes take: learnt from those that were rendered, by model and length; lines before it apart."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import quantiles
from typing import Any, NamedTuple, TypeVar

from backend.domain.states import JobState
from backend.models import Job
from backend.services.deps import Deps
from backend.services.gallery.figures import clock
from backend.store.jobs import counts

T = TypeVar("T")
#: Takes of so long are learnt from: models and their queues change.
LEARN_WINDOW = timedelta(days=30)
#: Fewer takes than this tell nothing.
LEARN_TAKES_MIN = 3
#: What was learnt is believed for so long, in seconds: one more take changes little.
BELIEVED_S = 5.0
#: Of a first guess of the catalogue: the longest that is usual, and what is slow, as multiples of it.
GUESS_HIGH, GUESS_LATE = 1.5, 2.0
#: The parameters that say how long a video is to be, in seconds.
LENGTH_FIELDS = ("duration", "duration_seconds", "seconds", "video_length", "length")
#: So many of what is near: below this a wait is told in tens of seconds, then in minutes, then in hours.
_SECONDS_BELOW_S, _MINUTES_BELOW_S = 55, 90 * 60
_NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:s|sec|secs|seconds?)?\s*")


@dataclass(frozen=True)
class UsualTime:
    """How long a take renders, in seconds: eight of ten lie between low and high.

    late_s: all but one of twenty are done by then. learnt: from our own takes of this model and length.
    """

    low_s: float
    middle_s: float
    high_s: float
    late_s: float
    learnt: bool

    @property
    def words(self) -> str:
        """In words; an estimate says so: "0:45–1:10", "about 1:40–2:30"."""
        return self.range_words if self.learnt else f"about {self.range_words}"

    @property
    def range_words(self) -> str:
        """From where to where: "0:45–1:10"."""
        return "–".join(dict.fromkeys((clock(self.low_s), clock(self.high_s))))


class Busy(NamedTuple):
    """A kind of work that goes on: its provider, its model, the state that it is in."""

    provider: str
    model: str
    state: str


def usual_time(deps: Deps, model_id: str, params: Mapping[str, Any] | None = None) -> UsualTime | None:
    """How long a take of this model renders, of the length that these parameters ask for.

    None: nobody knows. Other lengths give an estimate where too few were of this one, the catalogue where
    there are too few at all.
    """
    try:
        model = deps.catalogue.recall(model_id)
        schema, guess = model.schema, model.typical_s
    except KeyError:
        schema, guess = {}, None
    wanted = length_asked(schema, params or {})
    return _kept(
        deps, f"usual time of {model_id}, {wanted}", lambda: _learn(deps, model_id, schema, wanted, guess)
    )


def length_asked(schema: Mapping[str, Any], params: Mapping[str, Any]) -> float | None:
    """How long a video these parameters ask for, in seconds, by the schema's default else; None: unsaid.

    >>> length_asked({}, {"duration": "8s"}), length_asked({}, {"duration": 6}), length_asked({}, {})
    (8.0, 6.0, None)
    """
    properties = schema.get("properties", {})
    for name in LENGTH_FIELDS:
        value = params.get(name, (properties.get(name) or {}).get("default"))
        number = None if isinstance(value, bool) or value is None else _NUMBER.fullmatch(str(value))
        if number:
            return float(number[1])
    return None


def rendering_since(job: Job, *, blocking: bool) -> datetime | None:
    """Since when its provider renders it; None while it doesn't. blocking: its call stays open for that."""
    if job.state == JobState.RUNNING:
        return job.started_at or job.state_at
    return job.state_at if blocking and job.state == JobState.SUBMITTING else None


def work_going_on(deps: Deps) -> Mapping[Busy, int]:
    """How many takes are being rendered, or sent, right now: of each provider, model and state."""
    return _kept(deps, "work going on", lambda: _count_work(deps))


def starts_in_s(job: Job, ahead: int, usual: UsualTime | None, work: Mapping[Busy, int]) -> float | None:
    """How long until a take is begun that has so many before it; None: nothing tells.

    Those before it are rendered as many at once as are now. ahead: in our own line, or in its provider's.
    """
    ours = job.state == JobState.CREATED
    at_once = sum(
        number
        for busy, number in work.items()
        if busy.provider == job.provider
        and (
            busy.state == JobState.SUBMITTING
            if ours
            else busy.state == JobState.RUNNING and busy.model == job.model
        )
    )
    return (ahead + 1) * usual.middle_s / at_once if usual and at_once and ahead else None


def line_words(ahead: int | None, starts_s: float | None, usual: UsualTime | None) -> str:
    """What a take that waits in a line is told: "32 ahead · starts in about 2 min · then 0:45–1:10"."""
    place = None if ahead is None else f"{ahead:,} ahead" if ahead else "next to start"
    starts = None if starts_s is None else f"starts in about {about(starts_s)}"
    then = usual and (f"then {usual.words}" if place else f"usually {usual.words}")
    return " · ".join(part for part in (place, starts, then) if part)


def about(seconds: float) -> str:
    """A time to come, as exact as it can be known: "20 s", "2 min", "3 h"."""
    if seconds < _SECONDS_BELOW_S:
        return f"{max(10, round(seconds / 10) * 10)} s"
    if seconds < _MINUTES_BELOW_S:
        return f"{max(1, round(seconds / 60))} min"
    return f"{round(seconds / 3600)} h"


def slow_words(next_look: datetime | None, now: datetime) -> str:
    """What is said of a take that renders for longer than nearly all others did."""
    left_s = (next_look - now).total_seconds() if next_look else None
    if left_s is None:
        return "slower than usual; still safe"
    return f"slower than usual; still safe; asked again {f'in {left_s:.0f} s' if left_s >= 1 else 'now'}"


def _learn(
    deps: Deps, model_id: str, schema: Mapping[str, Any], wanted: float | None, guess: float | None
) -> UsualTime | None:
    with deps.store.read() as session:
        rows = counts.rendering_times_s(session, model_id, since=deps.clock.now() - LEARN_WINDOW)
    seen = [(took_s, length_asked(schema, given)) for took_s, given in rows]
    same = [took_s for took_s, length in seen if length == wanted]
    if len(same) >= LEARN_TAKES_MIN:
        return _of(same, learnt=True)
    if len(seen) >= LEARN_TAKES_MIN:
        return _of([_scaled(took_s, length, wanted) for took_s, length in seen], learnt=False)
    if not guess:
        return None
    return UsualTime(guess, guess, guess * GUESS_HIGH, guess * GUESS_LATE, learnt=False)


def _count_work(deps: Deps) -> Mapping[Busy, int]:
    with deps.store.read() as session:
        found = counts.by_provider_and_model(session, states=(JobState.SUBMITTING, JobState.RUNNING))
    return {Busy(*kind): number for kind, number in found}


def _kept(deps: Deps, name: str, look: Callable[[], T]) -> T:
    """What a look gave lately, or gives now."""
    now_s = deps.clock.now().timestamp()
    known = deps.lately.get(name)
    if known is None or not 0 <= now_s - known[0] < BELIEVED_S:
        known = deps.lately[name] = now_s, look()
    found: T = known[1]
    return found


def _scaled(took_s: float, length: float | None, wanted: float | None) -> float:
    """What a take of another length would have taken: more of it takes longer."""
    return took_s * wanted / length if length and wanted else took_s


def _of(seen: Sequence[float], *, learnt: bool) -> UsualTime:
    twentieths = quantiles(seen, n=20, method="inclusive")
    return UsualTime(twentieths[1], twentieths[9], twentieths[17], twentieths[18], learnt=learnt)
