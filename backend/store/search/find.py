"""Which takes fit any filters at once, in order: by the index of takes, and by what it has not read yet.

Blocks are read from the end where the page begins, a few at first. A block costs the same whatever fits in
it, so filters that never meet cost no more than a walk over all blocks, which are few.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice

from sqlalchemy import String, bindparam, text
from sqlmodel import Session

from backend.domain.clock import id_lower_bound
from backend.store.search import completions
from backend.store.search.facts import CHUNK, load_facts
from backend.store.search.index import blocks, take_index
from backend.store.search.index.bits import below, each
from backend.store.search.index.blocks import Block
from backend.store.search.index.kept_rows import KeptRows
from backend.store.search.index_keys import Asked, Part, number_keys, read_filter
from backend.store.search.matches import Rule, rank
from backend.store.search.query import Place, TakeQuery

#: Sorts after every id.
AFTER_ALL_IDS = "\U0010ffff"
#: So many blocks are read at first: enough for most pages.
FIRST_BLOCKS = 2
#: And so many at a time after that.
MORE_BLOCKS = 256
#: A take's id is made within this of the moment that stands as its birth.
EDGE = timedelta(seconds=1)

_NAMED = text(
    "SELECT id FROM job WHERE id = :name UNION"
    " SELECT id FROM job WHERE provider IN :providers AND request_id = :name"
).bindparams(bindparam("providers", expanding=True, type_=String))
_BETWEEN = text("SELECT id FROM job WHERE id >= :low AND id < :high")
_STATES = text("SELECT id FROM job WHERE id IN :ids AND state IN :states").bindparams(
    bindparam("ids", expanding=True), bindparam("states", expanding=True)
)


def find_places(session: Session, query: TakeQuery) -> list[Place]:
    """Where the takes stand that a query asks for, in its order; not of those that are ranked."""
    search = Search(session, query)
    found = set(islice(search.places_looked_at(), query.limit))
    found.update(islice(search.places_indexed(), query.limit))
    return sorted(found, reverse=not query.ascending)[: query.limit]


def count(session: Session, query: TakeQuery, *, most: int) -> int:
    """How many takes a filter finds, counted up to `most`."""
    search = Search(session, query)
    number = sum(1 for _ in islice(search.places_looked_at(), most))
    if search.asked.states is not None:
        return min(most, number + sum(1 for _ in islice(search.places_indexed(), most)))
    for block, fitting in search.fitting():
        number += (fitting & ~search.looked_at_in(block, fitting)).bit_count()
        if number >= most:
            return most
    return number


class Search:
    """One search in one session, which sees one state of the database."""

    def __init__(self, session: Session, query: TakeQuery) -> None:
        self.session, self.query = session, query
        self.connection = session.connection()
        self._kept = KeptRows.of(self.connection)
        self.rule = Rule(query.wanted, query.known.titles)
        self._after, self._before = self._bounds()

    def places_looked_at(self) -> Iterator[Place]:
        """Where those stand that fit among what is looked at by its rows, in order."""
        ids = self.looked_at
        for begin in range(0, len(ids), CHUNK):
            for take in load_facts(self.session, ids[begin : begin + CHUNK]):
                place = Place(max(-1, rank(take, self.query.order)) if self.query.ranked else 0, take.id)
                if self.rule.fits(take) and self.is_behind(place):
                    yield place

    def places_indexed(self) -> Iterator[Place]:
        """Where those stand that fit by the index, in order of their ids."""
        return self.places_in(self.fitting())

    def fitting(self, *more: Part, before: str = AFTER_ALL_IDS) -> Iterator[tuple[Block, int]]:
        """(a block, which of its places fit by the index), in order, of every block in which any may.

        more: what must hold besides. before: of those alone whose ids sort before this one.
        """
        if self.query.wanted.ids is not None:
            return
        phases = [list(more), *self.asked.phases] if more else self.asked.phases
        for some in _portions([block for block in self.blocks if block.first_id < before]):
            within = {block: self._within(block, before) for block in some}
            yield from self.among(within, phases)

    def places_in(self, fitting: Iterable[tuple[Block, int]], rank: int = 0) -> Iterator[Place]:
        """Where these stand, in their order, without those that are looked at by their rows."""
        want, known = self.query.limit, frozenset(self.looked_at)
        waiting: list[tuple[int, int]] = []
        for block, places in fitting:
            for place in each(places, descending=not self.query.ascending):
                waiting.append((block.number, place))
                if len(waiting) >= want:
                    yield from self._places_at(waiting, known, rank)
                    waiting, want = [], min(2 * want, CHUNK)
        yield from self._places_at(waiting, known, rank)

    def among(
        self, left: Mapping[Block, int], phases: Sequence[Sequence[Part]]
    ) -> Iterator[tuple[Block, int]]:
        """Of which of these places every part holds; a phase is read for what those before have left."""
        if len(left) <= FIRST_BLOCKS:
            phases = [[part for phase in phases for part in phase]]
        for phase in phases:
            keys = sorted({key for part in phase for key in part.keys})
            rows = self.load_keys(list(left), keys)
            kept = {}
            for block, places in left.items():
                for part in phase:
                    places = part.among(places, rows[block.number])
                if places:
                    kept[block] = places
            left = kept
        yield from left.items()

    def load_keys(self, some: Sequence[Block], keys: Sequence[str]) -> dict[int, dict[str, int]]:
        """block -> key -> which places have it."""
        return self._kept.load_keys(self.connection, some, keys)

    def looked_at_in(self, block: Block, fitting: int) -> int:
        """Which of these places in a block are those of takes that are looked at by their rows."""
        there = [one for one in self.looked_at if block.first_id <= one <= block.last_id]
        if not there or not fitting:
            return 0
        ids, found = blocks.load_ids(self.connection, block.number), 0
        for one in map(blocks.pack_id, filter(blocks.is_id, there)):
            place = bisect_left(ids, one)
            found |= 1 << place if place < len(ids) and ids[place] == one else 0
        return found

    @cached_property
    def asked(self) -> Asked:
        """What the filter asks of the index."""
        typed = self.rule.typed
        start = typed.terms.start if typed else ""
        completed = completions.complete(self.session, start) if start else ()
        known = take_index.known_keys(self.session, number_keys(self.rule.ranges))
        return read_filter(self.rule, completed, known)

    @cached_property
    def looked_at(self) -> Sequence[str]:
        """Ids, in order, of takes of which the index says nothing, or what is past, or too little.

        Those that are noted, that are named whole, and those whose moment is near the ends of the time.
        """
        wanted, ascending = self.query.wanted, self.query.ascending
        if wanted.ids is not None:
            return _in_order(wanted.ids, ascending)
        more = list(self._near_edges())
        if self.rule.typed is not None and self.rule.typed.name:
            given = {"name": self.rule.typed.name, "providers": list(self.query.known.providers)}
            more += self.connection.execute(_NAMED, given).scalars()
        noted = take_index.list_noted(
            self.session, after=self._after, before=self._before, ascending=ascending
        )
        within = [one for one in more if self._after < one < self._before]
        return _in_order({*noted, *within}, ascending) if within else noted

    def _near_edges(self) -> Iterator[str]:
        for at in (self.query.wanted.since, self.query.wanted.until):
            if at is not None:
                given = {"low": _id_bound(at, -EDGE), "high": _id_bound(at, EDGE)}
                yield from self.connection.execute(_BETWEEN, given).scalars()

    def _bounds(self) -> tuple[str, str]:
        """The ids between which everything lies that can be wanted."""
        wanted, place = self.query.wanted, self.query.place
        after = "" if wanted.since is None else _id_bound(wanted.since, -EDGE)
        before = AFTER_ALL_IDS if wanted.until is None else _id_bound(wanted.until, EDGE)
        if place is not None and not self.query.ranked:
            if self.query.ascending:
                after = max(after, place.job_id)
            else:
                before = min(before, place.job_id)
        return after, before

    def is_behind(self, place: Place) -> bool:
        """Does it come after the page before?"""
        begin = self.query.place
        return begin is None or (place > begin if self.query.ascending else place < begin)

    @cached_property
    def blocks(self) -> list[Block]:
        """The blocks in which any may stand, in order."""
        every = blocks.list_blocks(self.connection)
        within = [one for one in every if one.last_id > self._after and one.first_id < self._before]
        return within if self.query.ascending else within[::-1]

    def _within(self, block: Block, before: str) -> int:
        """The places of a block that lie between the bounds, and before this id."""
        found = self.places_before(block, min(self._before, before))
        if block.first_id <= self._after:
            found &= ~below(blocks.place_of(self.connection, block.number, self._after, after=True))
        return found

    def places_before(self, block: Block, job_id: str) -> int:
        """The places of a block whose ids sort before this one."""
        if block.first_id >= job_id:
            return 0
        if block.last_id < job_id:
            return below(block.takes)
        return below(blocks.place_of(self.connection, block.number, job_id))

    def _places_at(
        self, waiting: Sequence[tuple[int, int]], known: Collection[str], rank: int
    ) -> Iterator[Place]:
        ids = [one for one in blocks.ids_at(self.connection, waiting) if one not in known]
        if ids and self.asked.states is not None:
            given = {"ids": ids, "states": sorted(self.asked.states)}
            right = set(self.connection.execute(_STATES, given).scalars())
            ids = [one for one in ids if one in right]
        yield from (Place(rank, one) for one in ids)


def _portions(every: Sequence[Block]) -> Iterator[Sequence[Block]]:
    """A few blocks at first, then many at a time."""
    yield every[:FIRST_BLOCKS]
    for begin in range(FIRST_BLOCKS, len(every), MORE_BLOCKS):
        yield every[begin : begin + MORE_BLOCKS]


def _in_order(ids: Iterable[str], ascending: bool) -> list[str]:
    return sorted(set(ids), reverse=not ascending)


def _id_bound(at: datetime, shift: timedelta) -> str:
    try:
        return id_lower_bound(at + shift)
    except (OverflowError, ValueError):  # before there were ids, or after all of them
        return "" if at.year < 2000 else AFTER_ALL_IDS
