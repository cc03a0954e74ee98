"""Which takes somebody wants to see."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from backend.domain.library.review import ReviewState, Sort


@dataclass(frozen=True)
class TakeFilter:
    """Which takes to show, and in what order; None or empty: any.

    text: words that stand in a take, the last may be unfinished. owners: those of any of these people, and of
    none of `not_owners`. model: one, or several, any of which will do. tags: all of them, as they are folded.
    favourite_of: favourites of any of these people, and of none of `not_favourite_of`. picks_of: the same, or
    what the team has picked; none of `not_picks_of`. rating_min, rated: by
    the team's mean. ratio: as asked for, else of the file. min_cost, max_cost: USD, of the bill, else of the
    estimate. since, until: when it was asked for, from the first moment to before the second. trashed: those
    in the trash instead of those that are not. ids: of these alone; experiment, cells: whose ids these are.
    """

    owners: tuple[str, ...] | None = None
    states: Collection[str] | None = None
    model: str | tuple[str, ...] | None = None
    provider: str | None = None
    text: str | None = None
    project: str | None = None
    collection: str | None = None
    tags: tuple[str, ...] = ()
    review: frozenset[ReviewState] | None = None
    favourite_of: tuple[str, ...] | None = None
    rating_min: float | None = None
    rated: bool | None = None
    style: tuple[tuple[str, str], ...] = ()  #: (axis, label), all of them
    has_error: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    ratio: str | None = None
    min_cost: float | None = None
    max_cost: float | None = None
    min_length_s: float | None = None
    max_length_s: float | None = None
    trashed: bool = False
    sort: Sort = Sort.NEWEST
    ids: tuple[str, ...] | None = None
    experiment: str | None = None
    cells: tuple[str, ...] = ()
    not_owners: tuple[str, ...] = ()
    not_favourite_of: tuple[str, ...] = ()
    picks_of: tuple[str, ...] | None = None
    not_picks_of: tuple[str, ...] = ()

    def of_these(self, ids: Collection[str]) -> "TakeFilter":
        """The same, and of these takes alone."""
        both = tuple(ids) if self.ids is None else tuple(one for one in self.ids if one in set(ids))
        return replace(self, ids=both)

    @property
    def models(self) -> tuple[str, ...] | None:
        """Of any of these models; None: of any there is."""
        return (self.model,) if isinstance(self.model, str) else self.model
