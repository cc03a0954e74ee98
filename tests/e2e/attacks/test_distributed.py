"""Several workers on one PostgreSQL: any of them may die, freeze or lose the database, and work goes on."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from simulator.app import Simulator
from tests import databases
from tests.e2e.attacks.test_stops import LEAVES_S, hurry
from tests.e2e.checker import broken_promises, ledger_of, never_lost
from tests.e2e.drill import LAUNCHER
from tests.e2e.installation import GOES_ON_S, Installation, Process
from tests.e2e.stories.test_blocking import posts
from tests.waiting import eventually, in_time

#: Several hosts need PostgreSQL.
pytestmark = [pytest.mark.drill, pytest.mark.databases("postgres")]

BLOCKING = "blackboxai/google/veo-3-fast"


def at_work(installation: Installation) -> Process:
    worker = installation.worker()
    eventually(lambda: "worker started" in worker.said())
    return worker


def sweeper(installation: Installation) -> tuple[int, str]:
    """(process id, when) of the last sweep."""
    rows = installation.rows("SELECT at, value ->> 'by' AS by FROM fact WHERE name = 'sweep'")
    return (int(rows[0]["by"].rsplit(":", 1)[1]), rows[0]["at"]) if rows else (0, "")


def sweepers(installation: Installation) -> set[int]:
    """Process ids of all who make the next four sweeps."""
    seen = {sweeper(installation)}
    eventually(lambda: seen.add(sweeper(installation)) or len(seen) > 4)
    return {process for process, _ in seen} - {0}  # nobody yet


def swept_by(installation: Installation, worker: Process) -> bool:
    return sweeper(installation)[0] == worker.popen.pid


def test_a_worker_killed_in_mid_fetch_is_followed_by_the_other_one(make_installation, fal):
    installation: Installation = make_installation()
    installation.sidecar()
    first = at_work(installation)
    job = installation.ask("A slow way home [sim:media-slow=4]")
    eventually(lambda: any(path.stat().st_size > 4000 for path in installation.parts()))
    second = at_work(installation)
    first.kill()
    hurry(fal, job)
    begun = time.monotonic()
    installation.until(job, "stored")
    assert second.alive
    assert len(ledger_of(fal.url, job)["downloads"]) == 2
    assert in_time(time.monotonic() - begun, GOES_ON_S)
    assert broken_promises(installation) == []


@pytest.mark.parametrize("how", ["SIGKILL", "SIGSTOP"])
def test_sweeps_run_on_one_worker_and_move_over_when_it_dies_or_freezes(make_installation, how):
    installation: Installation = make_installation(FIRST_POLL_S=1)
    installation.sidecar()
    first = at_work(installation)
    eventually(lambda: swept_by(installation, first))
    second = at_work(installation)
    assert sweepers(installation) == {first.popen.pid}
    first.send(signal.Signals[how])
    eventually(lambda: swept_by(installation, second))
    late = installation.ask(
        "No webhook [sim:never]"
    )  # only a poll at its time, by whoever keeps it, brings this
    installation.until(late, "stored")
    if how == "SIGSTOP":
        first.send(signal.SIGCONT)
        eventually(lambda: "sweeps elsewhere" in first.said())
        assert first.stop()[0] == 0
    eventually(lambda: swept_by(installation, second))


def test_a_build_in_which_everybody_sweeps_is_caught(make_installation):
    installation: Installation = make_installation()
    installation.sidecar()
    for _ in range(2):
        worker = installation.worker(*LAUNCHER, "worker", BROKEN_BUILD="everybody_sweeps")
        eventually(lambda worker=worker: "worker started" in worker.said())
    assert len(sweepers(installation)) == 2


def with_a_look_that_hangs(installation: Installation, build: str) -> Process:
    """A worker of this broken build; one of its looks is over, and its thread is not."""
    installation.sidecar()
    worker = installation.worker(*LAUNCHER, "worker", BROKEN_BUILD=build)
    job = installation.ask("A look that never ends [sim:stuck never]")
    installation.until(job, "queued")
    eventually(lambda: installation.holder(job) is None)
    return worker


def test_a_worker_that_has_finished_is_gone_in_time_though_a_thread_nobody_sees_hangs(make_installation):
    worker = with_a_look_that_hangs(make_installation(), "never_ends_a_look")

    code, took_s = worker.stop()

    assert (code, in_time(took_s, LEAVES_S)) == (0, True)
    assert "worker stopped" in worker.said()
    assert "in hangs" in worker.said()


def test_a_build_that_calls_the_watchdog_off_once_it_has_finished_is_caught(make_installation):
    worker = with_a_look_that_hangs(make_installation(), "calls_the_watchdog_off")

    worker.send(signal.SIGTERM)
    eventually(lambda: "worker stopped" in worker.said())

    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(LEAVES_S)


@pytest.fixture
def own_server() -> Iterator[databases.Server]:
    server = databases.Server()
    server.start()
    yield server
    server.close()


@pytest.mark.parametrize("how", ["SIGINT", "SIGQUIT"])
def test_a_worker_goes_on_when_the_server_was_restarted_under_it(make_installation, fal, own_server, how):
    installation: Installation = make_installation(DATABASE_URL=own_server.url("postgres"))
    installation.sidecar()
    worker = at_work(installation)
    before = installation.ask("Before [sim:slow=1]")
    fetching = installation.ask("In the middle [sim:media-slow=3]")
    eventually(lambda: any(path.stat().st_size > 2000 for path in installation.parts()))
    own_server.stop(signal.Signals[how])
    hurry(fal, fetching)
    ready = f"http://127.0.0.1:{installation.port}/readyz"
    eventually(lambda: requests.get(ready, timeout=9).status_code == 503)
    own_server.start()
    eventually(lambda: requests.get(ready, timeout=9).status_code == 200)
    after = installation.ask("Afterwards")
    begun = time.monotonic()
    installation.until(after, "stored")
    took_s = time.monotonic() - begun
    for job in (before, fetching):
        installation.until(job, "stored")
    begun = time.monotonic()
    at_once = installation.ask("At once again: the queues listen")
    eventually(lambda: installation.history(at_once)[1:])
    assert in_time(time.monotonic() - begun, 3)
    installation.until(at_once, "stored")
    assert worker.alive
    assert worker.stop()[0] == 0
    assert broken_promises(installation) == []
    assert in_time(took_s, 15)


def test_calls_that_stay_open_have_one_limit_over_all_workers(make_installation, fal):
    installation: Installation = make_installation(
        BLACKBOX_API_KEY="sk-drill", BLACKBOX_URL=f"{fal.url}/blackbox", BLACKBOX_CALLS=2
    )
    installation.sidecar()
    at_work(installation)
    at_work(installation)
    jobs = [installation.ask(f"Call {number}. [sim:slow=0.5]", model=BLOCKING) for number in range(8)]
    open_calls = []

    def done() -> bool:
        states = [row["state"] for row in installation.rows("SELECT state FROM job")]
        open_calls.append(states.count("submitting"))
        return states.count("stored") == len(jobs)

    eventually(done)
    assert max(open_calls) == 2
    assert [posts(installation, f"Call {number}.") for number in range(8)] == [1] * 8


def test_work_is_shared_and_every_take_is_made_once(
    make_installation: Callable[..., Installation], fal: Simulator
) -> None:
    installation = make_installation()
    installation.sidecar()
    workers = [at_work(installation), at_work(installation)]
    jobs = [installation.ask(f"Crowd, take {number}") for number in range(30)]
    for job in jobs:
        installation.until(job, "stored")
    assert all(worker.said().count('"stored"') > 3 for worker in workers)
    eventually(
        lambda: not installation.rows("SELECT 1 FROM procrastinate_jobs")
    )  # finished tasks are removed
    numbers = requests.get(f"http://127.0.0.1:{installation.port}/metrics", timeout=9).text
    for worker in workers:
        assert f':{worker.popen.pid}"}}' in numbers
    assert 'dailies_work_jobs{is="waiting",kind="submit"} 0.0' in numbers
    assert "dailies_sweeper{" in numbers
    assert [worker.stop()[0] for worker in workers] == [0, 0]
    assert broken_promises(installation) == []
    assert never_lost(installation) == []
