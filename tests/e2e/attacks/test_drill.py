"""The loss drill: kill -9 at every step of a take's path, then start again. Nothing lost, nothing paid twice.

And its controls: builds broken on purpose, which the same checker must catch. What a killed process
leaves to the operating system survives it, so this says nothing about power cuts.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulator.app import Simulator
from simulator.config import SimulatorConfig
from simulator.engine.signing import USER_ID
from simulator.server import listening
from tests import databases
from tests.e2e.checker import broken_promises, ledger_of, never_lost, one_bill
from tests.e2e.drill import LAUNCHER, Drill, Killed
from tests.e2e.installation import GOES_ON_S, LEASE_S, Installation
from tests.e2e.points import POINTS, Point, point_called
from tests.waiting import eventually, in_time

pytestmark = pytest.mark.drill

#: Which account is fal's would else be learnt by the first delivery, on another way than all others take.
GIVEN: Any = {"FIRST_POLL_S": 2, "FAL_USER_ID": USER_ID}


def kill_at(drill: Drill, point: Point) -> str:
    """Kill at the point, start again, and see the take through; returns its id."""
    drill.ready()
    installation = drill.installation
    killed = drill.killed_at(point)
    job = killed.job_id
    installation.until(job, point.ends)
    ledger = ledger_of(installation.settings["FAL_QUEUE_URL"], job)
    if point.ends == "stored":
        installation.until_previewed(job)
        assert ledger["accepted"] == ledger["billed"] == 1
    if point.ends == "held":
        assert ledger["accepted"] == 0
        installation.call("POST", f"/api/video/cancel/{job}")
    assert broken_promises(installation) == []
    after_death_s, late_s = went_on(installation, killed, point) or (None, 0.0)
    after = "–" if after_death_s is None else f"{after_death_s:.1f} s"
    print(f"| {point.name} | {point.process} | {after} | {point.ends} |")  # a row of docs/reliability.md
    assert in_time(late_s, GOES_ON_S - LEASE_S)
    return job


def went_on(installation: Installation, killed: Killed, point: Point) -> tuple[float, float] | None:
    """Seconds until the take's next line of history: from the death, and from when nothing could stop it.

    None: it had nowhere left to go. It may move once the lease of the dead has ended. What waits for a
    sidecar is asked again when one serves: how long that takes to start is the machine's affair. A killed
    worker's start is counted.
    """
    lines = installation.rows("SELECT at FROM history WHERE job_id = ? ORDER BY id", killed.job_id)
    moments = [datetime.fromisoformat(line["at"]).replace(tzinfo=UTC) for line in lines]
    moved = next((moment for moment in moments if moment > killed.dead_at), None)
    if moved is None:
        return None
    free = killed.dead_at + timedelta(seconds=LEASE_S)
    if point.process == "sidecar":
        free = max(free, killed.served_at)
    return (moved - killed.dead_at).total_seconds(), (moved - free).total_seconds()


@pytest.fixture(scope="module")
def drill(fal: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    """An installation for all points that this worker tries. Afterwards nothing is lost or lies about."""
    with closing(Installation(tmp_path_factory.mktemp("drill"), fal.url, **GIVEN)) as installation:
        made = Drill(installation)
        installation.sign_in()
        yield made
        made.ready()
        for left in installation.parts():
            os.utime(left, (time.time() - 120, time.time() - 120))  # as if it had lain there for two minutes
        swept = installation.cli("sweep")
        assert swept.returncode == 0, swept.stderr
        assert installation.parts() == []
        assert broken_promises(installation) == []
        assert never_lost(installation) == []
        eventually(lambda: one_bill(installation) == [])


#: Points with a test of their own.
CUT, KEPT = "fetch: in the middle", "webhook: committed, not acknowledged"
FURTHER = [point for point in POINTS if point.name not in (CUT, KEPT)]


def points(*, about_rows: bool) -> Any:
    chosen = [point for point in FURTHER if point.about_rows == about_rows]
    return pytest.mark.parametrize("point", chosen, ids=lambda point: point.name)


@databases.BOTH
@points(about_rows=True)
def test_a_take_survives_a_kill_while_its_rows_are_written(drill: Drill, point: Point) -> None:
    kill_at(drill, point)


@points(about_rows=False)
def test_a_take_survives_a_kill_between_its_rows(drill: Drill, point: Point) -> None:
    kill_at(drill, point)


def test_a_download_cut_by_a_kill_goes_on_where_it_stopped(drill: Drill, fal: Simulator) -> None:
    job = kill_at(drill, point_called(CUT))
    asked = [download["range"] for download in ledger_of(fal.url, job)["downloads"]]
    assert asked[0] is None
    assert int(asked[-1].removeprefix("bytes=").removesuffix("-")) > 8_000


@databases.BOTH
def test_a_webhook_that_was_kept_and_not_acknowledged_comes_again_and_is_counted(
    drill: Drill, fal: Simulator
) -> None:
    job = kill_at(drill, point_called(KEPT))

    def kept() -> dict[str, Any]:
        sql = "SELECT verdict, copies FROM delivery WHERE job_id = ?"
        (row,) = drill.installation.rows(sql, job)
        return row

    def arrived() -> int:
        """How often it came, by the provider's own account: cut off once, then acknowledged."""
        (delivery,) = ledger_of(fal.url, job)["deliveries"]
        statuses = [attempt["status"] for attempt in delivery["attempts"]]
        assert set(statuses) <= {None, 200}
        return 1 + statuses.count(200)

    assert kept()["verdict"] in ("applied", "no_effect")  # a poll at the same moment may be first
    eventually(lambda: kept()["copies"] == arrived() > 1)


def test_a_drill_begins_when_nothing_is_owed_to_the_one_before(tmp_path: Path) -> None:
    """A webhook of an earlier take that comes again late would be killed in place of the armed one's."""
    config = SimulatorConfig(
        data_dir=tmp_path / "fal", pace=0.05, small=True, seed=7, webhook_retries_s=(200.0,)
    )
    with listening(config) as slow_fal:
        settings = {**GIVEN, "FIRST_POLL_S": 1}
        with closing(Installation(tmp_path / "installation", slow_fal.url, **settings)) as installation:
            drill = Drill(installation)
            drill.ready()
            drill.killed_at(point_called("webhook: written"))
            drill.ready()
            (owed,) = slow_fal.ledger.list_deliveries()
            assert owed.done
            assert [attempt["status"] for attempt in owed.attempts] == [None, 200]


# -- controls: the same checker, builds that break one promise each ------------------------------


def promises(broken: list[str]) -> set[str]:
    return {sentence.partition(":")[0] for sentence in broken}


def test_the_checker_catches_a_build_that_submits_through_the_client_library(make_installation, fal):
    installation = Drill.of_build(make_installation, "submits_through_fal_client").installation
    job = installation.ask("Paid again and again [sim:lost-answer]")
    eventually(lambda: ledger_of(fal.url, job)["accepted"] > 1)
    assert "paid once" in promises(broken_promises(installation))


def test_the_checker_catches_a_build_that_doubles_a_bill(make_installation):
    installation = Drill.of_build(make_installation, "doubles_a_bill").installation
    job = installation.ask("Paid once, counted twice")
    installation.until(job, "stored")
    eventually(lambda: installation.take(job)["cost"]["billed_usd"])
    assert "one bill" in promises(one_bill(installation))
    told = installation.cli("verify", "--money")
    assert (told.returncode, job in told.stderr) == (1, True)


def test_the_checker_catches_a_build_that_sends_before_it_commits(make_installation, fal):
    drill = Drill.of_build(make_installation, "sends_before_it_commits")
    drill.arm(point_called("queued: answer read"))
    job = drill.installation.ask("Sent and forgotten [sim:never]")
    assert drill.running["worker"].wait() == -signal.SIGKILL
    drill.installation.worker()
    eventually(lambda: ledger_of(fal.url, job)["accepted"] > 1)
    assert "paid once" in promises(broken_promises(drill.installation))


def test_the_checker_catches_a_build_whose_claims_never_end(make_installation):
    drill = Drill.of_build(make_installation, "claims_for_ever")
    drill.arm(point_called("claim: committed"))
    job = drill.installation.ask("Held by the dead")
    assert drill.running["worker"].wait() == -signal.SIGKILL
    drill.installation.worker(*LAUNCHER, "worker", BROKEN_BUILD="claims_for_ever")
    drill.installation.until_swept(times=int(LEASE_S) + 3)  # one a second
    assert drill.installation.history(job) == ["created"]


def test_the_checker_catches_a_build_that_trusts_the_webhook(make_installation, fal):
    installation = Drill.of_build(make_installation, "trusts_the_webhook").installation
    job = installation.ask("Nobody calls [sim:never]")
    eventually(lambda: ledger_of(fal.url, job)["billed"])
    eventually(lambda: not installation.rows("SELECT 1 FROM job WHERE due_at IS NOT NULL"))
    assert "never lost" in promises(never_lost(installation))


def test_the_checker_catches_a_build_that_acknowledges_before_it_commits(make_installation, fal):
    drill = Drill.of_build(make_installation, "acknowledges_first", "sidecar")
    drill.installation.ask("Acknowledged and gone")
    assert drill.running["sidecar"].wait() == -signal.SIGKILL
    assert "acked is kept" in promises(broken_promises(drill.installation))


def test_the_checker_catches_a_build_that_keeps_what_comes(make_installation):
    installation = Drill.of_build(make_installation, "keeps_what_comes").installation
    job = installation.ask("Two thirds of a video [sim:media-short]")
    installation.until(job, "stored")
    assert "whole files" in promises(broken_promises(installation))


def test_the_checker_catches_a_build_that_writes_the_row_before_the_file(make_installation):
    drill = Drill.of_build(make_installation, "writes_the_row_first")
    job = drill.installation.ask("Stored, they said")
    assert drill.running["worker"].wait() == -signal.SIGKILL
    assert drill.installation.take(job)["state"] == "stored"
    assert "whole files" in promises(broken_promises(drill.installation))
