"""What a take costs, in the few words that a card has room for."""

from backend.services.gallery.figures import dollars
from backend.services.money.charges import Charge, ChargeState


def cost_words(charge: Charge) -> str:
    """As far as is known: "≈ $0.35" estimated, "$0.35" billed, "?" where nobody knows."""
    known = "?" if charge.usd is None else f"≈ {dollars(charge.usd)}"
    if charge.decision.is_suspicious:
        return f"{known} · suspicious bill"
    match charge.state:
        case ChargeState.BILLED:
            return dollars(charge.usd or 0.0)
        case ChargeState.NOT_CHARGED:
            return "not charged"
        case ChargeState.WRITTEN_OFF:
            return "written off"
        case ChargeState.MAY_BE_CHARGED:
            return f"{known} · may be charged"
        case ChargeState.RESERVED | ChargeState.ESTIMATED:
            return known
