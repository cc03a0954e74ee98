"""What a take costs where nobody wrote a rule: what takes with the same settings were billed."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from backend.catalogue.pricing.quote import Quote, QuoteSource, dollars

#: So many bills of takes that agree tell a price; two could agree by chance.
MIN_BILLS = 3
#: Older bills than so many of the newest are no longer asked: prices change.
NEWEST_BILLS = 20
#: Parameters that no provider was seen to price; any other must agree.
FREE = frozenset({"seed", "cfg_scale", "guidance_scale", "strength", "sync_mode", "enable_safety_checker"})
#: One word, such as a quality that no list in the schema names; whoever writes sentences writes more.
WORD = re.compile(r"[\w.+-]{1,32}")


@dataclass(frozen=True)
class LearntBill:
    """One bill (USD), and the day of its take."""

    usd: float
    day: str


def price_key(schema: Mapping[str, Any], params: Mapping[str, Any], photos: Mapping[str, Any]) -> str | None:
    """The same for takes of a model that should cost the same; None where a request doesn't tell.

    schema: the model's, whose defaults hold for what isn't given. photos: field -> the photo, or the list
    of them: how many there are counts, not what they show. A clip or a sound that is given has a length that
    no request says.
    """
    told: dict[str, Any] = {name: _count(given) for name, given in photos.items() if given}
    for name, prop in schema.get("properties", {}).items():
        value = params[name] if name in params else prop.get("default")
        if value in (None, "", [], {}) or name in FREE or name in photos:
            continue
        if isinstance(value, str) and not _is_choice(prop, value):
            if "video" in name or "audio" in name:
                return None
            if "prompt" not in name:
                told[name] = value if WORD.fullmatch(value) else "given"
        elif not ("prompt" in name and isinstance(value, bool)):
            told[name] = value
    return json.dumps(told, sort_keys=True, default=repr)


def quote_by_bills(bills: Sequence[LearntBill]) -> Quote | None:
    """What takes that agree were billed, the newest first; at most: the dearest. None: there are too few."""
    if len(bills) < MIN_BILLS:
        return None
    amounts = sorted(bill.usd for bill in bills[:NEWEST_BILLS])
    low, high = amounts[0], amounts[-1]
    spread = dollars(high) if low == high else f"{dollars(low)} to {dollars(high)}"
    basis = f"from {len(amounts)} bills of takes with these settings: {spread}"
    usd = round(median(amounts), 6)
    return Quote(usd, high, QuoteSource.BILLS, basis, max(bill.day for bill in bills[:NEWEST_BILLS]))


def _count(given: Any) -> int:
    return len(given) if isinstance(given, list) else 1


def _is_choice(prop: Mapping[str, Any], value: str) -> bool:
    """Is this text one of a closed list, or a number of seconds, and not what somebody wrote?"""
    parts = [prop, *(part for name in ("anyOf", "oneOf", "allOf") for part in prop.get(name) or [])]
    return any(value in (part.get("enum") or [part.get("const")]) for part in parts) or value[:1].isdigit()
