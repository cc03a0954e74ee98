"""What one billable unit costs: the provider's list row, which turns its count into money."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: No amount is larger; beyond it something is broken.
MAX_AMOUNT = 1e12


@dataclass(frozen=True)
class Price:
    """What one unit costs. unit: the provider's word, singular ("second", "video", "1k tokens").

    The word misleads now and then, and a unit may hold a multiplier for resolution and sound: what a take
    costs is told by a rule, never by this times its seconds.
    """

    unit: str
    unit_usd: float


def read_price(value: Any) -> Price | None:
    """A price that can be read, from {unit, unit_usd}, or None: a wrong price is worse than none."""
    if not isinstance(value, Mapping) or not isinstance(value.get("unit"), str):
        return None
    usd, unit = read_amount(value.get("unit_usd")), value["unit"].strip().casefold()
    return None if usd is None or not unit else Price(unit=_singular(unit), unit_usd=usd)


def read_amount(value: Any) -> float | None:
    """A finite number that is not negative, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= MAX_AMOUNT and math.isfinite(value) else None


def _singular(unit: str) -> str:
    """ "seconds" is "second"; "1k tokens" stays, as its plural is its name."""
    return unit[:-1] if unit.endswith("s") and " " not in unit else unit
