"""A token as somebody asks for it: read once, and everything at fault named at once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from backend.domain.access.scopes import Scope
from backend.domain.errors import InvalidRequest
from backend.domain.text import unknown_names
from backend.services.access import Role

#: How long a token lasts unless something else is said.
LIFE = timedelta(days=90)
#: What may be asked for.
FIELDS = ("name", "role", "scopes", "expires_at", "service")
#: What a token is called. No "/": that stands between a person and the names of their tokens.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_LATER = re.compile(r"(\d{1,5}) ?(?:d|days?)")


@dataclass(frozen=True)
class TokenRequest:
    """A token to be made.

    scopes: what it is limited to; None: nothing but its role. expires_at: None: never. service: acts under a
    name of its own, also where a person asks for it.
    """

    name: str
    role: Role
    scopes: tuple[Scope, ...] | None
    expires_at: datetime | None
    service: bool = False


def parse_token_request(given: Mapping[str, Any], *, now: datetime) -> TokenRequest:
    """What is asked for: `name` and `role`, and `FIELDS` besides.

    expires_at: a moment (RFC 3339), a day, or None for never; left out: `LIFE` from now.

    Raises:
        InvalidRequest: names everything at fault.
    """
    faults = unknown_names(given, FIELDS)
    name, role, service = given.get("name"), given.get("role"), given.get("service", False)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        faults["name"] = "use 1 to 64 letters, digits, spaces and . _ @ -"
    if role not in tuple(Role):
        faults["role"] = f"must be one of {', '.join(Role)}"
    if not isinstance(service, bool):
        faults["service"] = "must be true or false"
    scopes = _scopes(given.get("scopes"), faults)
    expires_at: datetime | None = now + LIFE
    if "expires_at" in given:
        expires_at = _moment(given["expires_at"], now, faults)
    if faults:
        raise InvalidRequest(faults)
    return TokenRequest(str(name), Role(str(role)), scopes, expires_at, service)


def expires_in_words(words: str, now: datetime) -> datetime | None:
    """When that is, as people type it: "30d", "2027-03-31", a moment, or "never" (None).

    Raises:
        InvalidRequest: it is none of these, or past; named `expires`.
    """
    words = words.strip().lower()
    later, faults = _LATER.fullmatch(words), dict[str, str]()
    if words == "never":
        return None
    if later and int(later[1]) > 0:
        return now + timedelta(days=int(later[1]))
    at = _moment(words, now, faults)
    if faults:
        fault = faults["expires_at"]
        raise InvalidRequest({"expires": f"{fault}; or days from now, such as 30d, or never"})
    return at


def _scopes(given: Any, faults: dict[str, str]) -> tuple[Scope, ...] | None:
    if given is None:
        return None
    known = f"known: {', '.join(Scope)}"
    if not isinstance(given, list | tuple) or not given:
        faults["scopes"] = f"must be a list of scopes, or be left out for all that the role allows; {known}"
        return None
    if unknown := [one for one in given if one not in tuple(Scope)]:
        named = ", ".join(str(one)[:60] for one in unknown[:5])
        faults["scopes"] = f"{named} is no scope; {known}"
        return None
    return tuple(scope for scope in Scope if scope in given)


def _moment(given: Any, now: datetime, faults: dict[str, str]) -> datetime | None:
    """The end of a day, or the moment; what is wrong with it is written into `faults`."""
    if given is None:
        return None
    text = given.strip().upper() if isinstance(given, str) else ""  # RFC 3339, 5.6: "t" and "z" as well
    try:
        at = datetime.fromisoformat(text)
        if _DAY.fullmatch(text):
            at = at.replace(tzinfo=UTC) + timedelta(days=1)
        at = at.astimezone(UTC) if at.tzinfo else at
    except (ValueError, OverflowError):
        faults["expires_at"] = "must be a moment such as 2027-03-31T12:00:00Z, or a day"
        return None
    if at.tzinfo is None:
        faults["expires_at"] = "needs a time zone, such as 2027-03-31T12:00:00Z"
    elif at <= now:
        faults["expires_at"] = "is past"
    return at
