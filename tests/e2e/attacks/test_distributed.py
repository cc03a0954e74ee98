"""Several workers on one PostgreSQL: any of them may die, freeze or hang, and work goes on."""

import signal
import subprocess
import time

import pytest

from tests.e2e.attacks.test_stops import hurry
from tests.e2e.checker import broken_promises, ledger_of
from tests.e2e.drill import LAUNCHER
from tests.e2e.installation import GOES_ON_S, LEAVES_S, Installation, Process
from tests.waiting import eventually, in_time

#: Several hosts need PostgreSQL.
pytestmark = [pytest.mark.drill, pytest.mark.databases("postgres")]


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


@pytest.mark.parametrize("how", ["SIGKILL", "SIGSTOP"])
def test_sweeps_and_a_fetch_move_over_when_their_worker_dies_or_freezes(make_installation, fal, how):
    installation: Installation = make_installation(FIRST_POLL_S=1)
    first = installation.up()
    job = installation.ask("A slow way home [sim:media-slow=0.5]")
    eventually(lambda: any(path.stat().st_size > 2000 for path in installation.parts()))
    eventually(lambda: swept_by(installation, first))
    second = installation.at_work()
    assert sweepers(installation) == {first.popen.pid}
    numbers = installation.call("GET", "/metrics").text
    assert all(f':{worker.popen.pid}"}}' in numbers for worker in (first, second))
    assert 'dailies_work_jobs{is="waiting",kind="submit"} 0.0' in numbers
    assert "dailies_sweeper{" in numbers

    first.send(signal.Signals[how])
    begun = time.monotonic()
    hurry(fal, job)

    installation.until(job, "stored")
    assert in_time(time.monotonic() - begun, GOES_ON_S)
    assert len(ledger_of(fal.url, job)["downloads"]) > 1, "nobody had it in hand"
    eventually(lambda: swept_by(installation, second))
    late = installation.ask("Polled by whoever keeps the time [sim:never]")
    installation.until(late, "stored")
    if how == "SIGSTOP":
        first.send(signal.SIGCONT)
        eventually(lambda: sweepers(installation) == {second.popen.pid})
        assert first.stop() == 0
    assert broken_promises(installation) == []


def test_a_build_in_which_everybody_sweeps_is_caught(make_installation):
    installation: Installation = make_installation()
    installation.sidecar()
    for _ in range(2):
        installation.at_work(*LAUNCHER, "worker", BROKEN_BUILD="everybody_sweeps")
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

    assert worker.stop() == 0
    assert "worker stopped" in worker.said()
    assert "in hangs" in worker.said()


def test_a_build_that_calls_the_watchdog_off_once_it_has_finished_is_caught(make_installation):
    worker = with_a_look_that_hangs(make_installation(), "calls_the_watchdog_off")

    worker.send(signal.SIGTERM)
    eventually(lambda: "worker stopped" in worker.said())

    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(LEAVES_S)
