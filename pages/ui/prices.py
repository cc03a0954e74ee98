"""Prices before they are paid: on buttons, in the list of models, and what they are made of."""

from dataclasses import replace

from backend.catalogue.models import VideoModel
from backend.catalogue.pricing.quote import Quote, field_words
from backend.services.deps import Deps
from backend.services.money.quotes import payable_words
from backend.services.money.quotes import quote_words as quote_words
from pages.ui import text


def times(quote: Quote, number: int) -> Quote:
    """What so many takes like it will cost together."""
    usd, most = (None if one is None else one * number for one in (quote.usd, quote.at_most_usd))
    return replace(quote, usd=usd, at_most_usd=most)


def range_words(model: VideoModel) -> str:
    """From where to where the takes of a model go; of one without a rule, what the list says a unit costs.

    Where there is a rule and it gives no number, a unit of the list is no price of a take.
    """
    found = model.price_range
    if found is None:
        price = None if model.rule else model.price
        return "price unavailable" if price is None else f"{text.dollars(price.unit_usd)} a {price.unit}"
    low, high = text.dollars(found.from_usd), text.dollars(found.to_usd)
    return f"{low} a take" if low == high else f"{low} – {high} a take"


def moved_by_words(model: VideoModel) -> str:
    """What moves the price of a model between the two: "by resolution, sound, duration"; "" for nothing."""
    found = model.price_range
    return f"by {', '.join(map(field_words, found.moved_by))}" if found and found.moved_by else ""


def note_words(model: VideoModel) -> str:
    """What a person should know of a model's price: its news, where it is doubtful; "" for nothing."""
    return " ".join(filter(None, (news_words(model), doubt_words(model))))


def news_words(model: VideoModel) -> str:
    """What the newest list did to a model's price: it drifted, or was refused; "" for nothing."""
    drift = f"Price drifted: {model.price_drift.words}." if model.price_drift else None
    return " ".join(filter(None, (drift, model.price_note)))


def doubt_words(model: VideoModel) -> str:
    """Where a model's price is doubtful, and what its rule says of itself; "" for nothing."""
    doubt = "The price is not confirmed." if model.rule and model.rule.confidence != "high" else None
    return " ".join(filter(None, (doubt, model.rule.note if model.rule else None)))


def button_words(deps: Deps, quote: Quote, *, unknown_usd: float | None = None) -> str:
    """The price for the label of a button (markdown); in demo mode the real one, and that nothing is paid.

    unknown_usd: what a take without a price counts for against the limits; None: none concerns it.
    """
    words = payable_words(deps, quote)
    if quote.usd is None and unknown_usd is not None:
        words += f", counts for {text.dollars(unknown_usd)}"
    return text.plain(words)


def basis_words(quote: Quote) -> str:
    """What a price is made of and how old it is (markdown); of an unknown one, why."""
    if quote.usd is None:
        return text.plain(f"Price unavailable: {quote.basis}.")
    of = f" · price of {quote.as_of}" if quote.as_of else ""
    return text.plain(f"{quote.basis}{of}")
