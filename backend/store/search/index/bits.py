"""Sets of places within a block of the index: whole numbers here, bytes in the database.

A place is a bit. Few places are kept one by one, many as the number itself.
"""

from collections.abc import Iterator
from functools import lru_cache
from struct import Struct, unpack

#: So many takes stand in a new block: a row of its keys has two kilobytes at most, and is written again with
#: each take that has the key.
BLOCK_TAKES = 16_384
#: And at most so many in one that is merged of old ones: 32 kilobytes.
MERGED_TAKES = 262_144
#: Up to so many places are kept one by one, four bytes each: in a large block more, as its bits are longer.
FEW, FEW_OF = 64, 512

_FEW, _MANY = b"\x00", b"\x01"
_PLACE = Struct("<I")


def pack(places: int) -> bytes:
    """As it is kept."""
    if places.bit_count() <= max(FEW, places.bit_length() // FEW_OF):
        return _FEW + b"".join(_PLACE.pack(place) for place in each(places))
    return _MANY + places.to_bytes((places.bit_length() + 7) // 8, "little")


def unpack_bits(kept: bytes | memoryview) -> int:
    """What `pack` wrote."""
    whole = memoryview(kept)
    if whole[0]:
        return int.from_bytes(whole[1:], "little")
    some = unpack(f"<{len(whole) // 4}I", whole[1:])
    found = bytearray((some[-1] >> 3) + 1)
    for place in some:
        found[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(found, "little")


def each(places: int, *, descending: bool = False) -> Iterator[int]:
    """Every place, the lowest first, or the highest."""
    while places:
        place = places.bit_length() - 1 if descending else (places & -places).bit_length() - 1
        yield place
        places ^= 1 << place


@lru_cache(maxsize=64)  # those of whole blocks are asked for again and again
def below(place: int) -> int:
    """All places before this one."""
    return (1 << place) - 1


def make_room(places: int, at: int) -> int:
    """The same takes, where another one is put in at this place."""
    low = places & below(at)
    return low | (places ^ low) << 1
