"""Takes in the order of a number that some of them have: the highest first, then those without one.

Each number that there is has a key. Where many fit, those of the highest number are looked for, then those of
the next, until the page is full: mostly it is full at once. Where few fit, these are found first, and the
numbers are looked for among them; of very few, each is read.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, select

from backend.models import Job
from backend.store.search import numbers
from backend.store.search.facts import TakeFacts
from backend.store.search.find import AFTER_ALL_IDS, FIRST_BLOCKS, Search
from backend.store.search.index.blocks import Block
from backend.store.search.index_keys import NUMBERS, Group
from backend.store.search.matches import rank
from backend.store.search.query import Place, TakeQuery

#: Up to so many takes that fit are read and sorted.
SORT_MAX = 200
#: So many numbers are looked for among all that fit, before it is asked which those are.
TRIES = 3
#: Takes that fit are many if the first blocks hold so many pages of them.
MANY_PAGES = 2

#: Whole numbers and their beginnings, from the highest on.
_KNOWN = text("SELECT word FROM known_word WHERE word >= :low AND word < :high ORDER BY word DESC")
_RANK = (
    Job.id, Job.state, Job.error, Job.rating_sum, Job.rating_count, Job.estimate_usd, Job.billed_usd,
    Job.billed_units,
)  # fmt: skip


def find_places(session: Session, query: TakeQuery) -> list[Place]:
    """Where the takes stand that a query asks for, in its order, which is one by a number."""
    search = Search(session, query)
    found = set(search.places_looked_at())
    found.update(_Ranked(search).find())
    return sorted(found, reverse=True)[: query.limit]


class _Ranked:
    """What the index knows of one query, by rank."""

    def __init__(self, search: Search) -> None:
        self._search, self._limit = search, search.query.limit
        self._begin = NUMBERS[search.query.order.value]

    def find(self) -> list[Place]:
        """Where the first ones stand, in order, as many as the query asks for."""
        search, found, ranks = self._search, list[Place](), self._ranks()
        if self._are_many():
            for value in islice(ranks, TRIES):
                part = Group((self._key(value),), without=value < 0)
                found += self._some(search.fitting(part, before=self._end(value)), value, found)
                if len(found) >= self._limit:
                    return found
        fitting = dict(search.fitting())
        if not found and sum(places.bit_count() for places in fitting.values()) <= SORT_MAX:
            return sorted(self._read(fitting), reverse=True)[: self._limit]
        at_once = 1
        while len(found) < self._limit and (values := list(islice(ranks, at_once))):
            for value, places in self._among(fitting, values):
                found += self._some(places, value, found)
            at_once = min(2 * at_once, 16)
        return found

    def _are_many(self) -> bool:
        first = islice(self._search.fitting(), FIRST_BLOCKS)
        return sum(places.bit_count() for _, places in first) >= MANY_PAGES * self._limit

    def _some(self, fitting: Iterator[tuple[Block, int]], value: int, before: Sequence[Place]) -> list[Place]:
        """As many of these, all of the same rank, as the page still has room for."""
        behind = filter(self._search.is_behind, self._search.places_in(fitting, value))
        return list(islice(behind, self._limit - len(before)))

    def _among(
        self, fitting: dict[Block, int], values: Sequence[int]
    ) -> Iterator[tuple[int, Iterator[tuple[Block, int]]]]:
        """(rank, those of it among what fits), of each of these ranks."""
        keys = sorted({self._key(value) for value in values})
        rows = self._search.load_keys(list(fitting), keys)
        for value in values:
            part, end = Group((self._key(value),), without=value < 0), self._end(value)
            some = ((block, part.among(places, rows[block.number])) for block, places in fitting.items())
            yield (
                value,
                (
                    (block, places & self._search.places_before(block, end))
                    for block, places in some
                    if places
                ),
            )

    def _read(self, fitting: dict[Block, int]) -> Iterator[Place]:
        """Where all of these stand, each by its row."""
        search = self._search
        ids = [place.job_id for place in search.places_in(fitting.items())]
        query: Any = select(*_RANK).where(col(Job.id).in_(ids))  # type: ignore[call-overload]  # too many columns
        for row in search.session.exec(query):
            place = Place(rank(TakeFacts(row), search.query.order), row.id)
            if search.is_behind(place):
                yield place

    def _key(self, value: int) -> str:
        """The key of a rank; of none: the one that all have who have a number."""
        return self._begin + (numbers.spell(value) if value >= 0 else "")

    def _end(self, value: int) -> str:
        """The id before which those of a rank stand that are still wanted."""
        place = self._search.query.place
        return place.job_id if place is not None and place.rank == value else AFTER_ALL_IDS

    def _ranks(self) -> Iterator[int]:
        """Every number that any take has, from the page before on, the highest first; then -1, for none."""
        place = self._search.query.place
        given = {"low": self._begin, "high": f"{self._begin}~"}
        known = self._search.connection.execute(_KNOWN, given).scalars().all()
        spelt = [word[len(self._begin) :] for word in known]
        values = sorted((numbers.value_of(one) for one in spelt if numbers.is_whole(one)), reverse=True)
        yield from (value for value in (*values, -1) if place is None or value <= place.rank)
