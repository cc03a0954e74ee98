"""`models refresh` as an operator has it, whole or not at all; and a worker that does it on a wish."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.services.access import LOCAL_VIEWER
from backend.services.catalogue import refresh_schedule
from simulator.app import Simulator
from simulator.config import SimulatorConfig
from simulator.server import listening
from tests.e2e.installation import MODEL, Installation, http_call
from tests.ports import reserve_port
from tests.waiting import eventually


@pytest.fixture
def own_fal(tmp_path: Path) -> Iterator[Simulator]:
    """A fal whose catalogue a test may change: some models in pages."""
    config = SimulatorConfig(data_dir=tmp_path / "fal", pace=0.05, small=True, synthetic=70)
    with listening(config) as running:
        yield running


@pytest.fixture
def installation(make_installation: Callable[..., Installation], own_fal: Simulator) -> Installation:
    names = ("FAL_QUEUE_URL", "FAL_REST_URL", "FAL_API_URL")
    host = own_fal.url.removeprefix("http://")
    return make_installation(**dict.fromkeys(names, own_fal.url), FETCH_ALLOW=host)


def stored(installation: Installation) -> dict[str, str]:
    return {row["id"]: row["data"] for row in installation.rows("SELECT id, data FROM offer")}


def fault(fal: Simulator, **rule: object) -> None:
    assert http_call("POST", f"{fal.url}/sim/faults", json=rule).status_code == 201


def test_what_was_refreshed_is_offered_by_a_running_sidecar_and_a_failure_changes_nothing(
    installation, own_fal
):
    installation.sidecar()
    del own_fal.offer.entries[MODEL]
    count = len(own_fal.offer.entries)

    done = installation.cli("models", "refresh")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith(f"The catalogue has {count} endpoints")
    assert f"prices: 50 of {count}" in done.stderr
    before = stored(installation)
    assert set(before) == set(own_fal.offer.entries)

    def offered() -> set[str]:
        items = installation.call("GET", "/api/models?provider=fal").json()["items"]
        return {item["id"] for item in items if item["usable"]}

    eventually(lambda: offered() == set(before))
    answer = installation.call("POST", "/api/video/start", json={"model": MODEL, "prompt": "A red dress"})
    assert (answer.status_code, "model" in answer.text) == (422, True)

    own_fal.offer.entries |= {f"new/{n}": {"endpoint_id": f"new/{n}", "input": {}} for n in range(60)}
    fault(own_fal, faults=["catalog-garbage"], match="pricing", times=4)
    nobody = {"FAL_API_URL": f"http://127.0.0.1:{reserve_port()}"}
    for env, reason in (({}, "the old catalogue stays"), (nobody, "could not be asked (ConnectError)")):
        failed = installation.cli("models", "refresh", **env)
        assert (failed.returncode, "Traceback" in failed.stderr) == (1, False)
        assert "/v1/models" in failed.stderr
        assert reason in failed.stderr
    assert stored(installation) == before


@pytest.mark.drill
def test_a_worker_refreshes_on_a_wish_alone_and_leaves_in_the_middle_of_it_in_time(installation, own_fal):
    worker = installation.up()
    installation.until(installation.ask("The first take of the day"), "stored")
    assert stored(installation) == {}

    with installation.deps() as deps:
        refresh_schedule.request_refresh(deps, LOCAL_VIEWER)
        eventually(lambda: set(stored(installation)) == set(own_fal.offer.entries), process=worker)
        eventually(lambda: not refresh_schedule.last_refresh(deps).in_progress, process=worker)
        before = stored(installation)
        own_fal.offer.entries.clear()
        fault(own_fal, faults=["catalog-stall=15"])
        refresh_schedule.request_refresh(deps, LOCAL_VIEWER)
        running = refresh_schedule.RefreshState.RUNNING
        eventually(lambda: refresh_schedule.last_refresh(deps).state == running, process=worker)
    assert worker.stop() == 0
    assert stored(installation) == before
