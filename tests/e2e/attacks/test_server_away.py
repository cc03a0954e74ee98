"""The database server dies in the middle of everything, and comes back: nothing lost, nothing paid twice."""

import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests import databases
from tests.e2e.checker import broken_promises, never_lost
from tests.waiting import eventually

#: A file has no server to die.
pytestmark = pytest.mark.databases("postgres")
#: How long the server stays away, in seconds: longer than a lease, so that claims run out meanwhile.
AWAY_S = 4.0


@pytest.fixture
def server() -> Iterator[databases.Server]:
    """A server of the test's own."""
    made = databases.Server()
    made.start()
    yield made
    made.close()


@pytest.mark.drill
@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGINT], ids=["killed", "stopped"])
def test_a_server_that_dies_under_load_costs_no_take_and_no_second_payment(make_installation, server, how):
    installation = make_installation(DATABASE_URL=server.fresh(), FIRST_POLL_S=2)
    sidecar, worker = installation.sidecar(), installation.worker()
    jobs = [
        installation.ask(f"Before the server died {number}", key=f"before-{number}") for number in range(6)
    ]
    eventually(lambda: "accepted" in worker.said(), process=worker)

    server.stop(how)
    away = installation.call("POST", "/api/video/start", json={"model": "x", "prompt": "y"})
    assert (away.status_code, away.headers["Retry-After"].isdigit()) == (503, True)
    assert databases.PASSWORD not in away.text
    assert requests.get(f"http://127.0.0.1:{installation.port}/readyz", timeout=30).status_code == 503
    assert requests.get(f"http://127.0.0.1:{installation.port}/healthz", timeout=30).status_code == 200
    time.sleep(AWAY_S)
    server.start()
    back = time.monotonic()
    jobs.append(installation.ask("After it came back", key="after"))

    def through() -> Any:
        return {job: installation.take(job)["state"] for job in jobs}

    eventually(lambda: set(through().values()) == {"stored"})
    print(f"server {how.name}: all {len(jobs)} takes home {time.monotonic() - back:.1f} s after it came back")
    assert broken_promises(installation) == []
    assert never_lost(installation) == []
    assert (sidecar.alive, worker.alive) == (True, True), "nobody had to be started again"
    assert not any(databases.PASSWORD in process.said() for process in installation.processes)


def test_a_receipt_that_came_while_the_server_was_away_is_written_when_it_is_back(make_installation, server):
    """The provider accepts, then the server dies: the take goes on by its request, and is never held."""
    installation = make_installation(DATABASE_URL=server.fresh(), FIRST_POLL_S=2, LEASE_S=30)
    installation.sidecar()
    installation.worker()
    job = installation.ask("Accepted, then nobody to tell [sim:stall=3 never]")
    installation.until(job, "submitting")
    server.stop(signal.SIGQUIT)
    time.sleep(AWAY_S)
    server.start()

    installation.until(job, "stored")
    assert "held" not in installation.history(job)
    assert broken_promises(installation) == []


def test_the_doctor_says_what_is_wrong_with_the_server_and_never_its_password(make_installation, server):
    installation = make_installation(DATABASE_URL=server.url("nowhere"))
    ill = installation.cli("doctor")

    assert ill.returncode == 1
    assert "BAD  database" in ill.stdout
    assert "no database of that name" in ill.stdout
    assert databases.PASSWORD not in ill.stdout + ill.stderr
    assert "Traceback" not in ill.stderr
