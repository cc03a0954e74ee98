"""How long to back off, and when to ask again."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain import policy


class Middle(random.Random):
    """Chance without chance: always the middle of the range."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def test_the_pauses_after_faults_double_from_one_second_to_five_minutes_unless_others_are_asked_for():
    pauses = [policy.backoff_s(attempts, rng=Middle()) for attempts in range(1, 12)]
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert [policy.backoff_s(n, first_s=20, cap_s=25, rng=Middle()) for n in (1, 9)] == [20, 25]


@given(st.integers(-5, 10**9), st.floats(0.01, 86400), st.integers())
def test_every_pause_ends_whatever_came_before(tries, first_s, seed):
    """A job under way is always asked about again within 72 seconds, one that failed within five minutes."""
    assert 0.8 <= policy.backoff_s(tries, rng=random.Random(seed)) <= policy.BACKOFF_CAP_S
    gap_s = policy.poll_interval_s(abs(tries), first_s=first_s, rng=random.Random(seed))
    assert 0.4 <= gap_s <= policy.POLL_CAP_S * (1 + policy.JITTER) == 72


def test_jobs_that_failed_together_do_not_return_together():
    assert len({round(policy.backoff_s(4), 6) for _ in range(50)}) > 40


def test_polls_start_small_where_webhooks_do_not_reach_us_and_stretch_to_a_minute():
    gaps = [policy.poll_interval_s(polls, first_s=0.2, rng=Middle()) for polls in range(25)]
    assert gaps[:3] == [0.5, 0.75, 1.125]
    assert gaps == sorted(gaps)
    assert gaps[-1] == policy.POLL_CAP_S


@pytest.mark.parametrize("name", [name for name in dir(policy) if name.endswith("_FIRST_S")])
def test_no_series_of_pauses_starts_beyond_its_cap(name):
    cap = getattr(policy, name.replace("_FIRST_S", "_CAP_S"))
    assert 0 < getattr(policy, name) < cap
