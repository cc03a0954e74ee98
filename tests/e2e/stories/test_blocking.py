"""The blocking provider with whole processes: killed, stopped and restarted while a call is open."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import requests

from simulator.app import Simulator
from tests.e2e.installation import GOES_ON_S, LEASE_S, Installation
from tests.waiting import eventually, in_time

pytestmark = pytest.mark.drill

MODEL = "blackboxai/google/veo-3-fast"
#: The contract: on SIGTERM work in hand is finished or handed back within this.
LEAVES_S = 8.0


@pytest.fixture
def installation(make_installation: Callable[..., Installation], fal: Simulator) -> Installation:
    """An installation with the blocking provider, two calls at once, and a sidecar."""
    made = make_installation(
        BLACKBOX_API_KEY="sk-that-no-log-may-show", BLACKBOX_URL=f"{fal.url}/blackbox",
        BLACKBOX_MODELS=MODEL, BLACKBOX_CALLS=2,
    )  # fmt: skip
    made.sidecar()
    return made


def ask(installation: Installation, prompt: str) -> str:
    return installation.ask(prompt, model=MODEL, provider="blackbox")


def posts(installation: Installation, prompt: str) -> int:
    """How many calls of the provider held this prompt, as the provider saw it."""
    with requests.Session() as session:
        session.trust_env = False
        ledger = session.get(f"{installation.settings['FAL_QUEUE_URL']}/sim/ledger", timeout=20).json()
    return sum(prompt in str(post["input"]) for post in ledger["posts"])


def in_call(installation: Installation, job_id: str, prompt: str) -> None:
    """Wait until the call is open."""
    eventually(
        lambda: installation.take(job_id)["state"] == "submitting" and posts(installation, prompt) == 1
    )


def lease_end(installation: Installation, job_id: str) -> float:
    """When the claim on a take ends, unless it is extended; 0: nobody holds it."""
    (row,) = installation.rows("SELECT claimed_until FROM job WHERE id = ?", job_id)
    return datetime.fromisoformat(row["claimed_until"]).timestamp() if row["claimed_until"] else 0.0


def history(installation: Installation, job_id: str) -> list[str]:
    found: list[str] = installation.history(job_id)
    return found


def test_a_start_is_answered_at_once_while_the_call_takes_long(installation):
    installation.worker()
    job = ask(installation, "Answered at once [sim:slow=8]")
    assert installation.take(job)["state"] in ("created", "submitting")
    in_call(installation, job, "Answered at once")
    seen: dict[str, Any] = installation.take(job)
    assert (seen["status"], seen["queue_position"]) == ("processing", None)
    eventually(lambda: installation.take(job)["elapsed_s"] > seen["elapsed_s"])
    installation.until(job, "stored")
    assert history(installation, job) == ["created", "submitting", "rendered", "stored"]
    assert posts(installation, "Answered at once") == 1


def test_a_worker_killed_in_the_middle_of_a_call_leaves_it_held_and_nothing_is_paid_twice(installation):
    worker = installation.worker()
    job = ask(installation, "Killed in the middle [sim:slow=30]")
    in_call(installation, job, "Killed in the middle")
    worker.kill()
    killed = time.monotonic()
    installation.worker()
    held = installation.until(job, "held")
    assert in_time(time.monotonic() - killed, GOES_ON_S)
    assert held["status"] == "held"
    assert held["error"]["charged"] == "maybe"
    assert "may have been charged" in held["error"]["message"]
    assert history(installation, job) == ["created", "submitting", "held"]
    installation.until_swept(times=2)  # and none of them sends it
    assert installation.take(job)["state"] == "held"
    assert posts(installation, "Killed in the middle") == 1


def test_a_call_outlives_the_sidecar_and_a_second_worker_leaves_it_alone(installation):
    installation.worker()
    job = ask(installation, "Restarts around it [sim:slow=15]")
    in_call(installation, job, "Restarts around it")
    installation.processes[0].kill()
    installation.sidecar()
    installation.worker()
    assert installation.take(job)["state"] == "submitting"
    first = lease_end(installation, job)
    eventually(lambda: lease_end(installation, job) > first + LEASE_S)  # the heartbeat keeps the claim
    assert installation.take(job)["state"] == "submitting"
    installation.until(job, "stored")
    assert history(installation, job) == ["created", "submitting", "rendered", "stored"]
    assert posts(installation, "Restarts around it") == 1


def test_a_worker_told_to_stop_in_the_middle_of_a_call_leaves_in_time_and_holds_it(installation):
    worker = installation.worker()
    job = ask(installation, "Told to stop [sim:slow=40]")
    in_call(installation, job, "Told to stop")
    code, took_s = worker.stop()
    assert code == 0
    assert in_time(took_s, LEAVES_S)
    held = installation.take(job)
    assert (held["state"], held["error"]["charged"]) == ("held", "maybe")
    assert installation.holder(job) is None
    installation.worker()
    installation.until_swept(times=2)
    assert installation.take(job)["state"] == "held"
    assert posts(installation, "Told to stop") == 1


def test_calls_beyond_the_limit_wait_in_line_over_two_workers_and_fal_does_not_wait_for_them(installation):
    installation.worker()
    installation.worker()
    jobs = [ask(installation, f"In line {number}. [sim:slow=4]") for number in range(5)]

    def open_calls() -> int:
        return [installation.take(job)["state"] for job in jobs].count("submitting")

    eventually(lambda: open_calls() == 2)
    waiting = [installation.take(job) for job in jobs if installation.take(job)["state"] == "created"]
    assert [take["queue_position"] for take in waiting] == [0, 1, 2]
    other = installation.ask("Not in that line")
    assert installation.until(other, "stored")["provider"] == "fal"
    assert [installation.take(job)["state"] for job in jobs].count("stored") < len(jobs)
    most = 0

    def all_there() -> bool:
        nonlocal most
        states = [installation.take(job)["state"] for job in jobs]
        most = max(most, states.count("submitting"))
        return states == ["stored"] * len(jobs)

    eventually(all_there)
    assert most == 2
    assert [posts(installation, f"In line {number}.") for number in range(5)] == [1] * 5
