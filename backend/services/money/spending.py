"""What was spent: estimated, billed, open and wasted, by day, person, model and more, two of them crossed.

Open is what counts without a bill: what is reserved until one comes, and the estimate where none does. Wasted
is what was billed for takes that failed, were stopped, were made of the same inputs as an earlier one
(`takes.same_inputs`), or that nobody has opened in a fortnight (`library.openings`).
What nobody knows is told as a number of unpriced takes, never as $0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, tzinfo
from enum import StrEnum
from typing import Any

from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.domain.library.review import ReviewState
from backend.models import Project
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.money.spend_query import NONE, Dimension, SpendQuery
from backend.store.experiments import plans
from backend.store.library import groups as kept_groups
from backend.store.money import picks, take_sums, waste
from backend.store.money.ledger import MICROS_PER_USD

#: dimension -> what the store calls it
_COLUMNS = {
    Dimension.DAY: "day",
    Dimension.MONTH: "month",
    Dimension.PERSON: "owner",
    Dimension.MODEL: "model",
    Dimension.TEMPLATE: "template",
    Dimension.PROJECT: take_sums.PROJECT,
    Dimension.EXPERIMENT: take_sums.EXPERIMENT,
}
#: Groups of these are ids; what people call them stands beside them.
NAMED = (Dimension.PROJECT, Dimension.EXPERIMENT)
#: These go by time, the others by money.
_IN_ORDER = frozenset({Dimension.DAY, Dimension.MONTH})


@dataclass(frozen=True)
class Spent:
    """What some takes come to, in millionths of a dollar.

    compared: takes with an estimate and a bill, and what both come to; priced: those with an estimate.
    """

    takes: int = 0
    priced: int = 0
    unpriced: int = 0
    estimated_micros: int = 0
    billed_micros: int = 0
    open_micros: int = 0
    wasted_micros: int = 0
    compared: int = 0
    compared_estimated_micros: int = 0
    compared_billed_micros: int = 0

    def __add__(self, other: "Spent") -> "Spent":
        mine, theirs = asdict(self), asdict(other)
        return Spent(**{name: mine[name] + theirs[name] for name in mine})

    @property
    def counted_micros(self) -> int:
        """What they count for: bills, and what is reserved where there is none yet."""
        return self.billed_micros + self.open_micros

    @property
    def compared_usd(self) -> tuple[float, float]:
        """Dollars that were estimated and that were billed, of the takes that have both."""
        return self.compared_estimated_micros / MICROS_PER_USD, self.compared_billed_micros / MICROS_PER_USD

    @property
    def drift(self) -> float | None:
        """Bills over estimates, of the takes that have both; None: there are none."""
        estimated = self.compared_estimated_micros
        return self.compared_billed_micros / estimated if estimated > 0 else None

    @property
    def estimated_usd(self) -> float | None:
        """Dollars; None where no take has an estimate."""
        return None if self.takes and not self.priced else self.estimated_micros / MICROS_PER_USD

    @property
    def billed_usd(self) -> float | None:
        """Dollars; None where nobody knows the price of any take."""
        unknown = self.takes > 0 and self.unpriced == self.takes and not self.billed_micros
        return None if unknown else self.billed_micros / MICROS_PER_USD

    @property
    def open_usd(self) -> float:
        """Dollars that are reserved without a bill."""
        return self.open_micros / MICROS_PER_USD

    @property
    def wasted_usd(self) -> float:
        """Dollars that were billed for nothing."""
        return self.wasted_micros / MICROS_PER_USD

    @property
    def useful_usd(self) -> float:
        """Dollars that were billed for what was not wasted."""
        return max(0, self.billed_micros - self.wasted_micros) / MICROS_PER_USD

    @property
    def counted_usd(self) -> float:
        """Dollars that they count for."""
        return self.counted_micros / MICROS_PER_USD

    def as_json(self) -> dict[str, float | int | None]:
        """As clients see it."""
        return {
            "takes": self.takes,
            "estimated_usd": self.estimated_usd,
            "billed_usd": self.billed_usd,
            "open_usd": self.open_usd,
            "wasted_usd": self.wasted_usd,
            "unpriced": self.unpriced,
        }


@dataclass(frozen=True)
class SpendGroup:
    """What the takes of one group come to. names: dimension -> its value, such as a model's id.

    called: what people call its project and its experiment.
    """

    names: Mapping[Dimension, str]
    spent: Spent
    called: Mapping[Dimension, str | None] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As clients see it."""
        named = {str(name): value for name, value in self.names.items()}
        called = {f"{one}_name": self.called.get(one) for one in NAMED if one in self.names}
        return {**named, **called, **self.spent.as_json()}


class Waste(StrEnum):
    """Why what was billed was for nothing."""

    LOST = waste.LOST
    TWICE = waste.TWICE
    NEVER_OPENED = waste.NEVER_OPENED


@dataclass(frozen=True)
class SpendReport:
    """Every group that has takes, and all of them together. waste_usd: why -> dollars, if any."""

    query: SpendQuery
    groups: Sequence[SpendGroup]
    total: Spent
    waste_usd: Mapping[Waste, float] = field(default_factory=dict)


def time_zone(deps: Deps) -> tzinfo:
    """Whose days and months spending goes by."""
    return deps.settings.zone


def today(deps: Deps) -> date:
    """The day that it is for the team."""
    return deps.clock.now().astimezone(time_zone(deps)).date()


def spend_report(deps: Deps, viewer: Viewer, query: SpendQuery, *, mine: bool = False) -> SpendReport:
    """What was spent, as far as this viewer may know: of everybody, or their own. mine: their own alone.

    Days and months come in order, other groups the dearest first.
    """
    viewer.must(Do.SEE)
    owners = viewer.owner_names if mine else viewer.visible_names
    with deps.store.read() as session:
        groups, wasted = spend_groups(session, query, owners=owners, at=deps.clock.now())
    return SpendReport(query, groups, sum((group.spent for group in groups), Spent()), wasted)


@dataclass(frozen=True)
class Picks:
    """How many takes the team picked: selected or approved; and how many of these it approved."""

    picked: int
    approved: int


def count_picks(deps: Deps, viewer: Viewer, query: SpendQuery, *, mine: bool = False) -> Picks:
    """How many of a query's takes were picked, as far as this viewer may know. mine: of their own alone."""
    viewer.must(Do.SEE)
    fitting = _fitting(query, viewer.owner_names if mine else viewer.visible_names)
    if fitting is None:
        return Picks(0, 0)
    with deps.store.read() as session:
        found = picks.count_picks(session, since=query.since, until=query.until, fitting=fitting)
    return Picks(sum(found.values()), found.get(ReviewState.APPROVED, 0))


def group_names(deps: Deps, viewer: Viewer) -> dict[str, str]:
    """What people call every project, and every experiment that this viewer may see, by their ids."""
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        return _called(session, NAMED, owners=viewer.visible_names)


def spend_groups(
    session: Session, query: SpendQuery, *, owners: Sequence[str] | None = None, at: datetime
) -> tuple[list[SpendGroup], Mapping[Waste, float]]:
    """The groups of a query, of these owners or of all; and why what was wasted `at` this moment was."""
    fitting, why = _fitting(query, owners), dict[Waste, float]()
    if fitting is None:
        return [], why
    names = [_COLUMNS[dimension] for dimension in query.dimensions]
    asked: dict[str, Any] = {"since": query.since, "until": query.until, "fitting": fitting}
    found = _sums(session, names, asked)
    for *group, reason, micros in waste.wasted_by(session, [*names, waste.WHY], at=at, **asked):
        known = found.get(tuple(group), Spent())
        found[tuple(group)] = known + Spent(wasted_micros=int(micros))
        why[Waste(reason)] = why.get(Waste(reason), 0.0) + int(micros) / MICROS_PER_USD
    called = _called(session, [one for one in NAMED if one in query.dimensions])
    groups = [
        SpendGroup(told, spent, {one: called.get(told[one]) for one in NAMED if one in told})
        for told, spent in ((_names(query, group), spent) for group, spent in found.items())
        if spent != Spent()
    ]
    return sorted(groups, key=lambda group: _order(query, group)), why


def _called(
    session: Session, dimensions: Sequence[Dimension], *, owners: Sequence[str] | None = None
) -> dict[str, str]:
    """id -> name, of all projects and experiments where they are asked for. owners: of experiments."""
    called: dict[str, str] = {}
    if Dimension.PROJECT in dimensions:
        called |= {row.id: row.name for row in kept_groups.list_groups(session, Project)}
    if Dimension.EXPERIMENT in dimensions:
        called |= plans.list_names(session, owners)
    return called


def _fitting(query: SpendQuery, owners: Sequence[str] | None) -> dict[str, Any] | None:
    """What must fit, as the store calls it; None: nothing can."""
    fitting: dict[str, Any] = {}
    for dimension, value in query.fitting.items():
        fitting[_COLUMNS[dimension]] = _stored(dimension, value)
    if owners is not None:
        if fitting.get("owner", owners[0]) not in owners:
            return None
        fitting.setdefault("owner", tuple(owners))
    return fitting


def _sums(session: Session, names: Sequence[str], asked: Mapping[str, Any]) -> dict[tuple[Any, ...], Spent]:
    """Values of names -> what their takes come to, without what was wasted."""
    return {group: Spent(**sums) for group, sums in take_sums.sum_by(session, names, **asked).items()}


def _names(query: SpendQuery, found: tuple[Any, ...]) -> dict[Dimension, str]:
    values = iter(found)
    return {dimension: str(next(values) or NONE) for dimension in query.dimensions}


def _stored(dimension: Dimension, value: str) -> Any:
    """A value as the store has it; what is no number fits no template."""
    if dimension in NAMED and value == NONE:
        return take_sums.NONE
    if dimension is not Dimension.TEMPLATE:
        return value
    return 0 if value == NONE else int(value) if value.isdecimal() and len(value) < 10 else -1


def _order(query: SpendQuery, group: SpendGroup) -> tuple[Any, ...]:
    in_time = [group.names[one] for one in query.dimensions if one in _IN_ORDER]
    return (*in_time, -group.spent.counted_micros, *group.names.values())
