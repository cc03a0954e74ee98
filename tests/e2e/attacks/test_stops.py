"""Told to stop, frozen, started twice: processes end as they should, and never get in one another's way."""

import signal
import socket
import subprocess

import pytest

from simulator.app import Simulator
from tests import databases
from tests.e2e.checker import broken_promises, ledger_of, never_lost
from tests.e2e.drill import LAUNCHER, Drill
from tests.e2e.installation import LEAVES_S, ROOT, Installation, http_call
from tests.e2e.points import point_called
from tests.ports import reserve_port
from tests.waiting import eventually

pytestmark = pytest.mark.drill

#: Where a worker is frozen past its lease, and where another one has taken the job by the time it thaws.
FREEZES = (
    "submitting: committed, nothing sent",
    "queued: answer read",
    "fetch: in the middle",
    "place: done, no row",
)


def hurry(fal: Simulator, job_id: str) -> None:
    """Have the provider's own slowness end, for a request that is already there."""
    (request,) = ledger_of(fal.url, job_id)["requests"]
    url = f"{fal.url}/sim/requests/{request['request_id']}/faults"
    http_call("POST", url, json={"faults": []}).raise_for_status()


def test_a_worker_told_to_stop_in_a_download_hands_it_over_and_the_next_one_goes_on(make_installation, fal):
    installation: Installation = make_installation()
    worker = installation.up()
    job = installation.ask("A slow way home [sim:media-slow=2]")
    eventually(lambda: any(path.stat().st_size > 2000 for path in installation.parts()))
    assert worker.stop() == 0
    assert installation.rows("SELECT 1 FROM job WHERE claimed_by IS NOT NULL") == []
    assert installation.take(job)["state"] == "rendered"
    hurry(fal, job)
    installation.worker()
    installation.until(job, "stored")
    assert ledger_of(fal.url, job)["downloads"][-1]["range"] is not None
    assert broken_promises(installation) == []


def test_a_worker_told_to_stop_while_it_waits_for_an_answer_leaves_in_time_and_pays_once(
    make_installation, fal
):
    installation: Installation = make_installation()
    worker = installation.up()
    job = installation.ask("No answer [sim:stall=60] [sim:late=7]")
    eventually(lambda: ledger_of(fal.url, job)["accepted"])
    assert worker.stop() == 0
    assert installation.history(job) == ["created", "submitting", "held"]
    assert installation.take(job)["error"]["charged"] == "maybe"
    installation.worker()
    installation.until(job, "stored")
    assert len(ledger_of(fal.url, job)["posts"]) == 1
    assert broken_promises(installation) == []


def test_an_idle_worker_and_a_sidecar_with_a_silent_client_leave_at_once(make_installation):
    installation: Installation = make_installation()
    sidecar, worker = installation.sidecar(), installation.at_work()
    with socket.create_connection(("127.0.0.1", installation.port)) as silent:
        silent.sendall(b"POST /api/video/start HTTP/1.1\r\nHost: here\r\nContent-Le")
        assert sidecar.stop() == 0
    assert worker.stop() == 0
    assert "Traceback" not in sidecar.said() + worker.said()


def test_a_worker_that_hangs_when_it_should_leave_is_gone_in_time_and_says_what_hung(make_installation):
    worker = make_installation().at_work(*LAUNCHER, "worker", BROKEN_BUILD="never_ends")

    assert worker.stop() == 0
    assert "in hangs" in worker.said()


def test_a_worker_told_while_it_has_the_lock_of_what_stops_it_leaves_as_ever(make_installation):
    worker = make_installation().worker(*LAUNCHER, "worker", BROKEN_BUILD="told_at_the_worst_moment")

    assert worker.wait() == 0
    assert "worker stopped" in worker.said()
    assert "something hangs" not in worker.said()


def test_a_build_that_stops_in_the_handler_of_the_signal_is_caught(make_installation):
    worker = make_installation().at_work(*LAUNCHER, "worker", BROKEN_BUILD="stops_in_the_handler")

    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(LEAVES_S)


@pytest.mark.parametrize("name", FREEZES)
def test_a_worker_frozen_past_its_lease_does_no_harm_when_it_thaws(make_installation, fal, name):
    drill = Drill(make_installation(FIRST_POLL_S=2))
    installation = drill.installation
    installation.sign_in()
    drill.ready()
    job = drill.frozen_at(point_called(name))
    held_by = installation.holder(job)
    installation.worker()
    eventually(lambda: installation.holder(job) != held_by)
    frozen = drill.running["worker"]
    frozen.send(signal.SIGCONT)
    installation.until(job, "stored")
    installation.until(installation.ask("After the thaw"), "stored")
    assert frozen.stop() == 0
    assert broken_promises(installation) == []
    assert len(ledger_of(fal.url, job)["posts"]) == 1


def test_the_checker_catches_a_build_that_writes_without_a_fence(make_installation):
    drill = Drill.of_build(make_installation, "writes_without_a_fence")
    installation = drill.installation
    job = drill.frozen_at(point_called("place: done, no row"))
    installation.worker()
    installation.until(job, "stored")
    drill.running["worker"].send(signal.SIGCONT)
    eventually(lambda: installation.history(job).count("stored") > 1)
    assert any(sentence.startswith("one effect") for sentence in broken_promises(installation))


@databases.BOTH
def test_two_workers_and_two_sidecars_on_one_folder_make_sixteen_takes_once_each(make_installation):
    installation: Installation = make_installation()
    other = reserve_port()
    elsewhere = {"PORT": other, "PUBLIC_URL": f"http://127.0.0.1:{other}"}
    sidecars = [installation.sidecar(), installation.sidecar(ROOT / "webhook_server.py", **elsewhere)]
    workers = [installation.at_work(), installation.at_work("-m", "backend", "worker", **elsewhere)]
    ports = (installation.port, other)
    jobs = [installation.ask(f"Crowd, take {number}", port=ports[number % 2]) for number in range(16)]
    for job in jobs:
        installation.until(job, "stored")
    assert len(installation.file_names()) == 16
    assert all('"stored"' in worker.said() for worker in workers), "one does all the work"
    assert broken_promises(installation) == []
    assert never_lost(installation) == []
    assert [process.stop() for process in workers + sidecars] == [0, 0, 0, 0]
