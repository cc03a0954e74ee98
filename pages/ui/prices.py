"""Prices before they are paid: on buttons, in the list of models, and what they are made of."""

from backend.catalogue.pricing.quote import Quote
from backend.services.deps import Deps
from pages.ui import text


def quote_words(quote: Quote) -> str:
    """What a take will cost: "$2.40", "up to $3.66" where the model chooses, "price unknown"."""
    if quote.usd is None or quote.at_most_usd is None:
        return "price unknown"
    if quote.is_bound:
        return f"up to {text.dollars(quote.at_most_usd)}"
    usd, most = text.dollars(quote.usd), text.dollars(quote.at_most_usd)
    return usd if usd == most else f"{usd}, up to {most}"


def button_words(deps: Deps, quote: Quote) -> str:
    """The price for the label of a button (markdown); in demo mode the real one, and that nothing is paid."""
    words = quote_words(quote)
    if deps.settings.is_demo:
        words = "free (demo)" if quote.usd is None else f"{words} (demo: free)"
    return text.plain(words)


def basis_words(quote: Quote) -> str:
    """What a price is made of and how old it is (markdown); of an unknown one, why."""
    if quote.usd is None:
        return text.plain(f"Price unknown: {quote.basis}.")
    of = f" · price of {quote.as_of}" if quote.as_of else ""
    return text.plain(f"{quote.basis}{of}")
