"""The catalogue as an installation has it: refreshed whole or not at all, and offered by every process."""

import threading
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from backend.bootstrap import build_deps
from backend.domain.errors import CatalogueUnavailable, Interrupted, InvalidRequest, NotAllowed
from backend.providers.fal import listing_pages
from backend.services.catalogue import live_catalogue, refresh_schedule
from backend.services.catalogue.refresh_schedule import RefreshState
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.settings import DEMO_KEY
from simulator.app import Simulator
from tests import databases
from tests.signing import FakeClock
from tests.waiting import eventually
from tests.world import ADMIN, ANA, MODEL, World

pytestmark = databases.BOTH


def fault(sim: Simulator, *names: str, match: str | None = None, times: int | None = None) -> None:
    body = {"faults": list(names), "match": match, "times": times}
    assert requests.post(f"{sim.url}/sim/faults", json=body, timeout=10).status_code == 201


def refresh(deps: Deps) -> live_catalogue.RefreshResult:
    return refresh_schedule.refresh_now(deps, on_progress=lambda line: None)


def ids(deps: Deps) -> set[str]:
    return {model.id for model in deps.catalogue.search(provider="fal")}


def another(deps: Deps, clock: Any = None) -> Deps:
    """The same installation, as another process has it."""
    return build_deps(deps.settings, clock=clock or deps.clock)


def shorten(sim: Simulator, *names: str) -> None:
    """fal lists these no longer."""
    for name in names:
        del sim.offer.entries[name]


def test_what_fal_lists_is_offered_with_its_schemas_and_prices(deps, sim):
    seed = {model.id: model for model in deps.catalogue.search(provider="fal")}
    told: list[str] = []

    brought = refresh_schedule.refresh_now(deps, on_progress=told.append)

    assert brought.endpoints == len(sim.offer.entries) == len(ids(deps))
    assert {m.id: (m.schema, m.price) for m in deps.catalogue.search(provider="fal")} == {
        m.id: (m.schema, m.price) for m in seed.values()
    }
    assert any("text-to-video" in line for line in told)
    assert any("prices" in line for line in told)


def test_the_simulator_lists_differently_shaped_models_with_references(sim):
    query = {"expand": "openapi-3.0", "limit": "100"}
    page = requests.get(f"{sim.url}/v1/models", params=query, timeout=10).json()
    texts = {model["endpoint_id"]: str(model["openapi"]["components"]) for model in page["models"]}

    assert len({text for text in texts.values() if "$ref" in text}) >= 12
    assert any("multi_prompt" in text and "anyOf" in text for text in texts.values())


@pytest.mark.parametrize("match", ["cursor=", "image-to-video", "pricing"])
@pytest.mark.parametrize("name", ["catalog-http=500", "catalog-http=429", "catalog-garbage"])
def test_a_refresh_that_fails_half_way_changes_nothing(deps, sim, match, name):
    refresh(deps)
    before, at = {model.id: model for model in deps.catalogue.search()}, live_catalogue.refreshed_at(deps)
    sim.offer.entries |= {
        f"new/m{n}": {**sim.offer.entries[MODEL], "endpoint_id": f"new/m{n}"} for n in range(60)
    }
    fault(sim, name, match=match, times=1 + listing_pages.MAX_RETRIES)

    with pytest.raises(CatalogueUnavailable):
        refresh(deps)

    assert {model.id: model for model in another(deps).catalogue.search()} == before
    assert live_catalogue.refreshed_at(deps) == at
    assert refresh_schedule.last_refresh(deps).state == RefreshState.FAILED
    requests.delete(f"{sim.url}/sim/faults", timeout=5)
    assert refresh(deps).endpoints == len(sim.offer.entries)


def test_a_busy_fal_is_asked_again_and_the_catalogue_is_whole(deps, sim):
    for match in ("cursor=", "pricing"):
        fault(sim, "catalog-http=429", "retry-after=0", match=match, times=2)
    brought = refresh(deps)
    assert brought.endpoints == len(sim.offer.entries)
    assert brought.priced == sum(sim.offer.price_of(name) is not None for name in sim.offer.entries)


def test_one_endpoint_whose_price_is_refused_is_without_a_price_and_says_so(deps, sim):
    fault(sim, "catalog-http=404", match="turbo%2Fpro%2Ftext-to-video", times=99)
    refresh(deps)
    model, other = deps.catalogue.get(MODEL), deps.catalogue.get(MODEL.replace("text-", "image-"))
    assert model.price is None
    assert model.usable
    assert "gave no price" in model.price_note
    assert other.price is not None


def test_nobody_there_leaves_the_catalogue_that_came_with_the_program(deps):
    nowhere = build_deps(deps.settings.model_copy(update={"fal_api_url": "http://127.0.0.1:9"}))
    before = ids(nowhere)

    with pytest.raises(CatalogueUnavailable, match="could not be asked"):
        refresh(nowhere)

    assert ids(nowhere) == before
    assert live_catalogue.refreshed_at(nowhere) is None


def test_a_retired_endpoint_cannot_be_started_and_its_old_take_goes_on(world, deps, sim):
    refresh(deps)
    job, entry = world.ask(), sim.offer.entries[MODEL]
    shorten(sim, MODEL)

    assert refresh(deps).retired == 1

    with pytest.raises(InvalidRequest) as refused:
        world.ask()
    assert refused.value.fields == {"model": f"can't be used: {live_catalogue.RETIRED_REASON}"}
    assert deps.catalogue.get(MODEL).title
    assert world.until(job, "stored").video_id
    refresh(deps)
    assert deps.catalogue.get(MODEL).reason == live_catalogue.RETIRED_REASON

    sim.offer.entries[MODEL] = entry
    refresh(deps)
    assert world.ask().state == "created"


def test_of_the_models_that_came_with_the_program_only_used_ones_stay_known(world, deps, sim):
    world.ask()
    unused = "fal-ai/veo3.1"
    shorten(sim, MODEL, unused)

    refresh(deps)

    assert deps.catalogue.get(MODEL).reason == live_catalogue.RETIRED_REASON
    assert unused not in ids(deps)


def test_a_deprecated_model_is_listed_and_cannot_be_started(world, deps, sim):
    sim.offer.entries[MODEL] = {**sim.offer.entries[MODEL], "status": "deprecated"}
    refresh(deps)

    with pytest.raises(InvalidRequest) as refused:
        world.ask()
    assert "deprecated" in refused.value.fields["model"]


def test_what_the_listing_does_not_say_and_we_know_stays(deps, sim):
    name = "fal-ai/wan/v2.7/text-to-video"
    note, usual = deps.catalogue.get(name).price_note, gallery.usual_duration(deps, name)
    del sim.offer.entries[name]["typical_s"]

    refresh(deps)

    assert deps.catalogue.get(name).price_note == note
    assert gallery.usual_duration(deps, name) == usual


# -- other processes --------------------------------------------------------------------------


def test_a_process_that_starts_later_never_offers_less_than_what_is_stored(deps, sim):
    shorten(sim, "fal-ai/veo3.1")
    refresh(deps)

    assert "fal-ai/veo3.1" not in ids(another(deps))


def test_a_newer_catalogue_is_loaded_beside_the_requests(deps, sim, monkeypatch):
    clock = FakeClock()
    reader = another(deps, clock)
    before = ids(reader)
    loading, go_on = threading.Event(), threading.Event()
    read = live_catalogue.catalogue.list_all

    def slow(session: Any) -> Any:
        if threading.current_thread().name == "catalogue":
            loading.set()
            assert go_on.wait(20)
        return read(session)

    monkeypatch.setattr(live_catalogue.catalogue, "list_all", slow)
    shorten(sim, MODEL)
    refresh(deps)
    clock.at += timedelta(seconds=2)

    assert ids(reader) == before  # and starts to load
    assert loading.wait(20)
    assert ids(reader) == before
    go_on.set()
    eventually(lambda: MODEL not in ids(reader))


def test_a_model_that_another_version_stored_is_still_read(deps):
    model = deps.catalogue.get(MODEL)
    data = {**asdict(model), "a_field_of_tomorrow": 1}

    assert live_catalogue.read_stored_model(data) == model


# -- when -------------------------------------------------------------------------------------


@pytest.fixture
def hands(deps: Deps) -> tuple[Deps, FakeClock]:
    clock = FakeClock()
    return replace(another(deps, clock), stopping=threading.Event()), clock


def asked(sim: Simulator) -> int:
    """How many refreshes fal has seen."""
    queries = sim.installation.listing_queries
    return sum("category=text-to-video" in query and "cursor" not in query for query in queries)


@pytest.fixture(autouse=True)
def brief_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two questions; how long they are is told by the tests of the reading itself."""
    monkeypatch.setattr(listing_pages, "FIRST_WAIT_S", 0.01)


def test_a_worker_refreshes_once_a_day_by_itself(hands, sim):
    deps, clock = hands
    for hours in (0, 1, 20, 2.9):
        clock.at += timedelta(hours=hours)
        refresh_schedule.refresh_if_due(deps, scheduled=True)
    assert asked(sim) == 1
    clock.at += timedelta(hours=0.2)
    refresh_schedule.refresh_if_due(deps, scheduled=True)
    assert asked(sim) == 2


def test_after_a_failure_it_is_tried_again_in_an_hour(hands, sim):
    deps, clock = hands
    fault(sim, "catalog-http=503", match="image-to-video", times=1 + listing_pages.MAX_RETRIES)
    for minutes in (0, 30, 29):
        clock.at += timedelta(minutes=minutes)
        refresh_schedule.refresh_if_due(deps, scheduled=True)
    assert (asked(sim), refresh_schedule.last_refresh(deps).state) == (1, RefreshState.FAILED)
    assert "503" in refresh_schedule.last_refresh(deps).message
    clock.at += timedelta(minutes=2)
    refresh_schedule.refresh_if_due(deps, scheduled=True)
    assert (asked(sim), refresh_schedule.last_refresh(deps).state) == (2, RefreshState.DONE)


def test_two_workers_refresh_once(deps, sim):
    fault(sim, "catalog-stall=0.3", times=3)
    workers = [
        threading.Thread(
            target=refresh_schedule.refresh_if_due, args=(another(deps),), kwargs={"scheduled": True}
        )
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert asked(sim) == 1


def test_a_wish_is_seen_by_a_worker_that_would_not_refresh_by_itself(hands, sim):
    deps, _ = hands
    refresh_schedule.refresh_if_due(deps, scheduled=False)
    assert asked(sim) == 0

    with pytest.raises(NotAllowed):
        refresh_schedule.request_refresh(deps, ANA)
    refresh_schedule.request_refresh(deps, ADMIN)
    refresh_schedule.request_refresh(deps, ADMIN)
    assert refresh_schedule.last_refresh(deps).in_progress
    refresh_schedule.refresh_if_due(deps, scheduled=False)
    refresh_schedule.refresh_if_due(deps, scheduled=False)

    assert (asked(sim), refresh_schedule.last_refresh(deps).state) == (1, RefreshState.DONE)


def test_in_demo_mode_it_is_refreshed_on_a_wish_alone(deps, sim):
    demo = replace(deps, settings=deps.settings.model_copy(update={"fal_key": SecretStr(DEMO_KEY)}))
    assert demo.settings.is_demo
    refresh_schedule.refresh_if_due(demo, scheduled=True)
    assert asked(sim) == 0
    refresh_schedule.request_refresh(demo, ADMIN)
    refresh_schedule.refresh_if_due(demo, scheduled=True)
    assert asked(sim) == 1


def test_a_worker_that_stops_leaves_the_refresh_to_the_next_one(hands, sim):
    deps, _ = hands
    deps.stopping.set()
    with pytest.raises(Interrupted):
        refresh(deps)
    assert refresh_schedule.last_refresh(deps).state == RefreshState.WANTED
    deps.stopping.clear()
    refresh_schedule.refresh_if_due(deps, scheduled=False)
    assert refresh_schedule.last_refresh(deps).state == RefreshState.DONE


def test_a_refresh_whose_worker_was_killed_is_over_after_a_silence(hands, sim):
    deps, clock = hands
    refresh_schedule.record_status(deps, RefreshState.RUNNING, "prices: 50 of 1,500")
    assert refresh_schedule.last_refresh(deps).in_progress
    clock.at += timedelta(minutes=3)
    assert refresh_schedule.last_refresh(deps).state == RefreshState.FAILED
    refresh_schedule.request_refresh(deps, ADMIN)
    refresh_schedule.refresh_if_due(deps, scheduled=False)
    assert refresh_schedule.last_refresh(deps).state == RefreshState.DONE


def test_how_far_it_is_can_be_read_meanwhile(deps, sim):
    lines = []
    refresh_schedule.refresh_now(
        deps, on_progress=lambda line: lines.append((line, refresh_schedule.last_refresh(deps)))
    )

    assert all(standing.message == line and standing.in_progress for line, standing in lines)
    assert len(lines) > 4


def test_a_start_asks_the_database_for_a_newer_catalogue_once_a_second_at_most(world: World):
    clock = FakeClock()
    deps = another(world.deps, clock)
    deps.catalogue.get(MODEL)
    looks = []
    read = deps.store.read
    deps.store.read = lambda: looks.append(1) or read()  # type: ignore[method-assign]

    for _ in range(200):
        deps.catalogue.get(MODEL)

    assert len(looks) <= 1
