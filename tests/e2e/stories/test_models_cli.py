"""`models refresh`, as an operator has it: whole or not at all, and what it prints."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from simulator.app import Simulator
from simulator.config import SimulatorConfig
from simulator.server import listening
from tests.e2e.installation import MODEL, Installation
from tests.ports import reserve_port
from tests.waiting import eventually

TRACE = "Traceback (most recent call last)"


@pytest.fixture
def own_fal(tmp_path: Path) -> Iterator[Simulator]:
    """A fal whose catalogue a test may change: some models in pages."""
    config = SimulatorConfig(data_dir=tmp_path / "fal", pace=0.05, small=True, synthetic=70)
    with listening(config) as running:
        yield running


@pytest.fixture
def installation(make_installation: Callable[..., Installation], own_fal: Simulator) -> Installation:
    url = own_fal.url
    host = url.removeprefix("http://")
    return make_installation(FAL_QUEUE_URL=url, FAL_REST_URL=url, FAL_API_URL=url, FETCH_ALLOW=host)


def stored(installation: Installation) -> dict[str, str]:
    return {row["id"]: row["data"] for row in installation.rows("SELECT id, data FROM offer")}


def test_a_refresh_prints_its_progress_and_then_how_many_endpoints_it_has(installation, own_fal):
    done = installation.cli("models", "refresh")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith(
        f"The catalogue has {len(own_fal.offer.entries)} endpoints"
    )
    assert f"prices: 50 of {len(own_fal.offer.entries)}" in done.stderr
    assert set(stored(installation)) == set(own_fal.offer.entries)


def test_a_running_sidecar_offers_what_was_refreshed_and_refuses_what_is_gone(installation, own_fal):
    installation.sidecar()
    del own_fal.offer.entries[MODEL]
    assert installation.cli("models", "refresh").returncode == 0

    def offered() -> set[str]:
        items = installation.call("GET", "/api/models?provider=fal").json()["items"]
        return {item["id"] for item in items if item["usable"]}

    eventually(lambda: offered() == set(own_fal.offer.entries))
    answer = installation.call("POST", "/api/video/start", json={"model": MODEL, "prompt": "A red dress"})
    assert (answer.status_code, "model" in answer.text) == (422, True)


@pytest.mark.parametrize("fault", ["catalog-http=500", "catalog-garbage"])
@pytest.mark.parametrize("match", ["cursor=", "pricing"])
def test_a_refresh_that_fails_half_way_exits_with_the_reason_and_the_old_catalogue_stays(
    installation, own_fal, fault, match
):
    assert installation.cli("models", "refresh").returncode == 0
    before = stored(installation)
    own_fal.offer.entries.clear()
    own_fal.offer.entries |= {
        f"new/m{n}": {"endpoint_id": f"new/m{n}", "category": "text-to-video", "input": {}} for n in range(60)
    }
    rule = {"faults": [fault], "match": match, "times": 4}
    assert requests.post(f"{own_fal.url}/sim/faults", json=rule, timeout=10).status_code == 201

    failed = installation.cli("models", "refresh")

    assert failed.returncode == 1
    assert "/v1/models" in failed.stderr
    assert "the old catalogue stays" in failed.stderr
    assert TRACE not in failed.stderr
    assert stored(installation) == before


def test_a_refresh_that_reaches_nobody_exits_with_the_reason(installation):
    failed = installation.cli("models", "refresh", FAL_API_URL=f"http://127.0.0.1:{reserve_port()}")

    assert (failed.returncode, TRACE in failed.stderr) == (1, False)
    assert "could not be asked (ConnectError)" in failed.stderr
    assert stored(installation) == {}


def test_a_running_worker_does_a_refresh_that_was_wished_for(installation, own_fal):
    from backend.bootstrap import open_deps
    from backend.services.access import LOCAL_VIEWER
    from backend.services.catalogue import refresh_schedule
    from backend.settings import load_settings

    worker = installation.worker()
    deps = open_deps(load_settings(data_dir=installation.data, database_url=installation.database_url))
    refresh_schedule.request_refresh(deps, LOCAL_VIEWER)
    deps.store.close()

    eventually(lambda: set(stored(installation)) == set(own_fal.offer.entries), process=worker)


def test_a_worker_that_has_just_started_asks_for_no_catalogue_by_itself(installation):
    installation.sidecar()
    installation.worker()
    installation.until(installation.ask("The first take of the day"), "stored")
    assert stored(installation) == {}


def test_a_worker_that_is_stopped_in_the_middle_of_a_refresh_is_gone_in_time(installation, own_fal):
    from backend.bootstrap import open_deps
    from backend.services.access import LOCAL_VIEWER
    from backend.services.catalogue import refresh_schedule
    from backend.settings import load_settings

    rule = {"faults": ["catalog-stall=15"]}
    assert requests.post(f"{own_fal.url}/sim/faults", json=rule, timeout=10).status_code == 201
    worker = installation.worker()
    deps = open_deps(load_settings(data_dir=installation.data, database_url=installation.database_url))
    refresh_schedule.request_refresh(deps, LOCAL_VIEWER)
    eventually(
        lambda: refresh_schedule.last_refresh(deps).state == refresh_schedule.RefreshState.RUNNING,
        process=worker,
    )
    deps.store.close()

    code, took_s = worker.stop()

    assert (code, took_s < 8) == (0, True)
    assert stored(installation) == {}
