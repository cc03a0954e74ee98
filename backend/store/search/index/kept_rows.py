"""What a process keeps of the large blocks of the index that it has read: they hardly ever change.

A block counts its changes, by triggers, so that no way of changing it can forget. What was read of one is
good for whoever sees the block at that count; what is older falls out as other rows come in.
"""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from sqlalchemy import Connection

from backend.store.search.index import blocks
from backend.store.search.index.bits import BLOCK_TAKES
from backend.store.search.index.blocks import Block

#: A process keeps at most so much: some 500 rows of a quarter of a million takes.
MOST_BYTES = 16 * 1024 * 1024
#: What a row costs besides its bits.
_BESIDE_BYTES = 200

_Place = tuple[int, int, str]


class KeptRows:
    """Rows of one database's large blocks. For sessions that see one state of it alone: another might read a
    newer row after an older count."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes, self._bytes = most_bytes, 0
        self._rows: OrderedDict[_Place, int] = OrderedDict()
        self._lock = Lock()

    @classmethod
    def of(cls, connection: Connection) -> "KeptRows":
        """Those of a connection's database, if it only looks (the store's own option); of any other none."""
        kept: dict[str, KeptRows] = connection.get_execution_options().get("kept", {})
        return kept.setdefault("index", cls())

    def load_keys(
        self, connection: Connection, some: Sequence[Block], keys: Sequence[str]
    ) -> dict[int, dict[str, int]]:
        """As `blocks.load_keys`, of these blocks; keys that none has may stand there as 0."""
        found = {block.number: self._known(block, keys) for block in some if block.takes > BLOCK_TAKES}
        asked = [block for block in some if not found.get(block.number)]
        found |= blocks.load_keys(connection, [block.number for block in asked], keys)
        for block in asked:
            if block.takes > BLOCK_TAKES:
                self._keep(block, {key: found[block.number].get(key, 0) for key in keys})
        return found

    def _known(self, block: Block, keys: Sequence[str]) -> dict[str, int]:
        """All of these rows, or none."""
        places = [(block.number, block.version, key) for key in keys]
        with self._lock:
            if any(place not in self._rows for place in places):
                return {}
            for place in places:
                self._rows.move_to_end(place)
            return {place[2]: self._rows[place] for place in places}

    def _keep(self, block: Block, rows: dict[str, int]) -> None:
        with self._lock:
            for key, places in rows.items():
                place = (block.number, block.version, key)
                self._bytes += 0 if place in self._rows else _size(places)
                self._rows[place] = places
                self._rows.move_to_end(place)
            while self._bytes > self._most_bytes:
                self._bytes -= _size(self._rows.popitem(last=False)[1])


def _size(places: int) -> int:
    return _BESIDE_BYTES + places.bit_length() // 8
