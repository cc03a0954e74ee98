"""What a take will cost: the one place that decides what its price rests on.

In this order: the team's rule; the program's; what takes with the same settings were billed; the provider's
list row, where it is plainly a second's or a video's and no rule says otherwise; else nobody knows, and
nobody guesses.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backend.catalogue.models import VideoModel
from backend.catalogue.pricing.by_list import quote_by_list
from backend.catalogue.pricing.drift import PriceDrift, find_drift
from backend.catalogue.pricing.quote import Quote, dollars, quote_by_rule, unknown_quote
from backend.catalogue.pricing.rules import PriceRule
from backend.models import Job
from backend.services.deps import Deps
from backend.services.gallery import figures
from backend.services.money import price_rules
from backend.services.money.learnt_prices import quote_learnt
from backend.store.records.start_facts import StartFacts


def quote_take(
    deps: Deps,
    model: VideoModel,
    params: Mapping[str, Any],
    *,
    photos: Mapping[str, Any] | None = None,
    facts: StartFacts | None = None,
) -> Quote:
    """What a take with these `params` will cost.

    photos: field -> the photo, or the list of them, given there; one that the model requires counts in any
    case. facts: what was just looked up of this model.
    """
    given = {**model.sure_photo, **(photos or {}), **params}
    known, rule = None, price_rules.rule_of(deps, model, facts=facts)
    if rule is not None:
        known = quote_by_rule(rule, model.schema, given, today=deps.clock.now().date())
        if known.usd is not None:
            return _held_dearer(known, _drift(model, rule))
    learnt = quote_learnt(deps, model, params, {**model.sure_photo, **(photos or {})})
    return learnt or known or quote_by_list(model.price, model.schema, given)


def quote_again(deps: Deps, job: Job) -> Quote:
    """What sending a take once more would cost, at the prices of now."""
    try:
        model = deps.catalogue.get(job.model)
    except KeyError:
        return unknown_quote("its model is no longer on offer")
    first = {job.image_field: job.image} if job.image and job.image_field else {}
    return quote_take(deps, model, job.params, photos={**(job.images or {}), **first})


def quote_words(quote: Quote) -> str:
    """What a take will cost: "$2.40", "up to $3.66" where the model chooses, "price unavailable"."""
    if quote.usd is None or quote.at_most_usd is None:
        return "price unavailable"
    if quote.is_bound:
        return f"up to {figures.dollars(quote.at_most_usd)}"
    usd, most = figures.dollars(quote.usd), figures.dollars(quote.at_most_usd)
    return usd if usd == most else f"{usd}, up to {most}"


def payable_words(deps: Deps, quote: Quote) -> str:
    """The price for the label of a button; in demo mode the real one, and that nothing is paid."""
    if not deps.settings.is_demo:
        return quote_words(quote)
    return "free (demo)" if quote.usd is None else f"{quote_words(quote)} (demo: free)"


def _drift(model: VideoModel, rule: PriceRule) -> PriceDrift | None:
    if rule is model.rule:
        return model.price_drift
    return find_drift(rule, model.price, model.schema) if model.price else None


def _held_dearer(quote: Quote, drift: PriceDrift | None) -> Quote:
    """After a drift, the dearer of rule and list is what a take may cost."""
    if drift is None or quote.at_most_usd is None:
        return quote
    at_most = drift.dearest(quote.at_most_usd)
    dearer = f", so that up to {dollars(at_most)} is held" if at_most > quote.at_most_usd else ""
    return replace(quote, at_most_usd=at_most, basis=f"{quote.basis}; {drift.words}{dearer}")


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
