"""Where the provider's list and a rule no longer agree: the rule may be old, and the dearer price is held."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.catalogue.pricing.bill import Price
from backend.catalogue.pricing.quote import dollars, usual_price
from backend.catalogue.pricing.rules import PriceRule

#: Figures that differ by less are one price, rounded in two ways.
TOLERANCE = 0.02


@dataclass(frozen=True)
class PriceDrift:
    """Two prices of one unit that should be the same. factor: by how much the list is dearer than the rule.

    known: what the list said when the rule was written, or, where nobody saw it, the rule's own usual price.
    """

    listed: Price
    known: Price
    factor: float

    @property
    def words(self) -> str:
        """Both figures, for people."""
        return (
            f"the provider's list says {dollars(self.listed.unit_usd)} a {self.listed.unit}, the price rule "
            f"was written at {dollars(self.known.unit_usd)} a {self.known.unit}"
        )

    def dearest(self, usd: float) -> float:
        """What may be billed of takes that come to so much by the rule: the dearer of rule and list."""
        return round(usd * max(1.0, self.factor), 6)


def find_drift(rule: PriceRule, listed: Price, schema: Mapping[str, Any]) -> PriceDrift | None:
    """What no longer agrees between a rule and the list row of its model; None: they do.

    A billable unit holds a multiplier (a second at 4k with sound is 1.5 units), so that the list row is
    right when it is the one that the rule was written with, or the rule's usual price itself. Where nobody
    saw a row before, one for the same unit must be the price of some case; another unit says nothing.
    """
    usual, known = usual_price(rule, schema), rule.bill_price
    if known is None:
        cases = [case.unit_usd for case in rule.rules if case.unit_usd]
        if usual is None or listed.unit != usual.unit or any(_agree(listed.unit_usd, usd) for usd in cases):
            return None
        known = usual
    elif _agree(listed.unit_usd, known.unit_usd) or (usual and _agree(listed.unit_usd, usual.unit_usd)):
        return None
    return PriceDrift(listed, known, listed.unit_usd / known.unit_usd if known.unit_usd else 1.0)


def _agree(one: float, other: float) -> bool:
    return abs(one - other) <= TOLERANCE * max(one, other)
