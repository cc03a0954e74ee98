"""The tables of the index: blocks of takes in the order of their ids, and in each block who has which key.

A take's place in its block is its rank among the block's ids, which are kept in parts of `PART_TAKES`. The
row of a key says by bits which places have it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, LargeBinary, bindparam, text

from backend.store.search.index.bits import pack, unpack_bits

#: Ids in a part: a page of results reads few of them, and a new take writes one.
PART_TAKES = 512
#: A block has fewer parts than this, however many takes came late.
_PARTS = 1 << 16
_ID = 16
#: Sorts after every key.
_AFTER_ALL = "\U0010ffff"

_BLOCKS = text("SELECT number, first_id, last_id, takes, version FROM take_block ORDER BY number")
_PUT_BLOCK = text(
    "INSERT INTO take_block (number, first_id, last_id, takes) VALUES (:number, :first_id, :last_id, :takes)"
    " ON CONFLICT (number) DO UPDATE SET first_id = excluded.first_id, last_id = excluded.last_id,"
    " takes = excluded.takes"
)
_PARTS_OF = text("SELECT ids FROM take_ids WHERE number >= :low AND number < :high ORDER BY number")
_PART_WITH = text(
    "SELECT number, ids FROM take_ids WHERE number >= :low AND number < :high AND first_id <= :id"
    " ORDER BY number DESC LIMIT 1"
)
_SOME_PARTS = text("SELECT number, ids FROM take_ids WHERE number IN :numbers").bindparams(
    bindparam("numbers", expanding=True)
)
_PUT_PART = text(
    "INSERT INTO take_ids (number, first_id, ids) VALUES (:number, :first_id, :ids)"
    " ON CONFLICT (number) DO UPDATE SET first_id = excluded.first_id, ids = excluded.ids"
).bindparams(bindparam("ids", type_=LargeBinary))
_KEYS = text("SELECT block, key, bits FROM take_key WHERE block IN :blocks AND key IN :keys").bindparams(
    bindparam("blocks", expanding=True), bindparam("keys", expanding=True)
)
_RANGE = text("SELECT key, bits FROM take_key WHERE block = :block AND key >= :low AND key < :high")
_PUT_KEY = text(
    "INSERT INTO take_key (block, key, bits) VALUES (:block, :key, :bits)"
    " ON CONFLICT (block, key) DO UPDATE SET bits = excluded.bits"
).bindparams(bindparam("bits", type_=LargeBinary))
_SOME = text("SELECT key, bits FROM take_key WHERE block = :block AND key > :after ORDER BY key LIMIT :most")
_DROP_IDS = text("DELETE FROM take_ids WHERE number >= :low AND number < :high")
_DROP_BLOCK = text("DELETE FROM take_block WHERE number = :number")
_DROP_ROWS = text(
    "DELETE FROM take_key WHERE (block, key) IN"
    " (SELECT block, key FROM take_key WHERE block >= :low AND block < :high ORDER BY block, key LIMIT :most)"
)
_DROP_KEY = text("DELETE FROM take_key WHERE block = :block AND key = :key")


@dataclass(frozen=True)
class Block:
    """A block, without the ids that stand in it. takes: how many that are. version: of its keys; of a small
    block it isn't counted."""

    number: int
    first_id: str
    last_id: str
    takes: int
    version: int = 0


def is_id(job_id: str) -> bool:
    """Is it an id as they are made here? Others can't be kept in blocks."""
    try:
        return str(UUID(job_id)) == job_id
    except ValueError:
        return False


def pack_id(job_id: str) -> bytes:
    """An id as it is kept: in the same order."""
    return UUID(job_id).bytes


def list_blocks(connection: Connection) -> list[Block]:
    """Every block, the oldest first."""
    return [Block(*row) for row in connection.execute(_BLOCKS).all()]


def load_ids(connection: Connection, number: int) -> list[bytes]:
    """The ids of a block, in order, as they are kept."""
    given = {"low": number * _PARTS, "high": (number + 1) * _PARTS}
    return [one for kept in connection.execute(_PARTS_OF, given).scalars().all() for one in _cut(kept)]


def place_of(connection: Connection, number: int, job_id: str, *, after: bool = False) -> int:
    """How many ids of a block sort before this one; after: or are it."""
    given = {"low": number * _PARTS, "high": (number + 1) * _PARTS, "id": job_id}
    part = connection.execute(_PART_WITH, given).one_or_none()
    if part is None:
        return 0
    ids = [str(UUID(bytes=one)) for one in _cut(part[1])]
    before = (int(part[0]) - number * _PARTS) * PART_TAKES
    return before + (bisect_right(ids, job_id) if after else bisect_left(ids, job_id))


def ids_at(connection: Connection, places: Sequence[tuple[int, int]]) -> list[str]:
    """The ids at these places, each (block, place), in the same order."""
    numbers = sorted({_part(block, place) for block, place in places})
    kept: dict[int, bytes] = {}
    if numbers:
        rows = connection.execute(_SOME_PARTS, {"numbers": numbers}).all()
        kept = {number: bytes(ids) for number, ids in rows}
    found = []
    for block, place in places:
        at = place % PART_TAKES * _ID
        found.append(str(UUID(bytes=kept[_part(block, place)][at : at + _ID])))
    return found


def load_keys(
    connection: Connection, numbers: Sequence[int], keys: Sequence[str]
) -> dict[int, dict[str, int]]:
    """block -> key -> which places have it, of these blocks and keys."""
    found: dict[int, dict[str, int]] = {number: {} for number in numbers}
    if numbers and keys:
        given = {"blocks": list(numbers), "keys": list(keys)}
        for block, key, kept in connection.execute(_KEYS, given).all():
            found[block][key] = unpack_bits(kept)
    return found


def load_range(connection: Connection, number: int, low: str, high: str) -> dict[str, int]:
    """key -> which places have it, of a block's keys from `low` to before `high`."""
    rows = connection.execute(_RANGE, {"block": number, "low": low, "high": high}).all()
    return {key: unpack_bits(kept) for key, kept in rows}


def load_all(connection: Connection, number: int) -> dict[str, int]:
    """key -> which places have it, of every key of a block."""
    return load_range(connection, number, "", _AFTER_ALL)


def load_some(connection: Connection, number: int, *, after: str, most: int) -> dict[str, int]:
    """key -> which places have it, of so many of a block's keys that sort after this one."""
    rows = connection.execute(_SOME, {"block": number, "after": after, "most": most}).all()
    return {key: unpack_bits(kept) for key, kept in rows}


def drop(connection: Connection, number: int) -> None:
    """A block with its ids; the rows of its keys are left to `drop_rows`."""
    connection.execute(_DROP_IDS, {"low": number * _PARTS, "high": (number + 1) * _PARTS})
    connection.execute(_DROP_BLOCK, {"number": number})


def drop_rows(connection: Connection, low: int, high: int, *, most: int) -> int:
    """So many rows of keys of blocks from this number to before that one; returns how many there were."""
    return connection.execute(_DROP_ROWS, {"low": low, "high": high, "most": most}).rowcount


def put_ids(connection: Connection, number: int, ids: Sequence[bytes], *, begin: int = 0) -> Block:
    """A block with these ids, of which those before the place `begin` are kept already."""
    parts = range(begin // PART_TAKES, (len(ids) - 1) // PART_TAKES + 1)
    rows = []
    for part in parts:
        some = ids[part * PART_TAKES : (part + 1) * PART_TAKES]
        kept = b"".join(some)
        rows.append({"number": number * _PARTS + part, "first_id": str(UUID(bytes=some[0])), "ids": kept})
    connection.execute(_PUT_PART, rows)
    block = Block(number, str(UUID(bytes=ids[0])), str(UUID(bytes=ids[-1])), len(ids))
    connection.execute(_PUT_BLOCK, vars(block))
    return block


def put_keys(connection: Connection, number: int, rows: Mapping[str, int]) -> None:
    """These rows of keys, in place of what they were; of a key that no place has there is none."""
    some = [{"block": number, "key": key, "bits": pack(rows[key])} for key in sorted(rows) if rows[key]]
    none = [{"block": number, "key": key} for key in sorted(rows) if not rows[key]]
    if none:
        connection.execute(_DROP_KEY, none)
    if some:
        connection.execute(_PUT_KEY, some)


def _part(block: int, place: int) -> int:
    return block * _PARTS + place // PART_TAKES


def _cut(kept: bytes) -> list[bytes]:
    whole = bytes(kept)
    return [whole[at : at + _ID] for at in range(0, len(whole), _ID)]
