"""What a take will cost: the one place that decides what its price rests on.

In this order: the team's rule; the program's; what takes with the same settings were billed; the provider's
list row, where it is plainly a second's or a video's and no rule says otherwise; else nobody knows, and
nobody guesses.
"""

from collections.abc import Mapping
from typing import Any

from backend.catalogue.models import VideoModel
from backend.catalogue.pricing.by_list import quote_by_list
from backend.catalogue.pricing.quote import Quote, quote_by_rule
from backend.services.deps import Deps
from backend.services.money import price_rules
from backend.services.money.learnt_prices import quote_learnt


def quote_take(
    deps: Deps, model: VideoModel, params: Mapping[str, Any], *, photos: Mapping[str, Any] | None = None
) -> Quote:
    """What a take with these `params` will cost.

    photos: field -> the photo, or the list of them, given there; one that the model requires counts in any
    case.
    """
    given = {**model.sure_photo, **(photos or {}), **params}
    known, rule = None, price_rules.rule_of(deps, model)
    if rule is not None:
        known = quote_by_rule(rule, model.schema, given, today=deps.clock.now().date())
        if known.usd is not None:
            return known
    learnt = quote_learnt(deps, model, params, {**model.sure_photo, **(photos or {})})
    return learnt or known or quote_by_list(model.price, model.schema, given)


def price_columns(model: VideoModel, quote: Quote) -> dict[str, Any]:
    """What a job keeps of its price: the bill price, and what the estimate was made of."""
    price = {"unit": model.price.unit, "unit_usd": model.price.unit_usd} if model.price else {}
    return {
        **price,
        "at_most_usd": quote.at_most_usd,
        "source": quote.source.value,
        "basis": quote.basis,
        "as_of": quote.as_of,
    }
