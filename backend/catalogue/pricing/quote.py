"""What one take costs by its rule, and from where to where the takes of a model go."""

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from backend.catalogue import input_schema
from backend.catalogue.pricing.bill import Price
from backend.catalogue.pricing.count import GetValue, Uncountable, Units, count_units, show_value
from backend.catalogue.pricing.rules import PriceCase, PriceRule

#: Fields that ask for several videos at once: with any of them set, one price is not the whole price.
BATCH_FIELDS = ("num_videos", "num_outputs", "num_generations", "batch_size")
#: So many combinations of values are priced to tell a model's range; beyond it none is told.
MAX_COMBINATIONS = 20_000
_DATE = re.compile(r"\d{4}(?:-\d{2}(?:-\d{2})?)?")
_NOTHING: tuple[Any, ...] = (None, "", [], {})


class QuoteSource(StrEnum):
    """What a price rests on."""

    RULE = "rule"
    BILLS = "bills"  #: what takes like it were billed
    LIST = "list"  #: the provider's list row, where its unit is plain
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Quote:
    """What a take will cost (USD), before it is paid. usd, at_most_usd: None where nobody knows.

    basis: "6 s × $0.40 (1080p, with sound)"; where the price is unknown, why. as_of: an ISO date, or the year
    or month of it. is_bound: `usd` is what it costs at most, as the model may choose something cheaper.
    """

    usd: float | None
    at_most_usd: float | None
    source: QuoteSource
    basis: str
    as_of: str | None = None
    is_bound: bool = False


@dataclass(frozen=True)
class PriceRange:
    """The cheapest and the dearest take of a model (USD), and the parameters that decide between them."""

    from_usd: float
    to_usd: float
    moved_by: tuple[str, ...]


def unknown_quote(why: str) -> Quote:
    """A price that nobody knows, and why."""
    return Quote(None, None, QuoteSource.UNKNOWN, why)


def quote_by_rule(
    rule: PriceRule, schema: Mapping[str, Any], params: Mapping[str, Any], *, today: date | None = None
) -> Quote:
    """What a take with these `params` costs; unknown where the rule doesn't say, never a guess.

    schema: the model's, whose defaults hold for what isn't given; then those of the rule. today: for prices
    that end (UTC); None: none has ended.
    """
    value = _getter(rule, schema, params)
    if batch := next((name for name in BATCH_FIELDS if value(name) not in (None, 1)), None):
        return unknown_quote(f"{batch.replace('_', ' ')}: what several at once cost is not known")
    day = today.isoformat() if today else ""
    if rule.until and day > rule.until:
        return unknown_quote(f"its price held until {rule.until}")
    case = _first_case(rule, value, day)
    if case is None:
        return unknown_quote(f"no price is known for {_named(rule, value)}")
    if case.unit_usd is None:
        words = ", ".join(_case_words(case, value)) or "of this model"
        return unknown_quote(f"the price {words} is not known")
    try:
        units = count_units(rule, value)
    except Uncountable as error:
        return unknown_quote(str(error))
    return _priced(rule, case, units, value)


def price_range(
    rule: PriceRule, schema: Mapping[str, Any], given: Mapping[str, Any] | None = None
) -> PriceRange | None:
    """From where to where a model's takes go, over all values that its schema names; None: nobody knows.

    given: parameters that every take has, such as a photo that the model requires.
    """
    options = {name: _options(rule, schema, name) for name in rule.fields}
    total = 1
    for values in options.values():
        total *= len(values)
    if total > MAX_COMBINATIONS:
        return None
    base = dict(given or {})
    found: dict[tuple[int, ...], Quote] = {}
    for combination in itertools.product(*(range(len(values)) for values in options.values())):
        chosen = {
            name: values[at]
            for (name, values), at in zip(options.items(), combination, strict=True)
            if values[at] is not None
        }
        quote = quote_by_rule(rule, schema, {**base, **chosen})
        if quote.usd is not None:
            found[combination] = quote
    if not found:
        return None
    return PriceRange(
        from_usd=min(quote.usd or 0.0 for quote in found.values()),
        to_usd=max(quote.at_most_usd or 0.0 for quote in found.values()),
        moved_by=tuple(name for at, name in enumerate(options) if _moves(found, at)),
    )


def usual_price(rule: PriceRule, schema: Mapping[str, Any]) -> Price | None:
    """What a unit costs where every parameter has its default; None: nobody knows."""
    case = _first_case(rule, _getter(rule, schema, {}), "")
    return None if case is None or case.unit_usd is None else Price(rule.unit, case.unit_usd)


def dollars(usd: float) -> str:
    """ "$0.40", "$0.0112": all the decimals of a price, at least two."""
    whole, _, rest = f"{usd:,.6f}".partition(".")
    return f"${whole}.{rest.rstrip('0').ljust(2, '0')}"


# -- one take ---------------------------------------------------------------------------------


def _getter(rule: PriceRule, schema: Mapping[str, Any], params: Mapping[str, Any]) -> GetValue:
    """What the model will see for a field: what is given, else the schema's default, else the rule's."""
    properties = schema.get("properties", {})

    def value(name: str) -> Any:
        if name in params:
            return params[name]
        prop = properties.get(name)
        if isinstance(prop, Mapping) and "default" in prop:
            return prop["default"]
        return rule.defaults.get(name)

    return value


def _first_case(rule: PriceRule, value: GetValue, day: str) -> PriceCase | None:
    cases = (case for case in rule.rules if not (case.until and day > case.until))
    return next((case for case in cases if _fits(case, value)), None)


def _fits(case: PriceCase, value: GetValue) -> bool:
    for name, wanted in case.when.items():
        given = value(name)
        if wanted == "*":
            if given in _NOTHING:
                return False
        elif not any(_same(given, one) for one in wanted):
            return False
    return True


def _same(given: Any, wanted: Any) -> bool:
    """Equal and of one kind: true is not 1, and "5" is not 5."""
    return given == wanted and isinstance(given, bool) is isinstance(wanted, bool)


def _priced(rule: PriceRule, case: PriceCase, units: Units, value: GetValue) -> Quote:
    added, added_words = _added(rule, value)
    unit_usd = case.unit_usd or 0.0
    ceiling_usd = max(unit_usd, case.ceiling_usd or 0.0)
    usd, at_most = (round(units.number * price + added, 6) for price in (unit_usd, ceiling_usd))
    of = f" per {rule.unit}" if rule.count.kind == "map" else ""
    notes = ", ".join(dict.fromkeys([*units.notes, *_case_words(case, value)]))
    basis = f"{units.shown} × {dollars(unit_usd)}{of}" + (f" ({notes})" if notes else "") + added_words
    if units.is_bound:
        basis = f"at most {basis}"
    if at_most > usd:
        basis += f"; not confirmed, at most {dollars(at_most)}"
    return Quote(usd, at_most, QuoteSource.RULE, basis, iso_date(rule.as_of), units.is_bound)


def _added(rule: PriceRule, value: GetValue) -> tuple[float, str]:
    total, words = 0.0, ""
    for surcharge in rule.add:
        given = value(surcharge.per)
        items = 0 if given in _NOTHING else len(given) if isinstance(given, list) else 1
        paid = max(0, items - surcharge.free)
        if paid:
            total += paid * surcharge.usd
            words += f" + {paid} × {dollars(surcharge.usd)} ({field_words(surcharge.per)})"
    return total, words


def iso_date(said: str) -> str | None:
    """The date in what a source says of itself, as far as it goes: "2026, undated" is "2026"."""
    found = _DATE.search(said)
    return found[0] if found else None


def _case_words(case: PriceCase, value: GetValue) -> Iterable[str]:
    """What a case turned on, as the take has it: "1080p", "with sound", "10 s"."""
    for name, wanted in case.when.items():
        if wanted == "*":
            yield f"with {field_words(name)}"
        else:
            yield _value_words(name, value(name))


def _value_words(name: str, given: Any) -> str:
    if isinstance(given, bool):
        return f"{'with' if given else 'without'} {field_words(name)}"
    if isinstance(given, str):
        return show_value(given)
    if name == "duration" and isinstance(given, int | float):
        return f"{show_value(given)} s"
    return f"{field_words(name)} {show_value(given)}"


def field_words(name: str) -> str:
    """ "generate_audio_switch" is "sound", "num_frames" is "frames"."""
    if "audio" in name and "url" not in name:
        return "sound"
    return name.removeprefix("num_").removesuffix("_urls").removesuffix("_url").replace("_", " ")


def _named(rule: PriceRule, value: GetValue) -> str:
    fields = dict.fromkeys(name for case in rule.rules for name, said in case.when.items() if said != "*")
    return ", ".join(_value_words(name, value(name)) for name in fields) or "these parameters"


# -- a model's range --------------------------------------------------------------------------


def _options(rule: PriceRule, schema: Mapping[str, Any], name: str) -> list[Any]:
    """The values of a field that are tried for the range; None stands for "not given"."""
    if name == getattr(rule.count, "shots", None):
        return [None]
    prop = schema.get("properties", {}).get(name)
    parts = (prop, *input_schema.flat_alternatives(prop)) if isinstance(prop, Mapping) else ()
    if name in {one.per for one in rule.add}:
        most = max((part["maxItems"] for part in parts if isinstance(part.get("maxItems"), int)), default=0)
        return [None, ["one"] * min(most, MAX_COMBINATIONS)]
    found: list[Any] = [value for part in parts for value in _values_of(part)]
    listed = [case.when[name] for case in rule.rules if name in case.when]
    if not found:
        found = [value for values in listed if values != "*" for value in values] + [None]
    return [value for at, value in enumerate(found) if not any(_same(value, had) for had in found[:at])]


def _values_of(part: Mapping[str, Any]) -> list[Any]:
    if isinstance(part.get("enum"), list):
        return list(part["enum"])
    if part.get("type") == "boolean":
        return [True, False]
    ends = [part.get("minimum"), part.get("maximum")]
    if part.get("type") in ("integer", "number") and None not in ends:
        return [*ends, *([part["default"]] if part.get("default") is not None else [])]
    return []


def _moves(found: Mapping[tuple[int, ...], Quote], at: int) -> bool:
    """Does the parameter at this place change the price of anything, all others being equal?"""
    by_others: dict[tuple[int, ...], set[tuple[float | None, float | None]]] = {}
    for combination, quote in found.items():
        others = (*combination[:at], *combination[at + 1 :])
        by_others.setdefault(others, set()).add((quote.usd, quote.at_most_usd))
    return any(len(prices) > 1 for prices in by_others.values())
