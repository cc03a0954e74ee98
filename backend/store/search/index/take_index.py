"""The index of takes: what they are found by, kept beside their rows and read by `find`.

Triggers note each take that is made or changed in `unindexed`, in the transaction that does it: one small
row. A sweep reads what is noted into the index, many at a time. Until then a take is found by looking at its
rows, so that none is ever missing, and none is shown for what it was.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence, Set

from sqlalchemy import bindparam, text
from sqlmodel import Session

from backend.store.database.engine import Store
from backend.store.database.locks import acquire_advisory_lock
from backend.store.search.facts import TakeFacts, load_facts
from backend.store.search.index import blocks, merging
from backend.store.search.index.bits import BLOCK_TAKES, below, make_room
from backend.store.search.index.blocks import Block
from backend.store.search.index_keys import AFTER_LOOSE, LOOSE, first_keys, later_keys, numbers_of

#: Takes read in one transaction where nobody waits for it.
BATCH = 2000
#: More keys than these are read with all of their block.
_FEW_KEYS = 400

_TAKE = (
    "DELETE FROM unindexed WHERE job_id IN (SELECT job_id FROM unindexed WHERE length(job_id) = 36"
    " ORDER BY job_id LIMIT :most{locked}) RETURNING job_id"
)
_TAKE_SQLITE, _TAKE_POSTGRES = (
    text(_TAKE.format(locked="")),
    text(_TAKE.format(locked=" FOR UPDATE SKIP LOCKED")),
)
_NOTED = "SELECT job_id FROM unindexed WHERE job_id > :after AND job_id < :before ORDER BY job_id {order}"
_NOTED_UP, _NOTED_DOWN = text(_NOTED.format(order="ASC")), text(_NOTED.format(order="DESC"))
_NEW_WORDS = text("INSERT INTO known_word (word) VALUES (:word) ON CONFLICT DO NOTHING")
_KNOWN = text("SELECT word FROM known_word WHERE word IN :words").bindparams(
    bindparam("words", expanding=True)
)


def index_pending(session: Session, *, limit: int) -> int:
    """Read the oldest takes that are noted into the index; returns how many."""
    # Whoever reads takes into a block changes its rows: one at a time. Notes are taken after that, and takes
    # are read after their notes: who changes a take holds its note until that is committed.
    acquire_advisory_lock(session, "take_index")
    connection = session.connection()
    server = connection.dialect.name == "postgresql"
    noted = connection.execute(_TAKE_POSTGRES if server else _TAKE_SQLITE, {"most": limit}).scalars().all()
    takes = load_facts(session, sorted(one for one in noted if blocks.is_id(one)))
    _keep_words(session, takes)
    known = blocks.list_blocks(connection)
    while takes:
        block, some = _of_one_block(known, takes)
        takes = takes[len(some) :]
        newest = block.number >= max((one.number for one in known), default=0)
        known = [one for one in known if one.number != block.number]
        done = _index_into(session, block, some, newest=newest)
        known = sorted([*known, done], key=lambda one: one.number)
    return len(noted)


def index_all_pending(store: Store, *, on_progress: Callable[[int], None] = lambda _: None) -> None:
    """Read everything that is noted, in transactions of their own: others work meanwhile, and if this is
    stopped, sweeps go on with it. on_progress: is given how many were read so far.
    """
    total, number = 0, BATCH
    while number == BATCH:
        with store.begin() as session:
            number = index_pending(session, limit=BATCH)
        total += number
        on_progress(total)
        while merging.merge_next(store):
            pass


def list_noted(session: Session, *, after: str, before: str, ascending: bool) -> list[str]:
    """Ids of takes that are not in the index as they are now, between these two, in order."""
    given = {"after": after, "before": before}
    return list(session.connection().execute(_NOTED_UP if ascending else _NOTED_DOWN, given).scalars())


def known_keys(session: Session, keys: Sequence[str]) -> frozenset[str]:
    """Which of these words and keys of numbers any take has, or has had."""
    if not keys:
        return frozenset()
    return frozenset(session.connection().execute(_KNOWN, {"words": list(keys)}).scalars())


def _of_one_block(known: Sequence[Block], takes: Sequence[TakeFacts]) -> tuple[Block, Sequence[TakeFacts]]:
    """The block in which the first of these takes stands, or is to stand, and all that go there with it."""
    first = takes[0].id
    at = max((n for n, block in enumerate(known) if block.first_id <= first), default=0)
    if not known:
        return Block(0, first, "", 0), takes[:BLOCK_TAKES]
    block = known[at]
    if at == len(known) - 1:
        fresh = [take for take in takes if take.id > block.last_id]
        room = max(0, BLOCK_TAKES - block.takes)
        if first > block.last_id and not room:
            return Block(block.number + 1, first, "", 0), takes[:BLOCK_TAKES]
        return block, takes[: len(takes) - len(fresh) + room]
    return block, [take for take in takes if take.id < known[at + 1].first_id]


def _index_into(session: Session, block: Block, takes: Sequence[TakeFacts], *, newest: bool) -> Block:
    """Read takes into a block: new ones at the place that their ids give them, known ones as they are now.

    newest: nothing stands behind the takes of this block; behind those of others there may be copies that no
    take has yet (`merging`).
    """
    connection = session.connection()
    ids = blocks.load_ids(connection, block.number) if block.takes else []
    asked = {take.id: blocks.pack_id(take.id) for take in takes}
    there = set(ids).intersection(asked.values())
    fresh = {name: one for name, one in asked.items() if one not in there}
    late = [one for one in fresh.values() if ids and one < ids[-1]]
    begin, rows = len(ids), {}
    if late or (fresh and not newest):  # those behind them move on
        every = blocks.load_all(connection, block.number)
        rows = {key: bits & below(block.takes) for key, bits in every.items()}
        begin = bisect_left(ids, min(fresh.values()))
        for one in late:
            at = bisect_left(ids, one)
            ids.insert(at, one)
            rows = {key: make_room(bits, at) for key, bits in rows.items()}
    ids += [one for one in fresh.values() if not ids or one > ids[-1]]
    places = {name: bisect_left(ids, one) for name, one in asked.items()}
    changed = _changed_rows(session, block, takes, places, fresh.keys(), rows)
    if fresh:
        block = blocks.put_ids(connection, block.number, ids, begin=begin)
    blocks.put_keys(connection, block.number, changed)
    return block


def _changed_rows(
    session: Session, block: Block, takes: Sequence[TakeFacts], places: Mapping[str, int], fresh: Set[str],
    moved: dict[str, int],
) -> dict[str, int]:  # fmt: skip
    """key -> which places have it, of every key that changes. moved: all keys, if places have moved."""
    connection, known = session.connection(), 0
    having: dict[str, int] = {}
    for take in takes:
        bit = 1 << places[take.id]
        known |= 0 if take.id in fresh else bit
        for key in later_keys(take) | (first_keys(take) if take.id in fresh else set()):
            having[key] = having.get(key, 0) | bit
    if moved:
        rows = dict(moved)
    elif not block.takes:
        rows = {}
    elif len(having) > _FEW_KEYS:
        rows = blocks.load_all(connection, block.number)
    else:
        rows = blocks.load_keys(connection, [block.number], sorted(having))[block.number]
        rows |= blocks.load_range(connection, block.number, LOOSE, AFTER_LOOSE) if known else {}
    changed = dict(moved)
    for key, bits in rows.items():
        if key.startswith(LOOSE) and bits & known:
            changed[key] = bits & ~known
    for key, bits in having.items():
        changed[key] = changed.get(key, rows.get(key, 0)) | bits
    return {key: bits for key, bits in changed.items() if moved or bits != rows.get(key, 0)}


def _keep_words(session: Session, takes: Iterable[TakeFacts]) -> None:
    """Words and keys of numbers, for what begins so; in order, so that two never wait for each other."""
    found: set[str] = set()
    for take in takes:
        found |= take.first_words | take.later_words
        found |= numbers_of(take)
    if found:
        session.connection().execute(_NEW_WORDS, [{"word": word} for word in sorted(found)])
