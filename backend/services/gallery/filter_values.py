"""How the texts of a query are read: each raises ValueError with what it must be. Pure."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any, TypeVar
from uuid import UUID

from backend.domain.library.review import ReviewState, Sort
from backend.domain.text import clean_text
from backend.services.audit.query import parse_moment

#: The words of the gallery's switches, as Streamlit wrote them into addresses.
_OLD_FLAGS = {"true": True, "false": None}
_RATIO = re.compile(r"\d{1,5}(\.\d{1,3})?:\d{1,5}(\.\d{1,3})?")
_RANKED = re.compile(r"(\d{1,20}|-)\.(.+)")

T = TypeVar("T")


def one_of(words: Mapping[str, T]) -> Callable[[str], T]:
    """What one of these words stands for."""

    def read(text: str) -> T:
        if text not in words:
            near = get_close_matches(text.lower(), list(words), n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"is none of {', '.join(words)}{meant}")
        return words[text]

    return read


sort: Callable[[str], Sort] = one_of({str(one): one for one in Sort})
review: Callable[[str], ReviewState] = one_of({str(one): one for one in ReviewState})


def text(most: int) -> Callable[[str], str | None]:
    """Some words, at most so many characters."""

    def read(given: str) -> str | None:
        if len(given) > most:
            raise ValueError(f"has {len(given):,} characters; at most {most:,} are read")
        return clean_text(given).strip() or None

    return read


def flag(given: str) -> bool:
    """0 or 1."""
    if given not in ("0", "1"):
        raise ValueError("must be 0 or 1")
    return given == "1"


def old_flag(given: str) -> bool | None:
    """The same, or what the gallery's switch wrote; there, "no" asked for everybody's."""
    if given.lower() in _OLD_FLAGS:
        return _OLD_FLAGS[given.lower()]
    return flag(given)


def number(low: float, high: float) -> Callable[[str], float]:
    """A number from `low` to `high`."""

    def read(given: str) -> float:
        try:
            value = float(given) if given.isascii() and "_" not in given else float("nan")
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise ValueError(f"must be a number from {low:g} to {high:,.0f}")
        return value

    return read


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number from `low` to `high`."""

    def read(given: str) -> int:
        if not (given.isascii() and given.isdecimal()) or not low <= int(given[:9]) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(given)

    return read


def since(given: str) -> datetime | None:
    """A moment (RFC 3339); of a day, its beginning."""
    return parse_moment(given)


def until(given: str) -> datetime | None:
    """A moment (RFC 3339); of a day, its end."""
    return parse_moment(given, ends=True)


def ratio(given: str) -> str:
    """Two numbers with a colon between them."""
    if not _RATIO.fullmatch(given):
        raise ValueError("must be width:height, such as 16:9 or 9:16")
    return given


def cursor(given: str, order: Sort) -> str:
    """What a page in this order gave as `next_cursor`: an id, behind the value by which it is sorted."""
    ranked = _RANKED.fullmatch(given)
    try:
        if (ranked is None) == (order in (Sort.NEWEST, Sort.OLDEST)):
            job_id = ranked[2] if ranked else given
            if str(UUID(job_id)) == job_id:
                return given
    except ValueError:
        pass
    raise ValueError("is none that was given as next_cursor")


def unknown_value(name: str, given: str, known: list[str]) -> dict[str, Any]:
    """What to say of a value that nobody knows."""
    near = get_close_matches(given.lower(), known, n=1)
    meant = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
    return {name: f"is not known here; {meant}"}
