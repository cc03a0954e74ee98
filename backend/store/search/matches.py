"""The plain rule: does a take fit a filter? The index gives the same, only faster."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from backend.domain.library.review import PICKED, ReviewState, Sort, short_id
from backend.domain.take_filter import TakeFilter
from backend.store.search.facts import COST_UNITS, LENGTH_UNITS, RATING_UNITS, TakeFacts, style_part
from backend.store.search.typed import Typed, read_typed

#: A bound that was computed may lie this far beside the number that is meant.
_SLACK = 1e-6


@dataclass(frozen=True)
class Range:
    """From `low` to `high`, in the units of the facts; of `kind`: "rating", "cost" or "length"."""

    kind: str
    low: int | None
    high: int | None

    def holds(self, value: int | None) -> bool:
        """Does it lie within? What is not known doesn't."""
        return (
            value is not None
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
        )


@dataclass(frozen=True)
class Rule:
    """A filter, ready to be held against takes. titles: model -> the words of its title."""

    wanted: TakeFilter
    titles: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @cached_property
    def typed(self) -> Typed | None:
        """What is looked for; None: no text is asked for."""
        return read_typed(self.wanted.text) if self.wanted.text else None

    @cached_property
    def ranges(self) -> list[Range]:
        """Every range of numbers that is asked for."""
        wanted = self.wanted
        asked = (
            ("rating", RATING_UNITS, wanted.rating_min, None),
            ("cost", COST_UNITS, wanted.min_cost, wanted.max_cost),
            ("length", LENGTH_UNITS, wanted.min_length_s, wanted.max_length_s),
        )
        return [
            Range(kind, _units(low, units), _units(high, units))
            for kind, units, low, high in asked
            if low is not None or high is not None
        ]

    def fits(self, take: TakeFacts) -> bool:
        """Does this take fit?"""
        return all(self._tests(take))

    def _tests(self, take: TakeFacts) -> Iterator[bool]:
        row, wanted = take.row, self.wanted
        yield (row.trashed_at is not None) is wanted.trashed
        yield wanted.states is None or row.state in wanted.states
        yield wanted.owners is None or row.owner in wanted.owners
        yield row.owner not in wanted.not_owners
        yield wanted.models is None or row.model in wanted.models
        yield wanted.provider in (None, row.provider)
        yield wanted.project in (None, row.project_id)
        yield wanted.collection is None or wanted.collection in take.collections
        yield take.tags.keys() >= set(wanted.tags)
        yield wanted.review is None or (row.review or ReviewState.NONE) in wanted.review
        yield wanted.favourite_of is None or not take.favourite_of.isdisjoint(wanted.favourite_of)
        yield take.favourite_of.isdisjoint(wanted.not_favourite_of)
        yield wanted.picks_of is None or self._picked(take, wanted.picks_of)
        yield not (wanted.not_picks_of and self._picked(take, wanted.not_picks_of))
        yield wanted.rated is None or (take.rating is not None) is wanted.rated
        yield wanted.has_error is None or take.has_error is wanted.has_error
        yield all(style_part(*one) in take.style for one in wanted.style)
        yield wanted.ratio in (None, take.ratio)
        yield wanted.since is None or take.created_at >= wanted.since
        yield wanted.until is None or take.created_at < wanted.until
        yield all(one.holds(getattr(take, one.kind)) for one in self.ranges)
        yield wanted.ids is None or row.id in wanted.ids
        yield self.typed is None or self._says(take, self.typed)

    @staticmethod
    def _picked(take: TakeFacts, people: tuple[str, ...]) -> bool:
        return take.row.review in PICKED or not take.favourite_of.isdisjoint(people)

    def _says(self, take: TakeFacts, typed: Typed) -> bool:
        short, row = short_id(take.id), take.row
        if (typed.name and typed.name in (row.id, row.request_id)) or short in typed.short_ids:
            return True
        said = take.first_words | take.later_words | self.titles.get(row.model, frozenset()) | {short}
        start = "" if typed.terms.start == short else typed.terms.start
        if typed.is_empty or not said.issuperset(typed.terms.whole):
            return False
        return not start or any(word.startswith(start) for word in said - {short})


def rank(take: TakeFacts, order: Sort) -> int:
    """What a take is sorted by in this order, besides its age; the highest first, what has none last."""
    value = take.rating if order is Sort.RATING else take.cost if order is Sort.COST else None
    return -1 if value is None else value


def _units(bound: float | None, units: int) -> int | None:
    return None if bound is None else int(bound * units + 0.5 + _SLACK)
