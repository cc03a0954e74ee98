"""The body of any provider's answer, made fit to be kept and shown. Pure."""

import json
import math
from typing import Any

from backend.domain.shape import too_deep

#: How much of an unexpected answer is kept for a person to read.
EXCERPT_CHARS = 2000


def parse_json(body: bytes | str) -> Any:
    """The JSON value, or None when it is none, or too deep to be kept. NaN and the infinities become None."""
    value = parse_deep_json(body)
    return None if too_deep(value) else value


def parse_deep_json(body: bytes | str) -> Any:
    """As `parse_json`, however deep: a schema that goes too deep spoils its own model only."""
    try:
        return json.loads(body, parse_constant=lambda _: None, parse_float=_finite)
    except (ValueError, RecursionError):
        return None


def excerpt_text(body: bytes) -> str:
    """The beginning of an answer, as text that is safe to keep and to show."""
    return clean_text(body[: EXCERPT_CHARS * 4].decode("utf-8", "replace"))


def clean_text(text: str) -> str:
    """Text without NUL and lone surrogates, which databases refuse, and of bounded length."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")[:EXCERPT_CHARS]


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None
