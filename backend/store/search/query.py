"""What is asked of a search, and what comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backend.domain.library.review import Sort
from backend.domain.take_filter import TakeFilter
from backend.models import Job, Video

#: Takes are counted up to this, unless asked otherwise.
COUNT_MAX = 10_000
#: Sorted by a number that some takes don't have.
RANKED = frozenset({Sort.RATING, Sort.COST})


@dataclass(frozen=True)
class Known:
    """What the program knows besides the rows. titles: model -> the words of its title."""

    titles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    providers: tuple[str, ...] = ()


@dataclass(frozen=True)
class TakeQuery:
    """Takes that pass a filter, in its order, at most `limit`.

    before: `next_cursor` of the page before. after: only those newer than the take with this id, and the
    oldest first, whatever the filter's order.
    """

    wanted: TakeFilter
    limit: int
    before: str | None = None
    after: str | None = None
    known: Known = Known()

    @property
    def order(self) -> Sort:
        """The order in which takes are wanted."""
        return self.wanted.sort if self.after is None else Sort.OLDEST

    @property
    def ascending(self) -> bool:
        """Are the oldest wanted first?"""
        return self.order is Sort.OLDEST

    @property
    def ranked(self) -> bool:
        """Are they sorted by a number first?"""
        return self.order in RANKED

    @property
    def place(self) -> "Place | None":
        """Where the page begins; None: at the beginning of them all."""
        if self.after is not None:
            return Place(0, self.after)
        return Place.of(self.before) if self.before else None


@dataclass(frozen=True, order=True)
class Place:
    """Where a take stands in an order: by its rank, then by its age. rank: -1 where there is no number."""

    rank: int
    job_id: str

    @classmethod
    def of(cls, cursor: str) -> "Place":
        """What `cursor` wrote."""
        rank, _, job_id = cursor.rpartition(".")
        return cls(-1 if rank == "-" else int(rank or 0), job_id)

    def cursor(self, order: Sort) -> str:
        """The text that pages are asked for by: the id alone where that tells everything."""
        if order not in RANKED:
            return self.job_id
        return f"{'-' if self.rank < 0 else self.rank}.{self.job_id}"


@dataclass(frozen=True)
class Page:
    """Jobs and their videos, in the query's order. next_cursor: `before` of the next page; None: the end."""

    items: Sequence[tuple[Job, Video | None]]
    next_cursor: str | None
