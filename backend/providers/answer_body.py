"""Any provider's answer: its body made fit to be kept and shown, or what it means that none came. Pure."""

import math
from typing import Any

from backend.domain.errors import ProviderUnanswered, ProviderUnsent
from backend.domain.shape import MAX_LEVELS, load_json
from backend.http.calls import HttpCall

#: How much of an unexpected answer is kept for a person to read.
EXCERPT_CHARS = 2000


def lost_call(whose: str, call: HttpCall, error: Exception) -> ProviderUnsent | ProviderUnanswered:
    """No answer to a submit came. Without a connection not a byte has left; with one, nobody can tell."""
    if not call.connected:
        why = f"{whose} could not be reached ({call.explain_error(error)}); nothing was sent."
        return ProviderUnsent(why, code="unreachable").for_operators(call.find_remedy(error))
    why = "did not answer in time" if call.timed_out else "closed the line without an answer"
    return ProviderUnanswered(f"{whose} {why}.", code="no_answer")


def parse_json(body: bytes | str, *, levels: int = MAX_LEVELS) -> Any:
    """The JSON value, or None when it is none, or too deep to be kept. NaN and the infinities become None."""
    try:
        return load_json(body, levels=levels, parse_constant=lambda _: None, parse_float=_finite)
    except ValueError:
        return None


def excerpt_text(body: bytes, *, max_chars: int = EXCERPT_CHARS) -> str:
    """The beginning of an answer, as text that is safe to keep and to show."""
    return clean_text(body[: max_chars * 4].decode("utf-8", "replace"), max_chars=max_chars)


def clean_text(text: str, *, max_chars: int | None = EXCERPT_CHARS) -> str:
    """Text without NUL and lone surrogates, which databases refuse, and of bounded length (None: any)."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")[:max_chars]


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None
