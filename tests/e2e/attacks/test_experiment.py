"""An experiment whose worker and sidecar are killed again and again: each place has one take, under its cap.

And its controls: builds broken on purpose, which the same checks must catch.
"""

import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest
import requests

from simulator.app import Simulator
from simulator.engine.signing import USER_ID
from tests.e2e.checker import ledgers_by_job, never_lost, one_bill
from tests.e2e.drill import Drill
from tests.e2e.installation import Installation
from tests.e2e.points import EXPERIMENT_POINTS, point_called
from tests.services.experiments.building import TAKE_USD
from tests.services.lifecycle.test_files import clip
from tests.waiting import eventually
from tests.world import MODEL

pytestmark = pytest.mark.drill

CELLS = 120
#: Room for so many takes, before a person raises it.
FIRST_CAP = 60
#: Of these prompts nothing comes, and nothing is charged, until the provider is asked again.
FAILING = dict.fromkeys(range(10, 15), " [sim:error=500 times=1]")
PLAN_POINTS = [point.name for point in EXPERIMENT_POINTS if point.name.startswith("plan")]
WORKER_POINTS = [point.name for point in EXPERIMENT_POINTS if point.name.startswith("wave")]


def broken_experiments(installation: Installation) -> list[str]:
    """What experiments promise and this installation has broken by now, as sentences."""
    ledgers = ledgers_by_job(str(installation.settings["FAL_QUEUE_URL"]))
    jobs = installation.rows("SELECT id FROM job")  # before their places, as takes go on being made
    trials = installation.rows("SELECT id, job_id, state FROM trial")
    of_job: dict[str, list[str]] = {}
    for trial in trials:
        of_job.setdefault(trial["job_id"], []).append(trial["id"])
    found = []
    for job in jobs:
        places, posts = of_job.get(job["id"], []), len(ledgers[job["id"]]["posts"])
        if len(places) != 1:
            found.append(f"one take a place: {job['id']} is of {len(places)} places")
        if posts > 1:
            found.append(f"paid once: {job['id']} was sent {posts} times")
    for row in installation.rows("SELECT id, cap_micros FROM experiment WHERE cap_micros IS NOT NULL"):
        sql = (
            "SELECT SUM(line.micros) AS micros FROM trial JOIN line ON line.job_id = trial.job_id "
            "WHERE trial.experiment_id = ?"
        )
        (counted,) = installation.rows(sql, row["id"])
        if int(counted["micros"] or 0) > row["cap_micros"]:
            found.append(f"under the cap: takes of {row['id']} count for {counted['micros']} millionths")
    return found


@pytest.fixture
def small_files(fal: Simulator) -> None:
    """Whatever is asked for in these experiments is the same small file, which nobody has to paint."""
    requests.put(f"{fal.url}/sim/files/small.mp4", data=clip(80), headers={"Content-Type": "video/mp4"},
                 timeout=10).raise_for_status()  # fmt: skip
    output = {"match": "A dress, number", "output": {"video": {"url": "{files}/small.mp4"}}}
    requests.post(f"{fal.url}/sim/outputs", json=output, timeout=10).raise_for_status()


class Run:
    """An experiment of a drill."""

    def __init__(
        self, drill: Drill, cells: int, *, killed_at: Sequence[str] = (), key: str = "one", **plan: Any
    ) -> None:
        """Plan it. killed_at: where the sidecar is killed over that; it is asked again with the same key."""
        self.drill, self.installation = drill, drill.installation
        base = {"model": MODEL, "prompt": "A dress, number {{ number }}", "params": {"duration": "5"}}
        numbers = [f"{number}{FAILING.get(number, '')}" for number in range(cells)]
        body = {"name": "Which dress?", "base": base, "axes": {"number": numbers}, "canary": 0, **plan}
        answer = self.post("", killed_at, json=body, headers={"Idempotency-Key": key})
        self.id = str(answer["id"])

    @property
    def row(self) -> dict[str, Any]:
        (row,) = self.installation.rows("SELECT * FROM experiment WHERE id = ?", self.id)
        return row

    def count(self, state: str) -> int:
        sql = "SELECT COUNT(*) AS n FROM trial JOIN job ON job.id = trial.job_id WHERE job.state = ?"
        return int(self.installation.rows(sql, state)[0]["n"])

    def post(self, path: str, killed_at: Sequence[str] = (), **sent: Any) -> Any:
        """Ask the sidecar for this; it is killed over it at each of these points, and asked again."""
        whole = f"/api/experiments{path}"
        for point in killed_at:
            self.drill.arm(point_called(point))
            with suppress(requests.ConnectionError):
                self.installation.call("POST", whole, **sent)
            assert self.drill.running["sidecar"].wait() == -signal.SIGKILL
            self.drill.start("sidecar")
        answer = self.installation.call("POST", whole, **sent)
        assert answer.status_code in (201, 202), answer.text
        return answer.json()

    def ask(self, what: str, *killed_at: str) -> None:
        """Have it started, paused …"""
        self.post(f"/{self.id}/{what}", killed_at)

    @property
    def home(self) -> int:
        """So many wait for nobody but a person: stored, or held, as the worker was killed while it sent them.

        What the provider has no record of stays held: nobody else can say that it was never sent.
        """
        return self.count("stored") + self.count("held")

    def until_home(self, number: int) -> None:
        """Wait until so many are home, as long as ever more are."""
        while (home := self.home) < number:
            eventually(lambda: self.home > home)

    def kill_worker(self, at: str) -> None:
        """The worker is killed there, and started again."""
        self.drill.arm(point_called(at))
        assert self.drill.running["worker"].wait() == -signal.SIGKILL
        self.drill.start("worker")


def test_an_experiment_of_120_cells_is_made_once_under_its_cap_however_often_it_is_killed(
    make_installation: Callable[..., Installation], fal: Simulator, small_files: None
) -> None:
    drill = Drill(make_installation(FIRST_POLL_S=2, FAL_USER_ID=USER_ID))
    for name in ("sidecar", "worker"):
        drill.start(name)
    installation = drill.installation
    run = Run(drill, CELLS, killed_at=PLAN_POINTS, canary=2, at_once=40, cap_usd=FIRST_CAP * TAKE_USD)
    assert len(installation.rows("SELECT id FROM experiment")) == 1
    run.ask("start", "start: the canary is chosen, written")
    eventually(lambda: run.count("stored") == 2)
    run.ask("go-on", "resume: a wave is begun, written")
    for point in WORKER_POINTS:
        run.kill_worker(point)
    for point in ("cap: about to pause", "cap: paused, written"):
        run.kill_worker(point)
    eventually(lambda: run.row["state"] == "paused")
    assert broken_experiments(installation) == []
    eventually(lambda: run.count("failed") == len(FAILING))
    raised = installation.call("PATCH", f"/api/experiments/{run.id}", json={"cap_usd": CELLS * TAKE_USD})
    assert raised.status_code == 200, raised.text
    run.ask("retry", "retry: places are put in, written")
    run.ask("resume")
    for point in WORKER_POINTS[:3]:
        run.kill_worker(point)
    run.until_home(CELLS)
    assert broken_experiments(installation) == []
    assert never_lost(installation) == []
    assert len(installation.rows("SELECT id FROM job")) == CELLS + len(FAILING)
    run.ask("close")
    other = Run(drill, 2, key="other")
    drill.arm(point_called("wave: made, nothing else"))
    other.ask("start")
    assert drill.running["worker"].wait() == -signal.SIGKILL
    other.ask("close", "close: one is cancelled, written")
    drill.start("worker")
    assert other.row["state"] == "closed"
    sql = "SELECT job.state AS s, job_id AS id FROM trial JOIN job ON job.id = job_id WHERE experiment_id = ?"
    closed = {row["id"]: row["s"] for row in installation.rows(sql, other.id)}
    assert set(closed.values()) == {"cancelled"}, "what was not sent is cancelled, once it is closed"
    eventually(lambda: one_bill(installation) == [])
    posts = ledgers_by_job(str(installation.settings["FAL_QUEUE_URL"]))
    assert not [one for one in closed if posts[one]["posts"]]
    assert broken_experiments(installation) == []


# -- controls ----------------------------------------------------------------------------------


def promises(broken: list[str]) -> set[str]:
    return {sentence.partition(":")[0] for sentence in broken}


def test_the_checks_catch_a_build_that_fills_places_after_the_commit(make_installation, small_files):
    build = "fills_places_after_the_commit"
    drill = Drill.of_build(make_installation, build)
    run = Run(drill, 2)
    drill.arm(point_called("wave: its price counts, written"))
    run.ask("start")
    assert drill.running["worker"].wait() == -signal.SIGKILL
    drill.start("worker", BROKEN_BUILD=build)
    eventually(lambda: run.row["spent_micros"])
    assert promises(broken_experiments(drill.installation)) == {"one take a place"}


def test_the_checks_catch_a_build_that_checks_the_cap_before_it_makes_takes(make_installation, small_files):
    drill = Drill.of_build(make_installation, "checks_the_cap_before_it_makes_takes")
    run = Run(drill, 4, cap_usd=TAKE_USD)
    run.ask("start")
    eventually(lambda: run.row["spent_micros"] > TAKE_USD * 1e6)
    assert promises(broken_experiments(drill.installation)) == {"under the cap"}
