"""Seconds, bytes, dollars and moments as words that people read: on pages, on cards, in what is pushed."""

import math
import re
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

#: A number that may be one of seconds: "6", "8s", "2.5 s".
_SECONDS = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>s(?:ec(?:onds?)?)?)?")


def clock(seconds: float) -> str:
    """A duration as people read it off a clock: 0:05, 12:40, 1:02:03.

    >>> clock(65), clock(3723)
    ('1:05', '1:02:03')
    """
    minutes, s = divmod(max(0, round(seconds)), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}" if hours else f"{m}:{s:02}"


def size(number: float | None) -> str:
    """Bytes as people say them.

    >>> size(1_234_567), size(None)
    ('1.2 MB', '?')
    """
    if number is None:
        return "?"
    for unit in ("B", "kB", "MB", "GB"):
        if abs(number) < 1000:
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def dollars(usd: float) -> str:
    """An amount, half a cent rounded up as in tables; small ones keep the digits that matter.

    >>> dollars(1.625), dollars(0.05), dollars(0.0045), dollars(0.00002), dollars(-1.4)
    ('$1.63', '$0.05', '$0.0045', '$0.00002', '−$1.40')
    """
    if not math.isfinite(usd):
        return "?"
    sign, amount = "−" if usd < 0 else "", Decimal(repr(abs(float(usd))))
    places = 2 if amount >= Decimal("0.1") else 4 if amount >= Decimal("0.0001") else 6
    whole, _, digits = f"{_rounded(amount, places):,f}".partition(".")
    return f"{sign}${whole}.{digits.rstrip('0').ljust(2, '0')}"


def _rounded(amount: Decimal, places: int) -> Decimal:
    """So many places; of an amount too large for them (or none at all), as it is."""
    try:
        return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    except InvalidOperation:
        return amount


def param_words(name: str, value: object) -> str:
    """A parameter's value as it reads best: seconds have their unit, written one way.

    >>> param_words("duration", 6), param_words("duration", "8s"), param_words("seed", 6)
    ('6 s', '8 s', '6')
    """
    number = _SECONDS.fullmatch(str(value)) if not isinstance(value, bool) else None
    is_length = number is not None and (number["unit"] or name == "duration" or name.endswith("_seconds"))
    return f"{number['number']} s" if number and is_length else str(value)


def ago(seconds: float | None) -> str:
    """How long ago: "just now", "3 min ago"; "never" for None."""
    if seconds is None:
        return "never"
    for limit, unit, name in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h")):
        if seconds < limit:
            return "just now" if seconds < 2 else f"{seconds // unit:.0f} {name} ago"
    return f"{seconds // 86400:.0f} d ago"


def since(now: datetime, moment: datetime | None) -> str:
    """How long before `now` a moment was."""
    return ago(None if moment is None else (now - moment).total_seconds())


def shorten(text: str, chars: int) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= chars else line[: chars - 1].rstrip() + "…"
