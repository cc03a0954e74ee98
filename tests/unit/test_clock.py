"""Moments are aware and UTC, ids sort by their birth."""

import uuid
from datetime import timedelta

import pytest

from backend.domain.clock import Clock
from tests.signing import FakeClock
from tests.world import at_once


def test_now_is_aware_and_utc_and_durations_never_run_backwards():
    clock = Clock()
    seen = [clock.monotonic() for _ in range(1000)]
    assert clock.now().utcoffset() == timedelta(0)
    assert seen == sorted(seen)


def test_an_id_is_a_uuid_of_version_7_that_tells_its_moment():
    clock = FakeClock()
    found = uuid.UUID(clock.new_id())
    assert (found.version, found.variant) == (7, uuid.RFC_4122)
    assert found.int >> 80 == int(clock.now().timestamp() * 1000)


@pytest.mark.parametrize(
    ("steps_s", "each"),
    [([0], 10_000), ([0, -3600, -82_800, 86_400], 1)],
    ids=["beyond the counter of one millisecond", "the clock is set back"],
)
def test_ids_sort_by_birth(steps_s, each):
    clock, ids = FakeClock(), []
    for step_s in steps_s:
        clock.pass_s(step_s)
        ids += [clock.new_id() for _ in range(each)]
    assert ids == sorted(set(ids))


def test_eight_threads_never_share_an_id_and_each_sees_its_own_rise():
    clock = Clock()
    made = at_once(8, lambda _: [clock.new_id() for _ in range(2000)])
    assert all(mine == sorted(mine) for mine in made)
    assert len({one for mine in made for one in mine}) == 16_000
