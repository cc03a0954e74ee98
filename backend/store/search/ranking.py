"""Takes in the order of a number that some of them have: the highest first, then those without one.

Few that fit are read and sorted. Of many, each number that there is has a key: those of the highest are
looked for first, and so on, until the page is full.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import text
from sqlmodel import Session

from backend.domain.library.review import Sort
from backend.store.search import blocks, numbers
from backend.store.search.bits import each
from backend.store.search.blocks import Block
from backend.store.search.facts import load_facts
from backend.store.search.find import Search
from backend.store.search.index_keys import NUMBERS
from backend.store.search.matches import rank
from backend.store.search.query import Place, TakeQuery

#: Up to so many takes that fit are read and sorted.
SORT_MAX = 200
#: So many numbers are looked for at a time.
_NUMBERS_AT_ONCE = 8
_KIND = {Sort.RATING: "rating", Sort.COST: "cost"}
#: The whole numbers that there are, from the highest on: those of a length have as many digits as it says.
_KNOWN = text("SELECT word FROM known_word WHERE word >= :low AND word < :high ORDER BY word DESC")

Fitting = list[tuple[Block, int]]


def find_places(session: Session, query: TakeQuery) -> list[Place]:
    """Where the takes stand that a query asks for, in its order, which is one by a number."""
    search = Search(session, query)
    found = set(search.places_looked_at())
    fitting = list(search.fitting())
    if sum(bits.bit_count() for _, bits in fitting) <= SORT_MAX:
        found |= _sorted(search, fitting)
    else:
        found |= _walked(search, fitting)
    return sorted(found, reverse=True)[: query.limit]


def _sorted(search: Search, fitting: Fitting) -> set[Place]:
    """Each is looked at."""
    places = [(block.number, place) for block, bits in fitting for place in each(bits)]
    known = frozenset(search.looked_at)
    ids = [one for one in blocks.ids_at(search.connection, places) if one not in known]
    return {place for place in _ranked(search, ids) if search.is_behind(place)}


def _ranked(search: Search, ids: Sequence[str]) -> Iterator[Place]:
    for take in load_facts(search.session, ids):
        if search.asked.states is None or take.row.state in search.asked.states:
            yield Place(rank(take, search.query.order), take.id)


def _walked(search: Search, fitting: Fitting) -> set[Place]:
    """Number by number, the highest first."""
    found: set[Place] = set()
    begin, limit = NUMBERS[_KIND[search.query.order]], search.query.limit
    highest = search.query.place.rank if search.query.place else None
    left = dict(fitting)
    for some in _known_numbers(search, begin, highest):
        keys = {f"{begin}{numbers.spell(value)}": value for value in some}
        rows = blocks.load_keys(search.connection, [block.number for block in left], sorted(keys))
        for value in some:
            left = _after(search, dict(fitting)) if value == highest else dict(fitting)
            key = f"{begin}{numbers.spell(value)}"
            having = [(block, bits & rows[block.number].get(key, 0)) for block, bits in left.items()]
            found |= set(_newest(search, having, value, limit - len(found)))
            if len(found) >= limit:
                return found
    rows = blocks.load_keys(search.connection, [block.number for block in left], [begin])
    left = _after(search, dict(fitting)) if highest == -1 else dict(fitting)
    none = [(block, bits & ~rows[block.number].get(begin, 0)) for block, bits in left.items()]
    return found | set(_newest(search, none, -1, limit - len(found)))


def _after(search: Search, fitting: dict[Block, int]) -> dict[Block, int]:
    """Those of the number with which the page before ended: only the older ones are left."""
    place = search.query.place
    assert place is not None
    return {block: bits & search.places_before(block, place.job_id) for block, bits in fitting.items()}


def _known_numbers(search: Search, begin: str, highest: int | None) -> Iterator[list[int]]:
    """Every number that any take has, the highest first, some at a time."""
    if highest is not None and highest < 0:
        return
    given = {"low": begin, "high": f"{begin}~"}
    spelt = [word[len(begin) :] for word in search.connection.execute(_KNOWN, given).scalars()]
    values = sorted((numbers.value_of(one) for one in spelt if numbers.is_whole(one)), reverse=True)
    values = [value for value in values if highest is None or value <= highest]
    for first in range(0, len(values), _NUMBERS_AT_ONCE):
        yield values[first : first + _NUMBERS_AT_ONCE]


def _newest(search: Search, having: Fitting, value: int, most: int) -> Iterator[Place]:
    """The newest of these, all of which have this number."""
    known, waiting = frozenset(search.looked_at), []
    for block, bits in having:
        for place in each(bits, descending=True):
            waiting.append((block.number, place))
            if len(waiting) >= max(most, 1):
                for one in _at(search, waiting, value, known):
                    yield one
                    most -= 1
                waiting = []
                if most <= 0:
                    return
    yield from _at(search, waiting, value, known)


def _at(
    search: Search, waiting: Sequence[tuple[int, int]], value: int, known: frozenset[str]
) -> Iterator[Place]:
    for place in search.places_at(waiting, known) if waiting else ():
        ranked = Place(value, place.job_id)
        if search.is_behind(ranked):
            yield ranked
