"""The table of docs/costs.md, from the rules: `python -m tests.unit.pricing.costs_table` writes it anew."""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from backend.catalogue.models import VideoModel, load_seed
from backend.catalogue.pricing import quote
from backend.catalogue.pricing.quote import dollars, price_range
from backend.catalogue.pricing.rules import PriceRule, load_seed_rules

COSTS = Path(__file__).parents[3] / "docs" / "costs.md"
BEGIN, END = "<!-- the table begins -->\n", "<!-- the table ends -->\n"
COLUMNS = ("Model", "Parameters", "A unit", "A take", "Moved by", "List", "Read", "Sources")
HEAD = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|\n"
COUNTED = {
    "one": "video", "seconds": "second", "frames": "second", "megapixels": "megapixel",
    "tokens": "1,000 tokens",
}  # fmt: skip


def table() -> str:
    """A row for every model that comes with the program and every combination that has a price of its own."""
    rules = load_seed_rules()
    rows = [row for model in load_seed() for row in _rows(model, rules[model.id])]
    return HEAD + "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def written(text: str) -> str:
    """The document with the table as it is now."""
    head, rest = text.split(BEGIN)
    return f"{head}{BEGIN}{table()}{END}{rest.split(END)[1]}"


def _rows(model: VideoModel, rule: PriceRule) -> Iterator[list[str]]:
    fixed_by_case: dict[int, list[dict[str, Any]]] = {}
    for fixed in _combinations(model, rule):
        at = next(at for at, case in enumerate(rule.rules) if quote._fits(case, _value(rule, model, fixed)))
        fixed_by_case.setdefault(at, []).append(fixed)
    of_model = [f"`{model.id}`", _list(rule), f"{rule.as_of}, {rule.confidence}", _sources(rule)]
    for at, fixed in sorted(fixed_by_case.items()):
        case = rule.rules[at]
        unit = f"{dollars(case.unit_usd or 0)} per {COUNTED.get(rule.count.kind, rule.unit)}"
        doubt = f", perhaps {dollars(case.ceiling_usd)}" if case.ceiling_usd else ""
        take, moved_by = _take(model, rule, fixed)
        yield [of_model[0], _words(fixed), unit + doubt, take, moved_by, *of_model[1:]]
        of_model = ["", "", "", ""]
    for case in rule.rules:
        names = [name for name, wanted in case.when.items() if wanted == "*" and name in _known(model)]
        if case.unit_usd is None and names:
            yield ["", f"{names[0]} given", "not known", "not known", "", "", "", ""]


def _known(model: VideoModel) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = model.schema["properties"]
    return properties


def _combinations(model: VideoModel, rule: PriceRule) -> Iterator[dict[str, Any]]:
    """Every combination of values of the fields by which cases are told apart."""
    names = dict.fromkeys(name for case in rule.rules for name, wanted in case.when.items() if wanted != "*")
    options = [quote._options(rule, model.schema, name) for name in names]
    for values in itertools.product(*options):
        yield dict(zip(names, values, strict=True))


def _value(rule: PriceRule, model: VideoModel, fixed: Mapping[str, Any]) -> quote.GetValue:
    return quote._getter(rule, model.schema, {**model.sure_photo, **fixed})


def _take(model: VideoModel, rule: PriceRule, combinations: list[dict[str, Any]]) -> tuple[str, str]:
    """From where to where the takes of these combinations go, and what moves them."""
    found = []
    for fixed in combinations:
        only = {name: {"enum": [value]} for name, value in fixed.items()}
        given = {**model.sure_photo, **fixed}
        of_these = price_range(rule, {"properties": {**_known(model), **only}}, given)
        assert of_these is not None
        found.append(of_these)
    low, high = min(one.from_usd for one in found), max(one.to_usd for one in found)
    moved_by = dict.fromkeys(name for one in found for name in one.moved_by)
    return dollars(low) if low == high else f"{dollars(low)} – {dollars(high)}", ", ".join(moved_by)


def _words(combinations: list[dict[str, Any]]) -> str:
    """The values of the parameters: "resolution 720p or 1080p, generate_audio true"."""
    values: dict[str, list[str]] = {}
    for fixed in combinations:
        for name, value in fixed.items():
            said = str(value).lower() if isinstance(value, bool) else str(value)
            values.setdefault(name, [])
            if said not in values[name]:
                values[name].append(said)
    return ", ".join(f"{name} {' or '.join(said)}" for name, said in values.items()) or "any"


def _list(rule: PriceRule) -> str:
    return f"{rule.bill.unit_usd:g} {rule.bill.unit}" if rule.bill else "not seen"


def _sources(rule: PriceRule) -> str:
    return "; ".join(
        f"[{one.name}]({one.url})" if one.url else f"{one.name}, {one.date}" if one.date else one.name
        for one in rule.source
    )


if __name__ == "__main__":
    COSTS.write_text(written(COSTS.read_text("utf-8")), "utf-8")
