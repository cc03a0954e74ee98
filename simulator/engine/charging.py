"""What a request really costs, and as how many units it is billed: fal's side of the price rules.

The rules are data that come with the program (`backend/catalogue/prices.json`); this reading of them is the
simulator's own, so that it can disagree. Units carry what resolution, sound and length multiply: they are
what a request costs, divided by what a unit of its endpoint is billed at.
"""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulator.engine.ledger import JSON

PRICES = Path(__file__).resolve().parents[2] / "backend" / "catalogue" / "prices.json"
#: What a unit costs where the list has no row: newer endpoints count in cents.
CENT_USD = 0.01

Value = Callable[[str], Any]


def load_rules() -> dict[str, JSON]:
    """endpoint -> its rule, as plain data."""
    if not PRICES.exists():
        return {}
    return {entry["endpoint_id"]: entry for entry in json.loads(PRICES.read_text("utf-8"))["prices"]}


def list_price(rule: JSON | None) -> JSON | None:
    """{"unit", "unit_usd"} of an endpoint's list row; None: the list has none."""
    bill = (rule or {}).get("bill")
    return {"unit": bill["unit"].partition(" (")[0], "unit_usd": bill["unit_usd"]} if bill else None


def billed_units(rule: JSON, given: JSON, *, default_of: Value, auto_s: float) -> float | None:
    """The units of a request; None where its rule gives no number.

    auto_s: how long the video is where the model chooses.
    """

    def value(name: str) -> Any:
        chosen = given.get(name)
        if chosen is None:
            chosen = default_of(name)
        return rule.get("defaults", {}).get(name) if chosen is None else chosen

    case = next((case for case in rule["rules"] if _fits(case.get("when", {}), value)), None)
    if case is None or case.get("unit_usd") is None:
        return None
    number = _COUNTS[rule["count"]["kind"]](rule["count"], value, auto_s)
    if number is None:
        return None
    usd: float = number * case["unit_usd"] + sum(_surcharge(extra, value) for extra in rule.get("add", []))
    return round(usd / ((list_price(rule) or {}).get("unit_usd") or CENT_USD), 4)


def _fits(when: JSON, value: Value) -> bool:
    for name, wanted in when.items():
        here = value(name)
        if wanted == "*":
            if not here:
                return False
        elif not any(here == one and isinstance(here, bool) == isinstance(one, bool) for one in wanted):
            return False
    return True


def _surcharge(extra: JSON, value: Value) -> float:
    given = value(extra["per"])
    number = len(given) if isinstance(given, list) else int(bool(given))
    return float(max(0, number - extra.get("free", 0)) * extra["usd"])


def _seconds_of(given: Any, auto_s: float) -> float | None:
    if isinstance(given, int | float) and not isinstance(given, bool):
        return float(given)
    if given == "auto":
        return auto_s
    found = re.fullmatch(r"(\d+(?:\.\d+)?)s?", str(given))
    return float(found[1]) if found else None


def _seconds(count: JSON, value: Value, auto_s: float) -> float | None:
    shots = value(count["shots"]) if count.get("shots") else None
    if not shots:
        return _seconds_of(value(count["field"]), auto_s)
    lengths = [_seconds_of(shot.get("duration") or count["shot_default"], auto_s) for shot in shots]
    return sum(length or 0.0 for length in lengths)


def _one(count: JSON, value: Value, auto_s: float) -> float:
    return 1.0


def _map(count: JSON, value: Value, auto_s: float) -> float | None:
    found = count["values"].get(str(value(count["field"])))
    return None if found is None else float(found)


def _frames(count: JSON, value: Value, auto_s: float) -> float:
    return float(value(count["field"])) / float(count["fps"])


def _megapixels(count: JSON, value: Value, auto_s: float) -> float | None:
    size = value(count["size"])
    sides = (size["width"], size["height"]) if isinstance(size, dict) else count["sizes"].get(size)
    if sides is None:
        return None
    pixels = sides[0] * sides[1] * value(count["frames"]) / 1e6
    return float(math.ceil(pixels)) if count.get("round") == "up" else pixels


def _tokens(count: JSON, value: Value, auto_s: float) -> float | None:
    seconds = _seconds_of(value(count["field"]), auto_s)
    pixels = count["pixels"].get(value("resolution"), {}).get(value("aspect_ratio"))
    if seconds is None or pixels is None:
        return None
    frames = seconds * count["fps"] + count.get("extra_frames", 0)
    return float(pixels * frames / 1024 / count["per"])


_COUNTS = {
    "one": _one, "seconds": _seconds, "map": _map, "frames": _frames, "megapixels": _megapixels,
    "tokens": _tokens,
}  # fmt: skip
