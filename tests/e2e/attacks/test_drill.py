"""The loss drill: kill -9 at every step of a take's path, then start again. Nothing lost, nothing paid twice.

And its controls: builds broken on purpose, which the same checker must catch. What a killed process
leaves to the operating system survives it, so this says nothing about power cuts.
"""

import os
import queue
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from simulator.app import Simulator
from simulator.config import SimulatorConfig
from simulator.engine.signing import USER_ID
from simulator.server import listening
from tests.e2e.checker import broken_promises, ledger_of, never_lost
from tests.e2e.drill import LAUNCHER, OWED_S, Drill, Killed
from tests.e2e.installation import GOES_ON_S, LEASE_S, Installation, eventually
from tests.e2e.points import POINTS, Point, point_called

pytestmark = pytest.mark.drill

#: Installations that are drilled at the same time; more than two cores can carry would spoil the times.
LANES = 2
#: Which account is fal's would else be learnt by the first delivery, on another way than all others take.
GIVEN: Any = {"FIRST_POLL_S": 2, "FAL_USER_ID": USER_ID}


class WentOn(NamedTuple):
    """Seconds until a take's next move: from the death, and from when nothing could stop it any more."""

    after_death_s: float
    late_s: float


def survives(drill: Drill, point: Point) -> WentOn | None:
    """Kill at the point, start again, and see the take through. None: it had nowhere left to go."""
    drill.ready()
    installation = drill.installation
    killed = drill.killed_at(point)
    job = killed.job_id
    installation.until(job, point.ends)
    ledger = ledger_of(installation.settings["FAL_QUEUE_URL"], job)
    if point.ends == "stored":
        eventually(lambda: installation.take(job)["video"]["preview_url"])
        assert ledger["accepted"] == ledger["billed"] == 1
    if point.ends == "held":
        assert ledger["accepted"] == 0
        installation.call("POST", f"/api/video/cancel/{job}")
    assert broken_promises(installation) == []
    return went_on(installation, killed, point)


def went_on(installation: Installation, killed: Killed, point: Point) -> WentOn | None:
    """How long the next line of the take's history took.

    It may move once the lease of the dead has ended. What waits for a sidecar is asked again when one
    serves: how long that takes to start is the machine's affair. A killed worker's start is counted.
    """
    lines = installation.rows("SELECT at FROM history WHERE job_id = ? ORDER BY id", killed.job_id)
    moments = [datetime.fromisoformat(line["at"]).replace(tzinfo=UTC) for line in lines]
    moved = next((moment for moment in moments if moment > killed.dead_at), None)
    if moved is None:
        return None
    free = killed.dead_at + timedelta(seconds=LEASE_S)
    if point.process == "sidecar":
        free = max(free, killed.served_at)
    return WentOn((moved - killed.dead_at).total_seconds(), (moved - free).total_seconds())


class Lanes:
    """Several installations side by side: most of a drill is waiting for leases to end."""

    def __init__(self, drills: list[Drill], points: list[Point]) -> None:
        self.drills = drills
        self._free: queue.Queue[Drill] = queue.Queue()
        for drill in drills:
            self._free.put(drill)
        self._pool = ThreadPoolExecutor(len(drills))
        self.outcomes = {point.name: self._pool.submit(self._run, point) for point in points}

    def judge(self, point: Point) -> WentOn | None:
        """Wait for this point's outcome (see `survives`), and raise what went wrong."""
        if point.name not in self.outcomes:
            self.outcomes[point.name] = self._pool.submit(self._run, point)
        return self.outcomes[point.name].result()

    def _run(self, point: Point) -> WentOn | None:
        drill = self._free.get()
        try:
            return survives(drill, point)
        finally:
            self._free.put(drill)

    def close(self) -> None:
        for drill in self.drills:
            drill.installation.close()
        self._pool.shutdown(wait=True, cancel_futures=True)


@pytest.fixture(scope="module")
def lanes(
    database_kind: str,
    fal: Simulator,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Lanes]:
    """The points of this run's tests, under way in three installations."""
    specs = [item.callspec for item in request.session.items if hasattr(item, "callspec")]
    asked = [spec.params["point"] for spec in specs if "point" in spec.params]
    drills = [Drill(Installation(tmp_path_factory.mktemp("lane"), fal.url, **GIVEN)) for _ in range(LANES)]
    for drill in drills:
        drill.installation.sign_in()
    running = Lanes(drills, [point for point in POINTS if point in asked])
    yield running
    running.close()


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_a_take_survives_a_kill(lanes: Lanes, point: Point) -> None:
    went = lanes.judge(point)
    after = "–" if went is None else f"{went.after_death_s:.1f} s"
    print(f"| {point.name} | {point.process} | {after} | {point.ends} |")  # a row of docs/reliability.md
    assert went is None or went.late_s < GOES_ON_S - LEASE_S


def test_a_download_cut_by_a_kill_goes_on_where_it_stopped(lanes: Lanes) -> None:
    lanes.judge(point_called("fetch: in the middle"))
    sql = "SELECT id FROM job WHERE prompt LIKE '%fetch: in the middle%'"
    (job,) = [row["id"] for drill in lanes.drills for row in drill.installation.rows(sql)]
    downloads = ledger_of(lanes.drills[0].installation.settings["FAL_QUEUE_URL"], job)["downloads"]
    asked = [download["range"] for download in downloads]
    assert asked[0] is None
    assert int(asked[-1].removeprefix("bytes=").removesuffix("-")) > 8_000


def test_a_webhook_that_was_kept_and_not_acknowledged_comes_again_and_is_counted(lanes: Lanes) -> None:
    lanes.judge(point_called("webhook: committed, not acknowledged"))
    sql = (
        "SELECT job_id, verdict, copies FROM delivery JOIN job ON job.id = job_id "
        "WHERE prompt LIKE '%committed, not acknowledged%'"
    )

    def kept() -> Any:
        (row,) = [row for drill in lanes.drills for row in drill.installation.rows(sql)]
        return row

    def arrived() -> int:
        """How often it came, by the provider's own account: cut off once, then acknowledged."""
        fal_url = str(lanes.drills[0].installation.settings["FAL_QUEUE_URL"])
        (delivery,) = ledger_of(fal_url, kept()["job_id"])["deliveries"]
        statuses = [attempt["status"] for attempt in delivery["attempts"]]
        assert set(statuses) <= {None, 200}
        return 1 + statuses.count(200)

    assert kept()["verdict"] in ("applied", "no_effect")  # a poll at the same moment may be first
    eventually(lambda: kept()["copies"] == arrived() > 1, within_s=OWED_S)


def test_a_drill_begins_when_nothing_is_owed_to_the_one_before(tmp_path: Path) -> None:
    """A webhook of an earlier take that comes again late would be killed in place of the armed one's."""
    config = SimulatorConfig(
        data_dir=tmp_path / "fal", pace=0.05, small=True, seed=7, webhook_retries_s=(200.0,)
    )
    with listening(config) as slow_fal:
        drill = Drill(Installation(tmp_path / "installation", slow_fal.url, **{**GIVEN, "FIRST_POLL_S": 1}))
        try:
            drill.ready()
            drill.killed_at(point_called("webhook: written"))
            drill.ready()
            (owed,) = slow_fal.ledger.list_deliveries()
            assert owed.done
            assert [attempt["status"] for attempt in owed.attempts] == [None, 200]
        finally:
            drill.installation.close()


def test_after_the_drill_nothing_is_lost_and_nothing_lies_about(lanes: Lanes) -> None:
    wait(lanes.outcomes.values())
    for drill in lanes.drills:
        drill.ready()
        for left in drill.installation.parts():
            os.utime(left, (time.time() - 120, time.time() - 120))  # as if it had lain there for two minutes
        swept = drill.installation.cli("sweep")
        assert swept.returncode == 0, swept.stderr
        assert drill.installation.parts() == []
        assert broken_promises(drill.installation) == []
        assert never_lost(drill.installation) == []


# -- controls: the same checker, builds that break one promise each ------------------------------


def promises(broken: list[str]) -> set[str]:
    return {sentence.partition(":")[0] for sentence in broken}


def test_the_checker_catches_a_build_that_submits_through_the_client_library(make_installation, fal):
    installation = Drill.of_build(make_installation, "submits_through_fal_client").installation
    job = installation.ask("Paid again and again [sim:lost-answer]")
    eventually(lambda: ledger_of(fal.url, job)["accepted"] > 1)
    assert "paid once" in promises(broken_promises(installation))


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
    with pytest.raises(AssertionError, match="did not happen in time"):
        eventually(lambda: len(drill.installation.history(job)) > 1, within_s=GOES_ON_S)


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
