"""What is asked of the audit: since when, by whom, what, to what. Parsed once, every fault named."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from backend.domain.access.actions import Action
from backend.domain.errors import InvalidRequest
from backend.domain.text import unknown_names
from backend.store.team.audit import AuditFilter as AuditFilter

NAMES = ("since", "until", "actor", "action", "object")
MOMENT_FAULT = "must be a moment, 2026-11-21T09:00:00Z, or a day, 2026-11-21"


def parse_audit_query(asked: Mapping[str, str], *, zone: tzinfo) -> AuditFilter:
    """A filter as a URL states it; what is absent or empty is left open.

    since, until: moments (RFC 3339), or days of the zone; `until` itself is outside, a day in `until` inside.

    Raises:
        InvalidRequest: names every parameter at fault.
    """
    faults = unknown_names(asked, NAMES)
    moments: dict[str, datetime | None] = {}
    for name in ("since", "until"):
        try:
            moments[name] = parse_moment(asked.get(name) or "", zone, ends=name == "until")
        except ValueError as error:
            faults[name] = str(error)
    since, until = moments.get("since"), moments.get("until")
    if since and until and since > until:
        faults["until"] = "must not lie before since"
    action = asked.get("action") or None
    if action is not None and action not in list(Action):
        faults["action"] = f"is none of {', '.join(Action)}"
    if faults:
        raise InvalidRequest(faults)
    actor, object_id = asked.get("actor") or None, asked.get("object") or None
    return AuditFilter(since, until, actor, Action(action) if action else None, object_id)


def parse_moment(word: str, zone: tzinfo = UTC, *, ends: bool = False) -> datetime | None:
    """The moment that is meant; None for "". A day: its beginning, or its end.

    Raises:
        ValueError: says what it must be.
    """
    if not word:
        return None
    try:
        if len(word) == len("2026-11-21"):
            day = date.fromisoformat(word) + timedelta(days=1 if ends else 0)
            return datetime.combine(day, time(), zone).astimezone(UTC)
        at = datetime.fromisoformat(word.upper().replace(" ", "+"))  # a plus sign that nobody escaped
        if at.tzinfo is None or "T" not in word.upper():
            raise ValueError("no zone")
        return at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(MOMENT_FAULT) from error
