"""The database server dies in the middle of everything, and comes back: nothing lost, nothing paid twice."""

import signal
import time

import pytest

from tests import databases
from tests.e2e.attacks.test_stops import hurry
from tests.e2e.checker import broken_promises, never_lost
from tests.e2e.installation import LEASE_S, Installation
from tests.waiting import eventually, in_time

#: A file has no server to die.
pytestmark = [pytest.mark.drill, pytest.mark.databases("postgres")]
#: How long the server stays away, in seconds: claims run out meanwhile.
AWAY_S = LEASE_S + 1.0


@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGINT], ids=["killed", "stopped"])
def test_a_server_that_dies_under_load_costs_no_take_and_no_second_payment(
    make_installation, fal, server, how
):
    installation: Installation = make_installation(DATABASE_URL=server.fresh(), FIRST_POLL_S=2)
    sidecar, worker = installation.sidecar(), installation.worker()
    fetching = installation.ask("In the middle of its way home [sim:media-slow=1.5]")
    jobs = [fetching, *(installation.ask(f"Before the server died {number}") for number in range(6))]
    eventually(lambda: any(path.stat().st_size > 1000 for path in installation.parts()), process=worker)

    server.stop(how)
    hurry(fal, fetching)
    away = installation.call("POST", "/api/video/start", json={"model": "x", "prompt": "y"})
    assert (away.status_code, away.headers["Retry-After"].isdigit()) == (503, True)
    assert databases.PASSWORD not in away.text
    assert installation.call("GET", "/readyz").status_code == 503
    assert installation.call("GET", "/healthz").status_code == 200
    time.sleep(AWAY_S)
    server.start()
    eventually(lambda: installation.call("GET", "/readyz").status_code == 200)

    begun = time.monotonic()
    installation.until(installation.ask("After it came back"), "stored")
    assert in_time(time.monotonic() - begun, 15)
    for job in jobs:
        installation.until(job, "stored")
    begun = time.monotonic()
    last = installation.ask("At once again: the queues listen")
    eventually(lambda: installation.history(last)[1:])
    assert in_time(time.monotonic() - begun, 3)
    installation.until(last, "stored")
    assert broken_promises(installation) == []
    assert never_lost(installation) == []
    assert (sidecar.alive, worker.alive) == (True, True), "nobody had to be started again"
    assert worker.stop() == 0
    assert not any(databases.PASSWORD in process.said() for process in installation.processes)
