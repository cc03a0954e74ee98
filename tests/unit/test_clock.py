"""Moments are aware and UTC, ids sort by their birth."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from backend.domain.clock import Clock


class Stuck(Clock):
    """A clock that shows what a test says."""

    def __init__(self, *moments: datetime) -> None:
        super().__init__()
        self.moments = list(moments)

    def now(self) -> datetime:
        return self.moments.pop(0) if len(self.moments) > 1 else self.moments[0]


NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def test_now_is_aware_and_utc():
    assert Clock().now().utcoffset() == timedelta(0)


def test_durations_never_run_backwards():
    clock = Clock()
    seen = [clock.monotonic() for _ in range(1000)]

    assert seen == sorted(seen)


def test_an_id_is_a_uuid_of_version_7_that_tells_its_moment():
    found = uuid.UUID(Stuck(NOON).new_id())

    assert (found.version, found.variant) == (7, uuid.RFC_4122)
    assert found.int >> 80 == int(NOON.timestamp() * 1000)


@pytest.mark.parametrize(
    ("moments", "number"),
    [([NOON], 10_000), ([NOON, NOON - timedelta(hours=1), NOON - timedelta(days=1), NOON], 4)],
    ids=["beyond the counter of one millisecond", "the clock is set back"],
)
def test_ids_sort_by_birth(moments, number):
    clock = Stuck(*moments)
    ids = [clock.new_id() for _ in range(number)]

    assert ids == sorted(set(ids))


def test_eight_threads_never_share_an_id_and_each_sees_its_own_rise():
    clock, together = Clock(), threading.Barrier(8)

    def make(_: int) -> list[str]:
        together.wait()
        return [clock.new_id() for _ in range(2000)]

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(make, range(8)))

    assert all(mine == sorted(mine) for mine in made)
    assert len({one for mine in made for one in mine}) == 16_000
