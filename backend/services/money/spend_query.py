"""What is asked of what was spent: which days, told apart by what. Parsed once, every fault named."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum

from backend.domain.errors import InvalidRequest
from backend.domain.text import unknown_names


class Dimension(StrEnum):
    """What spending is told apart by."""

    DAY = "day"
    MONTH = "month"
    PERSON = "person"
    PROJECT = "project"
    MODEL = "model"
    EXPERIMENT = "experiment"
    TEMPLATE = "template"


#: What a take has where it has none, such as no project.
NONE = "none"


@dataclass(frozen=True)
class SpendQuery:
    """Which takes, told apart by what. since, until: first and last day, "2026-11-21"; None: without end."""

    by: Dimension = Dimension.DAY
    crossed: Dimension | None = None
    since: str | None = None
    until: str | None = None
    fitting: Mapping[Dimension, str] = field(default_factory=dict)  #: only these people, models …

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """One or two."""
        return (self.by,) if self.crossed is None else (self.by, self.crossed)


def parse_query(asked: Mapping[str, str], *, zone: tzinfo) -> SpendQuery:
    """A query as a URL states it: `by`, `and`, `since`, `until`; what is absent or empty is left open.

    A day is meant as a whole; a moment (RFC 3339) by the day that it is in, a midnight that ends a range by
    the day before. zone: whose days.

    Raises:
        InvalidRequest: names every parameter at fault.
    """
    faults = unknown_names(asked, ("by", "and", "since", "until"))
    by = _dimension(asked, "by", faults) or Dimension.DAY
    crossed = _dimension(asked, "and", faults)
    if crossed is by and "by" not in faults:
        faults["and"] = f"must be another than by, which is {by}"
    since, until = (_day(asked, name, zone, faults) for name in ("since", "until"))
    if since and until and since > until:
        faults["until"] = f"must not lie before since, which is {since}"
    if faults:
        raise InvalidRequest(faults)
    return SpendQuery(by, crossed, since, until)


def _dimension(asked: Mapping[str, str], name: str, faults: dict[str, str]) -> Dimension | None:
    word = asked.get(name) or None
    if word is not None and word not in list(Dimension):
        faults[name] = f"is none of {', '.join(Dimension)}"
        return None
    return None if word is None else Dimension(word)


def parse_day(word: str, zone: tzinfo, *, ends: bool = False) -> str:
    """The day that is meant, "2026-11-21". ends: the last one, so that a midnight ends the day before.

    Raises:
        ValueError: says what it must be.
    """
    try:
        if len(word) == len("2026-11-21"):
            return date.fromisoformat(word).isoformat()
        at = datetime.fromisoformat(word.replace(" ", "+"))  # a plus sign that nobody escaped
        if at.tzinfo is None:
            raise ValueError("no zone")
        at = at.astimezone(zone) - (timedelta(microseconds=1) if ends else timedelta(0))
        return at.date().isoformat()
    except (ValueError, OverflowError) as error:
        raise ValueError("must be a day, 2026-11-21, or a moment, 2026-11-21T09:00:00Z") from error


def _day(asked: Mapping[str, str], name: str, zone: tzinfo, faults: dict[str, str]) -> str | None:
    word = asked.get(name) or None
    if word is None:
        return None
    try:
        return parse_day(word, zone, ends=name == "until")
    except ValueError as error:
        faults[name] = str(error)
        return None
