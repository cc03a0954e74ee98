"""Keys for whole numbers: those of every number from here to there are few.

A number is written by its length and its digits to the base 4, and a take has a key for each beginning of
that. So numbers from a bound on are those of a few beginnings, and all that begin alike are one key. Pure.
"""

from collections.abc import Iterable, Sequence

#: Larger numbers count as this one: for hundredths of a cent more than anything costs.
MAX = 4**25 - 1

_BASE = 4
_LENGTHS = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123"


def spell(value: int) -> str:
    """The number as a text; longer numbers, and of one length larger ones, sort later."""
    value, digits = min(value, MAX), ""
    while value:
        value, digit = divmod(value, _BASE)
        digits = _DIGITS[digit] + digits
    return _LENGTHS[len(digits)] + digits


def value_of(spelt: str) -> int:
    """What `spell` wrote."""
    return int(spelt[1:] or "0", _BASE)


def is_whole(spelt: str) -> bool:
    """Is it a number, and not only its beginning?"""
    return bool(spelt) and len(spelt) == 1 + _LENGTHS.index(spelt[0])


def beginnings(value: int) -> list[str]:
    """Every beginning of the number; "" is that of all."""
    spelt = spell(value)
    return [spelt[:length] for length in range(len(spelt) + 1)]


def at_least(low: int) -> list[str]:
    """Beginnings that together are those of every number from `low` on, and of no other."""
    return _beside(spell(low), above=True)


def at_most(high: int) -> list[str]:
    """The same, of every number up to `high`."""
    return _beside(spell(high), above=False) if high >= 0 else []


def _beside(spelt: str, *, above: bool) -> list[str]:
    found = [spelt]
    for place, char in enumerate(spelt):
        known: Sequence[str] = _DIGITS if place else _LENGTHS
        others: Iterable[str] = known[known.index(char) + 1 :] if above else known[: known.index(char)]
        found += [spelt[:place] + other for other in others]
    return found
