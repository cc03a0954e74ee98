"""Whose days and months money follows: those of the team's time zone, as its calendar has them."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def day_of(at: datetime, zone: ZoneInfo) -> str:
    """The day on which a moment falls there: "2026-11-21"."""
    return at.astimezone(zone).date().isoformat()


def month_start(at: datetime, zone: ZoneInfo) -> str:
    """The first day of the month in which a moment falls there: "2026-11-01"."""
    return at.astimezone(zone).date().replace(day=1).isoformat()


def next_day_at(at: datetime, zone: ZoneInfo) -> datetime:
    """When the next day begins there (UTC); days on which clocks change have 23 or 25 hours."""
    return _begin(at.astimezone(zone).date() + timedelta(days=1), zone)


def next_month_at(at: datetime, zone: ZoneInfo) -> datetime:
    """When the next month begins there (UTC)."""
    first = at.astimezone(zone).date().replace(day=1)
    return _begin((first + timedelta(days=31)).replace(day=1), zone)


def _begin(day: date, zone: ZoneInfo) -> datetime:
    """A day's first moment. Where clocks skip midnight, the moment at which they do (PEP 495, fold 0)."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
