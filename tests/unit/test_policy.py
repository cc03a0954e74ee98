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


@given(st.integers(min_value=-5, max_value=10**9), st.integers())
def test_a_pause_is_never_longer_than_the_cap_nor_shorter_than_a_second_less_jitter(attempts, seed):
    pause = policy.backoff_s(attempts, rng=random.Random(seed))

    assert 0.8 <= pause <= policy.BACKOFF_CAP_S


def test_jobs_that_failed_together_do_not_return_together():
    pauses = {round(policy.backoff_s(4), 6) for _ in range(50)}

    assert len(pauses) > 40
    assert all(8 * 0.8 <= pause <= 8 * 1.2 for pause in pauses)


def test_polls_start_small_where_webhooks_do_not_reach_us_and_stretch_to_a_minute():
    gaps = [policy.poll_interval_s(polls, first_s=0.2, rng=Middle()) for polls in range(25)]

    assert gaps[:3] == [0.5, 0.75, 1.125]
    assert gaps == sorted(gaps)
    assert gaps[-1] == policy.POLL_CAP_S


@given(st.integers(0, 10**6), st.floats(0.01, 86400), st.integers())
def test_a_job_under_way_is_always_asked_about_again_within_72_seconds(polls, first_s, seed):
    gap = policy.poll_interval_s(polls, first_s=first_s, rng=random.Random(seed))

    assert 0.4 <= gap <= policy.POLL_CAP_S * (1 + policy.JITTER)


@pytest.mark.parametrize("name", [name for name in dir(policy) if name.endswith("_FIRST_S")])
def test_no_series_of_pauses_starts_beyond_its_cap(name):
    cap = getattr(policy, name.replace("_FIRST_S", "_CAP_S"))

    assert 0 < getattr(policy, name) < cap
