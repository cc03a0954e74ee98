"""Moments are aware and UTC, ids sort by their birth."""

import threading
import uuid
from datetime import UTC, datetime, timedelta

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

    assert found.version == 7
    assert found.variant == uuid.RFC_4122
    assert found.int >> 80 == int(NOON.timestamp() * 1000)


def test_ids_of_the_same_millisecond_sort_by_birth_beyond_the_counter():
    clock = Stuck(NOON)
    ids = [clock.new_id() for _ in range(10_000)]

    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_ids_sort_by_birth_when_the_clock_is_set_back():
    clock = Stuck(NOON, NOON - timedelta(hours=1), NOON - timedelta(days=1), NOON)
    ids = [clock.new_id() for _ in range(4)]

    assert ids == sorted(set(ids))


def test_eight_threads_never_share_an_id_and_each_sees_its_own_rise():
    clock, made = Clock(), [[] for _ in range(8)]
    together = threading.Barrier(8)

    def make(mine: list[str]) -> None:
        together.wait()
        mine += [clock.new_id() for _ in range(2000)]

    threads = [threading.Thread(target=make, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(mine == sorted(mine) for mine in made)
    assert len({one for mine in made for one in mine}) == 16_000
