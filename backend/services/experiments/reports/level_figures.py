"""What takes cost, how long they took and how often they failed, by each value that was varied; and what a
take cost that was judged good.

Of reused takes the time is told, not the cost: they were paid before.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from backend.domain.states import ENDED_STATES, JobState
from backend.models import Vote
from backend.services.deps import Deps
from backend.services.experiments.view import ExperimentView
from backend.services.gallery.figures import dollars
from backend.store.experiments import ballots, takes
from backend.store.experiments.takes import TakeFigures
from backend.store.money.ledger import MICROS_PER_USD

#: A normal's 97.5 % quantile.
Z = 1.96


@dataclass(frozen=True)
class Mean:
    """A mean over `n` takes, with its 95 % interval; of one take there is none."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class LevelFigures:
    """One value of an axis. ended: takes that have ended; failed: how many of them failed, and the interval
    of that share; reused: those that were there before, which cost nothing. cost_usd, latency_s: None where
    nothing is known."""

    axis: str
    level: str
    ended: int
    failed: int
    failed_low: float
    failed_high: float
    reused: int
    cost_usd: Mean | None
    latency_s: Mean | None


@dataclass(frozen=True)
class GoodTakes:
    """What was paid for each take that was judged good. good: that won more of their pairs than they lost;
    judged: that were decided on at all. made: how many takes were, for this experiment; usd: what they count
    for, without the `unpriced` ones of which no price is known."""

    good: int
    judged: int
    made: int
    usd: float
    unpriced: int

    @property
    def usd_each(self) -> float | None:
        """At least so much where some have no price. None: none is good, or no price is known."""
        known = self.made > self.unpriced
        return self.usd / self.good if self.good and known else None

    @property
    def words(self) -> str:
        """A sentence about it, for people."""
        if not self.judged:
            return "No take was judged yet, so nobody knows what a good one costs."
        said = f"{self.good:,} of {self.judged:,} judged takes won more of their pairs than they lost"
        if not self.made:
            return f"{said}; all were there before, and cost this experiment nothing."
        if self.unpriced == self.made:
            return f"{said}; what they cost is not known."
        if self.usd_each is None:
            return f"{said}; {dollars(self.usd)} was spent."
        least = "at least " if self.unpriced else ""
        untold = f", and {self.unpriced:,} of {self.made:,} takes have no price" if self.unpriced else ""
        return f"{said}: {least}{dollars(self.usd_each)} for each good take{untold}."


def figures_by_level(deps: Deps, view: ExperimentView) -> list[LevelFigures]:
    """Each value of each axis, in the order of the plan. view: an experiment that may be seen."""
    with deps.store.read() as session:
        made = takes.list_figures(session, view.experiment.id)
    by_cell: dict[str, list[TakeFigures]] = defaultdict(list)
    for one in made:
        by_cell[one.cell_id].append(one)
    cells_of: dict[tuple[str, str], list[str]] = defaultdict(list)
    for cell in view.cells:
        for axis, level in cell.levels.items():
            cells_of[axis, level].append(cell.id)
    axes = list(dict.fromkeys(axis for axis, _ in cells_of))
    return [
        _figures(axis, level, [one for cell in cells for one in by_cell[cell]])
        for axis, level, cells in (
            (axis, level, cells)
            for named in axes
            for (axis, level), cells in cells_of.items()
            if axis == named
        )
    ]


def good_takes(deps: Deps, view: ExperimentView, criterion_id: str) -> GoodTakes:
    """What a take cost that people judged good. view: an experiment that may be seen."""
    with deps.store.read() as session:
        made = takes.list_figures(session, view.experiment.id)
        balance = _balances(ballots.list_counted(session, view.experiment.id, criterion_id))
    paid = [one.micros for one in made if not one.reused]
    known = [micros for micros in paid if micros is not None]
    good = sum(won > 0 for won in balance.values())
    unpriced = len(paid) - len(known)
    return GoodTakes(good, len(balance), len(paid), sum(known) / MICROS_PER_USD, unpriced)


def mean_of(values: Sequence[float]) -> Mean | None:
    """The mean with two standard errors to either side; None: there is no value.

    >>> mean_of([1.0, 3.0])
    Mean(value=2.0, low=0.04, high=3.96, n=2)
    """
    if not values:
        return None
    n = len(values)
    mean = sum(values) / n
    spread = sqrt(sum((one - mean) ** 2 for one in values) / (n - 1) / n) if n > 1 else 0.0
    return Mean(mean, round(mean - Z * spread, 9), round(mean + Z * spread, 9), n)


def _figures(axis: str, level: str, made: Sequence[TakeFigures]) -> LevelFigures:
    from backend.science.agreement import wilson  # NumPy, which no start is to wait for

    ended = [one for one in made if one.state in ENDED_STATES and one.state != JobState.CANCELLED]
    failed = sum(one.state == JobState.FAILED for one in ended)
    low, high = wilson(failed, len(ended))
    costs = [one.micros / MICROS_PER_USD for one in ended if one.micros is not None and not one.reused]
    lasted = [
        (one.rendered_at - one.submitted_at).total_seconds()
        for one in ended
        if one.rendered_at is not None and one.submitted_at is not None
    ]
    reused = sum(one.reused for one in ended)
    return LevelFigures(axis, level, len(ended), failed, low, high, reused, mean_of(costs), mean_of(lasted))


def _balances(votes: Iterable[Vote]) -> Mapping[str, int]:
    """Take -> pairs that it won less those that it lost; one that is bad beside a bad one has lost."""
    won: dict[str, int] = defaultdict(int)
    for vote in votes:
        sides = {"left": (1, -1), "right": (-1, 1)}.get(vote.choice, (-1, -1) if vote.both_bad else (0, 0))
        won[vote.left_job] += sides[0]
        won[vote.right_job] += sides[1]
    return won
