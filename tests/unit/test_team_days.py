"""Days and months of the team's time zone, also where clocks are put forward and back."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backend.services.money import team_days


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "moment", "day", "next_day", "next_month"),
    [
        ("UTC", "2026-11-30T23:59:59", "2026-11-30", "2026-12-01T00:00", "2026-12-01T00:00"),
        # New Year comes first to the east
        ("Asia/Tokyo", "2026-12-31T15:00:00", "2027-01-01", "2027-01-01T15:00", "2027-01-31T15:00"),
        ("America/Los_Angeles", "2026-12-01T07:59:59", "2026-11-30", "2026-12-01T08:00", "2026-12-01T08:00"),
        # 23 and 25 hours: clocks are put forward on 29 March, back on 25 October
        ("Europe/Berlin", "2026-03-28T23:00:00", "2026-03-29", "2026-03-29T22:00", "2026-03-31T22:00"),
        ("Europe/Berlin", "2026-10-24T22:00:00", "2026-10-25", "2026-10-25T23:00", "2026-10-31T23:00"),
        ("Europe/Berlin", "2026-10-25T22:59:59", "2026-10-25", "2026-10-25T23:00", "2026-10-31T23:00"),
        # a month that ends on such a day: October 2027 in Berlin, with 31 days and an hour
        ("Europe/Berlin", "2027-10-31T22:59:59", "2027-10-31", "2027-10-31T23:00", "2027-10-31T23:00"),
        # midnight itself is skipped: the day begins at one
        ("Africa/Cairo", "2026-04-23T21:59:59", "2026-04-23", "2026-04-23T22:00", "2026-04-30T21:00"),
        ("Africa/Cairo", "2026-04-23T22:00:00", "2026-04-24", "2026-04-24T21:00", "2026-04-30T21:00"),
        # midnight comes twice: the day begins with the first
        ("America/Havana", "2026-11-01T03:59:59", "2026-10-31", "2026-11-01T04:00", "2026-11-01T04:00"),
        ("America/Havana", "2026-11-01T05:30:00", "2026-11-01", "2026-11-02T05:00", "2026-12-01T05:00"),
        # half an hour, and a quarter
        ("Asia/Kathmandu", "2026-06-30T18:15:00", "2026-07-01", "2026-07-01T18:15", "2026-07-31T18:15"),
    ],
)
def test_days_and_months_begin_and_end_as_the_zones_calendar_has_them(
    zone, moment, day, next_day, next_month
):
    there = ZoneInfo(zone)
    assert team_days.day_of(at(moment), there) == day
    assert team_days.month_start(at(moment), there) == f"{day[:8]}01"
    for ends, of, expected in (
        (team_days.next_day_at, team_days.day_of, next_day),
        (team_days.next_month_at, team_days.month_start, next_month),
    ):
        renews = ends(at(moment), there)
        assert renews == at(expected)
        assert of(renews, there) != of(at(moment), there), "from then on it is another one"
        assert of(renews - timedelta(seconds=1), there) == of(at(moment), there), "until then it is this one"
