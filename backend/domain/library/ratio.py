"""The ratio of a take's picture, as people call it."""

import re
from collections.abc import Mapping
from math import gcd, log
from typing import Any

#: The ratios that models offer; a file is called by the nearest one.
NAMED = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "5:4", "4:5", "21:9", "9:21", "2:1", "1:2")
#: Models round a picture's sides to multiples of 8 or 16: so far, as a share, it may be from its ratio.
NEAR = 0.03
_RATIO = re.compile(r"\s*(\d{1,5}(?:\.\d{1,3})?)\s*[:/x]\s*(\d{1,5}(?:\.\d{1,3})?)\s*")


def ratio_of(params: Mapping[str, Any], width: int | None, height: int | None) -> str | None:
    """As it was asked for, else that of the file; None: neither is known.

    >>> ratio_of({"aspect_ratio": "9:16"}, 1280, 720), ratio_of({"aspect_ratio": "auto"}, 1248, 704)
    ('9:16', '16:9')
    """
    asked = _RATIO.fullmatch(str(params.get("aspect_ratio") or ""))
    if asked:
        return f"{asked[1]}:{asked[2]}"
    if not width or not height:
        return None
    near = min(NAMED, key=lambda name: _distance(name, width / height))
    if _distance(near, width / height) <= log(1 + NEAR):
        return near
    common = gcd(width, height)
    return f"{width // common}:{height // common}"


def _distance(name: str, ratio: float) -> float:
    wide, high = map(int, name.split(":"))
    return abs(log(wide / high / ratio))
