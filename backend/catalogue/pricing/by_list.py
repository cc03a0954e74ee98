"""What a take costs where nobody wrote a rule: by the provider's list row, if its unit is plain."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from backend.catalogue.pricing.bill import Price
from backend.catalogue.pricing.count import read_seconds
from backend.catalogue.pricing.quote import (
    BATCH_FIELDS,
    Quote,
    QuoteSource,
    dollars,
    field_words,
    unknown_quote,
)
from backend.catalogue.pricing.rules import load_seed_rules

#: What is said beside such a price: the list has one number a model, whatever is asked of it.
ONE_NUMBER = "the provider's list, which has one number for all settings"


def quote_by_list(price: Price | None, schema: Mapping[str, Any], params: Mapping[str, Any]) -> Quote:
    """What a take costs by the list row of its model; unknown where its unit can't be counted here.

    A row per second needs a length, a row per video none; tokens and the like are never guessed at. Nor is a
    price where the model has settings that prices turn on: the row is what any of them costs.
    """
    if price is None:
        return unknown_quote("no price is known for this model")
    if any(_value(schema, params, name) not in (None, 1) for name in BATCH_FIELDS):
        return unknown_quote("what several at once cost is not known")
    if moving := next((name for name in sorted(price_fields()) if _is_choice(schema, name)), None):
        return unknown_quote(
            f"{dollars(price.unit_usd)} a {price.unit} by the provider's list, which doesn't say what "
            f"{field_words(moving)} changes"
        )
    match price.unit:
        case "second":
            seconds = _seconds(schema, params)
            if seconds is None:
                return unknown_quote(
                    f"{dollars(price.unit_usd)} a second, and the length is not known before"
                )
            number, shown = seconds, f"{seconds:g} s"
        case "video" | "generation":
            number, shown = 1.0, f"1 {price.unit}"
        case _:
            return unknown_quote(f"{dollars(price.unit_usd)} a {price.unit}, which can't be counted before")
    usd = round(number * price.unit_usd, 6)
    return Quote(usd, usd, QuoteSource.LIST, f"{shown} × {dollars(price.unit_usd)} ({ONE_NUMBER})")


@cache
def price_fields() -> frozenset[str]:
    """What prices of models that are known turn on, beside the length: sound, resolution."""
    named = {
        name
        for rule in load_seed_rules().values()
        for case in rule.rules
        for name, values in case.when.items()
        if values != "*"
    }
    return frozenset(named - {"duration"})


def _is_choice(schema: Mapping[str, Any], name: str) -> bool:
    """Does the model leave more than one value to choose? Where none is listed, it may be any."""
    prop = schema["properties"].get(name)
    return isinstance(prop, Mapping) and len(prop.get("enum") or ("any", "other")) > 1


def _seconds(schema: Mapping[str, Any], params: Mapping[str, Any]) -> float | None:
    """How long the video will be, in any of the forms that models state it."""
    if _value(schema, params, "multi_prompt"):
        return None  # each shot has a duration of its own, which goes over the whole's
    if "duration" in schema["properties"]:
        return read_seconds(_value(schema, params, "duration"))
    frames = read_seconds(_value(schema, params, "num_frames"))
    rate = read_seconds(_value(schema, params, "fps")) or read_seconds(
        _value(schema, params, "frames_per_second")
    )
    return frames / rate if frames and rate else None


def _value(schema: Mapping[str, Any], params: Mapping[str, Any], name: str) -> Any:
    """What the model will see for a field: the given value, else the default of its schema."""
    if name in params:
        return params[name]
    return schema["properties"].get(name, {}).get("default")
