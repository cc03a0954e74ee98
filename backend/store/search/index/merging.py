"""Old blocks of the index are merged, so that a walk over a million takes reads few of them.

What is new, and changes most, stands in small blocks, whose rows are short to write. A full block that has
newer full ones behind it is put into the one before it, which grows: a key has one row for both then. Whoever
searches needn't know how large a block is.

It is done in small transactions, others write in between. First the keys' rows are copied behind the takes of
the block before, some at a time: nobody looks at places where a block has no takes yet. Then the takes are
moved, in one transaction, if both blocks have those that they had; all keys that a take can lose or get are
copied again there, as no others can have changed. What is left of the moved block is no block's, and is
removed. Stopped at any point, all that was done is done over the next time.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

from sqlalchemy import Connection

from backend.store.database.engine import Store
from backend.store.database.locks import acquire_advisory_lock
from backend.store.search.index import blocks
from backend.store.search.index.bits import MERGED_TAKES, below
from backend.store.search.index.blocks import Block
from backend.store.search.index_keys import AFTER_LOOSE, LOOSE

#: So many of the newest blocks stay as they are: what comes late, or changes again, is mostly in them.
NEWEST = 2
#: Rows that are copied, or removed, in one transaction.
CHUNK = 1_000


def merge_next(store: Store) -> bool:
    """Put an old block into the one before it; False: there is none to be, or somebody else changed them."""
    with store.read() as session:
        every = blocks.list_blocks(session.connection())
    pair = _next_pair(every)
    if pair is None:
        return False
    for one, other in pairwise(every):  # of merges that were stopped
        _remove_rows(store, one.number + 1, other.number)
    begin: str | None = ""
    while begin is not None:
        with _with_both(store, pair) as connection:
            if connection is None:
                return False
            begin = _copy_some(connection, *pair, after=begin)
    with _with_both(store, pair) as connection:
        if connection is None:
            return False
        _move(connection, *pair)
    _remove_rows(store, pair[1].number, pair[1].number + 1)
    return True


def _next_pair(every: Sequence[Block]) -> tuple[Block, Block] | None:
    pairs = pairwise(every[:-NEWEST])
    return next((pair for pair in pairs if pair[0].takes + pair[1].takes <= MERGED_TAKES), None)


@contextmanager
def _with_both(store: Store, pair: tuple[Block, Block]) -> Iterator[Connection | None]:
    """A transaction in which nobody else changes blocks; None: one has other takes than it had."""
    with store.begin() as session:
        acquire_advisory_lock(session, "take_index")
        takes = {block.number: block.takes for block in blocks.list_blocks(session.connection())}
        unchanged = all(takes.get(block.number) == block.takes for block in pair)
        yield session.connection() if unchanged else None


def _copy_some(connection: Connection, into: Block, block: Block, *, after: str) -> str | None:
    """Copy the rows of some keys that sort after this one; returns the last one, None: there are no more."""
    rows = blocks.load_some(connection, block.number, after=after, most=CHUNK)
    there = blocks.load_keys(connection, [into.number], list(rows))[into.number]
    blocks.put_keys(connection, into.number, _both(into, there, block, rows))
    return list(rows)[-1] if len(rows) == CHUNK else None


def _move(connection: Connection, into: Block, block: Block) -> None:
    there = blocks.load_range(connection, into.number, LOOSE, AFTER_LOOSE)
    rows = blocks.load_range(connection, block.number, LOOSE, AFTER_LOOSE)
    both = _both(into, there, block, rows)
    blocks.put_keys(connection, into.number, {key: both[key] for key in both if both[key] != there.get(key)})
    ids = blocks.load_ids(connection, into.number) + blocks.load_ids(connection, block.number)
    blocks.drop(connection, block.number)
    blocks.put_ids(connection, into.number, ids, begin=into.takes)


def _both(into: Block, there: dict[str, int], block: Block, rows: dict[str, int]) -> dict[str, int]:
    """key -> the places of both. What stands behind the places that a block has is of no take."""
    own, its = below(into.takes), below(block.takes)
    return {
        key: there.get(key, 0) & own | (rows.get(key, 0) & its) << into.takes for key in there.keys() | rows
    }


def _remove_rows(store: Store, low: int, high: int) -> None:
    """Remove what is left of blocks from this number to before that one, which are none any more."""
    number = CHUNK if high > low else 0
    while number == CHUNK:
        with store.begin() as session:
            number = blocks.drop_rows(session.connection(), low, high, most=CHUNK)
