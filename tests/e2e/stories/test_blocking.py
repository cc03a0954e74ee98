"""The blocking provider with whole processes: killed, stopped and restarted while a call is open."""

import time
from collections.abc import Callable
from datetime import datetime

import pytest

from simulator.app import Simulator
from tests import databases
from tests.e2e.checker import ledger_at
from tests.e2e.installation import GOES_ON_S, LEASE_S, Installation
from tests.waiting import eventually, in_time
from tests.world import BLOCKING

pytestmark = pytest.mark.drill


@pytest.fixture
def installation(make_installation: Callable[..., Installation], fal: Simulator) -> Installation:
    """An installation with the blocking provider, two calls at once, a sidecar and a worker."""
    made = make_installation(
        BLACKBOX_API_KEY="sk-that-no-log-may-show", BLACKBOX_URL=f"{fal.url}/blackbox", BLACKBOX_CALLS=2
    )
    made.up()
    return made


def posts(installation: Installation, prompt: str) -> int:
    """How many calls of the provider held this prompt, as the provider saw it."""
    return len(ledger_at(str(installation.settings["FAL_QUEUE_URL"]), prompt)["posts"])


def in_call(installation: Installation, prompt: str) -> str:
    """Ask for a take, and wait until its call is open; returns its id."""
    job = installation.ask(prompt, model=BLOCKING)
    assert installation.take(job)["state"] in ("created", "submitting"), "answered before its call is"
    eventually(lambda: installation.take(job)["state"] == "submitting" and posts(installation, prompt) == 1)
    return job


def lease_end(installation: Installation, job_id: str) -> float:
    """When the claim on a take ends, unless it is extended; 0: nobody holds it."""
    (row,) = installation.rows("SELECT claimed_until FROM job WHERE id = ?", job_id)
    return datetime.fromisoformat(row["claimed_until"]).timestamp() if row["claimed_until"] else 0.0


def test_a_call_outlives_the_sidecar_and_a_second_worker_leaves_it_alone(installation):
    job = in_call(installation, "Restarts around it [sim:slow=15]")
    seen = installation.take(job)
    assert (seen["status"], seen["queue_position"]) == ("processing", None)
    installation.processes[0].kill()
    installation.sidecar()
    installation.worker()
    first = lease_end(installation, job)
    eventually(lambda: lease_end(installation, job) > first + LEASE_S)  # the heartbeat keeps the claim
    later = installation.take(job)
    assert (later["state"], later["elapsed_s"] > seen["elapsed_s"]) == ("submitting", True)
    installation.until(job, "stored")
    assert installation.history(job) == ["created", "submitting", "rendered", "stored"]
    assert posts(installation, "Restarts around it") == 1


@pytest.mark.parametrize("how", ["killed", "told"])
def test_a_worker_that_leaves_in_the_middle_of_a_call_leaves_it_held_and_nothing_is_paid_twice(
    installation, how
):
    prompt, worker = f"Left alone, {how} [sim:slow=40]", installation.processes[-1]
    job = in_call(installation, prompt)
    if how == "told":
        assert worker.stop() == 0
        assert (installation.take(job)["state"], installation.holder(job)) == ("held", None)
    worker.kill()
    begun = time.monotonic()
    installation.worker()
    held = installation.until(job, "held")
    assert in_time(time.monotonic() - begun, GOES_ON_S)
    assert (held["status"], held["error"]["charged"]) == ("held", "maybe")
    assert "may have been charged" in held["error"]["message"]
    assert installation.history(job) == ["created", "submitting", "held"]
    installation.until_swept(times=2)  # and none of them sends it
    assert installation.take(job)["state"] == "held"
    assert posts(installation, prompt) == 1


@databases.BOTH
def test_calls_that_stay_open_have_one_limit_over_all_workers_and_fal_does_not_wait_for_them(installation):
    installation.at_work()
    jobs = [installation.ask(f"In line {number}. [sim:slow=4]", model=BLOCKING) for number in range(5)]
    states = dict.fromkeys(jobs, "created")
    seen: set[int] = set()

    def look() -> list[str]:
        states.update((row["id"], row["state"]) for row in installation.rows("SELECT id, state FROM job"))
        now = [states[job] for job in jobs]
        seen.add(now.count("submitting"))
        return now

    eventually(lambda: look().count("submitting") == 2)
    other = installation.ask("Not in that line")
    assert installation.until(other, "stored")["provider"] == "fal"
    assert look().count("stored") < len(jobs)
    eventually(lambda: look() == ["stored"] * len(jobs))
    assert max(seen) == 2
    assert [posts(installation, f"In line {number}.") for number in range(5)] == [1] * 5
