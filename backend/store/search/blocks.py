"""The tables of the index: blocks of takes in the order of their ids, and in each block who has which key.

A take's place in its block is its rank among the block's ids. A key's row says by bits which places have it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, LargeBinary, bindparam, text

from backend.store.search.bits import pack, unpack_bits

#: Bytes of an id.
_ID = 16
#: Values in one statement.
_CHUNK = 500

_BLOCKS = text("SELECT number, first_id, last_id, takes FROM take_block ORDER BY number")
_IDS = text("SELECT ids FROM take_block WHERE number = :number").columns(ids=LargeBinary)
_KEYS = text("SELECT block, key, bits FROM take_key WHERE block IN :blocks AND key IN :keys").bindparams(
    bindparam("blocks", expanding=True), bindparam("keys", expanding=True)
)
_RANGE = text("SELECT block, key, bits FROM take_key WHERE block = :block AND key >= :low AND key < :high")
_PUT_BLOCK = text(
    "INSERT INTO take_block (number, first_id, last_id, takes, ids) VALUES (:number, :first_id, :last_id,"
    " :takes, :ids) ON CONFLICT (number) DO UPDATE SET first_id = excluded.first_id,"
    " last_id = excluded.last_id, takes = excluded.takes, ids = excluded.ids"
).bindparams(bindparam("ids", type_=LargeBinary))
_PUT_KEY = text(
    "INSERT INTO take_key (block, key, bits) VALUES (:block, :key, :bits)"
    " ON CONFLICT (block, key) DO UPDATE SET bits = excluded.bits"
).bindparams(bindparam("bits", type_=LargeBinary))
_DROP_KEY = text("DELETE FROM take_key WHERE block = :block AND key = :key")
_SOME_IDS = (
    "WITH w (number, low, many) AS (VALUES {values})"
    " SELECT b.number, substr(b.ids, w.low * 16 + 1, w.many * 16)"
    " FROM w JOIN take_block b ON b.number = w.number"
)


@dataclass(frozen=True)
class Block:
    """A block, without the ids that stand in it. takes: how many that are."""

    number: int
    first_id: str
    last_id: str
    takes: int


def list_blocks(connection: Connection) -> list[Block]:
    """Every block, the oldest first."""
    return [Block(*row) for row in connection.execute(_BLOCKS)]


def load_ids(connection: Connection, number: int) -> list[str]:
    """The ids of a block, in order."""
    kept = bytes(connection.execute(_IDS, {"number": number}).scalar_one())
    return unpack_ids(kept)


def unpack_ids(kept: bytes) -> list[str]:
    """Ids, each as it is written."""
    whole = bytes(kept).hex()
    return [
        f"{one[:8]}-{one[8:12]}-{one[12:16]}-{one[16:20]}-{one[20:]}"
        for one in (whole[begin : begin + 2 * _ID] for begin in range(0, len(whole), 2 * _ID))
    ]


def is_id(job_id: str) -> bool:
    """Is it an id as they are made here? Others can't be kept in blocks."""
    try:
        return str(UUID(job_id)) == job_id
    except ValueError:
        return False


def place_of(ids: Sequence[str], job_id: str, *, after: bool = False) -> int:
    """How many of these ids stand before this one; after: or are it."""
    return bisect_right(ids, job_id) if after else bisect_left(ids, job_id)


def ids_at(connection: Connection, places: Sequence[tuple[int, int]]) -> list[str]:
    """The ids at these places, each (block, place), in the same order."""
    wanted: dict[int, list[int]] = {}
    for number, place in places:
        wanted.setdefault(number, []).append(place)
    found: dict[tuple[int, int], str] = {}
    numbers = list(wanted)
    for begin in range(0, len(numbers), _CHUNK):
        some = numbers[begin : begin + _CHUNK]
        spans = [(number, min(wanted[number]), max(wanted[number])) for number in some]
        values = ", ".join(f"({number:d}, {low:d}, {high - low + 1:d})" for number, low, high in spans)
        # Numbers alone, of our own: as parameters they would be a statement for each of their count.
        rows = connection.exec_driver_sql(_SOME_IDS.format(values=values)).all()
        lows = {number: low for number, low, _ in spans}
        for number, kept in rows:
            ids, low = bytes(kept), lows[number]
            for place in wanted[number]:
                at = (place - low) * _ID
                found[number, place] = str(UUID(bytes=ids[at : at + _ID]))
    return [found[place] for place in places]


def load_keys(
    connection: Connection, numbers: Sequence[int], keys: Sequence[str]
) -> dict[int, dict[str, int]]:
    """block -> key -> which places have it, of these blocks and keys."""
    found: dict[int, dict[str, int]] = {number: {} for number in numbers}
    if numbers and keys:
        for block, key, kept in connection.execute(_KEYS, {"blocks": list(numbers), "keys": list(keys)}):
            found[block][key] = unpack_bits(bytes(kept))
    return found


def load_range(connection: Connection, number: int, low: str, high: str) -> dict[str, int]:
    """key -> which places have it, of a block's keys from `low` to before `high`."""
    rows = connection.execute(_RANGE, {"block": number, "low": low, "high": high})
    return {key: unpack_bits(bytes(kept)) for _, key, kept in rows}


def put_block(connection: Connection, number: int, ids: Sequence[str]) -> None:
    """A block with these ids, in place of what it was."""
    kept = b"".join(UUID(one).bytes for one in ids)
    row = {"number": number, "first_id": ids[0], "last_id": ids[-1], "takes": len(ids), "ids": kept}
    connection.execute(_PUT_BLOCK, row)


def put_keys(connection: Connection, number: int, rows: Mapping[str, int]) -> None:
    """These rows of keys, in place of what they were; of a key that no place has there is none."""
    some = [{"block": number, "key": key, "bits": pack(rows[key])} for key in sorted(rows) if rows[key]]
    none = [{"block": number, "key": key} for key in sorted(rows) if not rows[key]]
    if none:
        connection.execute(_DROP_KEY, none)
    if some:
        connection.execute(_PUT_KEY, some)
