"""The catalogue as an installation has it: refreshed whole or not at all, and offered by every process."""

import itertools
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from backend.bootstrap import build_deps
from backend.catalogue.models import VideoModel
from backend.domain.access.actions import Action
from backend.domain.errors import CatalogueUnavailable, Interrupted, InvalidRequest, NotAllowed
from backend.providers.fal import listing_pages
from backend.services.audit import entries
from backend.services.audit.query import AuditFilter
from backend.services.catalogue import live_catalogue, refresh_schedule
from backend.services.catalogue.refresh_schedule import RefreshState, last_refresh, refresh_if_due
from backend.services.deps import Deps
from backend.services.gallery.durations import usual_time
from backend.services.money.price_rules import price_news
from backend.services.money.quotes import quote_take
from backend.settings import DEMO_KEY
from simulator.app import Simulator
from tests import databases
from tests.signing import FakeClock
from tests.waiting import PATIENCE_S
from tests.world import ADMIN, ANA, MODEL, World, at_once

pytestmark = databases.BOTH


@pytest.fixture(autouse=True)
def brief_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two questions; how long they are is told by the tests of the reading itself."""
    monkeypatch.setattr(listing_pages, "FIRST_WAIT_S", 0.01)


def fault(sim: Simulator, name: str, match: str) -> None:
    """Until fal is asked no more: one refresh fails of it."""
    rule = {"faults": [name], "match": match, "times": 1 + listing_pages.MAX_RETRIES}
    requests.post(f"{sim.url}/sim/faults", json=rule, timeout=10).raise_for_status()


def refresh(deps: Deps, told: Callable[[str], Any] = str) -> live_catalogue.RefreshResult:
    return refresh_schedule.refresh_now(deps, on_progress=told)


def ids(deps: Deps) -> set[str]:
    return {model.id for model in deps.catalogue.search(provider="fal")}


def another(deps: Deps, clock: FakeClock | None = None) -> Deps:
    """The same installation, as another process has it."""
    return build_deps(deps.settings, clock=clock)


def test_what_fal_lists_is_offered_beside_what_we_know_and_told_meanwhile(deps, sim):
    def offered() -> dict[str, Any]:
        models = deps.catalogue.search(provider="fal")
        return {m.id: (m.schema, m.price, m.price_note, usual_time(deps, m.id)) for m in models}

    seed, told = offered(), []
    for entry in sim.offer.entries.values():  # that is what no listing says
        entry.pop("typical_s", None)

    brought = refresh(deps, lambda line: told.append((line, last_refresh(deps))))

    assert brought.endpoints == len(sim.offer.entries) == len(seed)
    assert offered() == seed
    assert all(status.message == line and status.in_progress for line, status in told)
    assert any("text-to-video" in line for line, _ in told)
    assert any("prices" in line for line, _ in told)


@pytest.mark.parametrize("match", ["cursor=", "image-to-video", "pricing"])
@pytest.mark.parametrize("name", ["catalog-http=500", "catalog-http=429", "catalog-garbage"])
def test_a_refresh_that_fails_half_way_changes_nothing(deps, sim, match, name):
    refresh(deps)
    before, at = {model.id: model for model in deps.catalogue.search()}, live_catalogue.refreshed_at(deps)
    sim.offer.entries |= {
        f"new/m{n}": {**sim.offer.entries[MODEL], "endpoint_id": f"new/m{n}"} for n in range(60)
    }
    fault(sim, name, match)

    with pytest.raises(CatalogueUnavailable):
        refresh(deps)

    assert {model.id: model for model in another(deps).catalogue.search()} == before
    assert live_catalogue.refreshed_at(deps) == at
    assert last_refresh(deps).state == RefreshState.FAILED
    requests.delete(f"{sim.url}/sim/faults", timeout=5)
    assert refresh(deps).endpoints == len(sim.offer.entries)


def test_a_retired_endpoint_cannot_be_started_and_its_old_take_goes_on(world, deps, sim):
    refresh(deps)
    job, entry = world.ask(), sim.offer.entries.pop(MODEL)

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


def test_of_the_models_that_came_with_the_program_only_used_ones_stay_known_to_every_process(
    world, deps, sim
):
    world.ask()
    unused = "fal-ai/veo3.1"
    del sim.offer.entries[MODEL], sim.offer.entries[unused]

    refresh(deps)

    for process in (deps, another(deps)):  # one that starts later never offers less than what is stored
        assert process.catalogue.get(MODEL).reason == live_catalogue.RETIRED_REASON
        assert unused not in ids(process)


def raised(sim: Simulator, gone: str) -> None:
    """fal asks three times as much for a second of `MODEL`, and offers the other model no longer."""
    sim.offer.entries[MODEL] = {**sim.offer.entries[MODEL], "price": {"unit": "seconds", "unit_usd": 0.42}}
    del sim.offer.entries[gone]


def test_the_first_question_after_a_refresh_is_answered_with_it_in_every_process(deps, clock, sim):
    gone, processes = "fal-ai/veo3.1", [another(deps, clock) for _ in range(4)]
    raised(sim, gone)
    for process in processes:
        assert process.catalogue.get(MODEL).price.unit_usd == 0.14
        assert gone in ids(process)
    refresh(deps)

    assert processes[0].catalogue.get(MODEL).price.unit_usd == 0.42
    assert gone not in ids(processes[1])
    assert World(processes[2], sim).ask().price["unit_usd"] == 0.42
    with pytest.raises(InvalidRequest) as refused:
        World(processes[3], sim).ask(model=gone)
    assert "not on offer" in refused.value.fields["model"]


def test_a_title_is_recalled_for_a_second_and_no_longer(deps, clock, sim, monkeypatch):
    reader, gone, at_s = another(deps, clock), "fal-ai/veo3.1", [5.0]
    monkeypatch.setattr(clock, "monotonic", lambda: at_s[0])
    reader.catalogue.recall(gone)
    del sim.offer.entries[gone]
    refresh(deps)

    at_s[0] += 0.9
    assert reader.catalogue.recall(gone).title
    at_s[0] += 0.1
    with pytest.raises(KeyError):
        reader.catalogue.recall(gone)


def test_who_asks_while_a_newer_catalogue_is_loaded_waits_for_it_and_one_loads_it(
    deps, clock, sim, monkeypatch
):
    reader, read, loads = another(deps, clock), live_catalogue.catalogue.list_all, []
    ids(reader)

    def counted(session: Any) -> Any:
        loads.append(1)
        return read(session)

    del sim.offer.entries[MODEL]
    refresh(deps)
    monkeypatch.setattr(live_catalogue.catalogue, "list_all", counted)

    found = at_once(8, lambda _: MODEL in ids(reader))

    assert (found, len(loads)) == ([False] * 8, 1)


def test_a_question_costs_one_read_of_one_row(deps, clock, monkeypatch):
    reader, looks = another(deps, clock), []
    monkeypatch.setattr(clock, "monotonic", lambda: 5.0)
    reader.catalogue.get(MODEL)
    query = reader.store.query
    reader.store.query = lambda *asked: looks.append(asked) or query(*asked)
    reader.store.read = reader.store.begin = None

    for _ in range(200):
        reader.catalogue.get(MODEL)
    assert len(looks) == 200
    for _ in range(200):
        reader.catalogue.recall(MODEL)
    assert len(looks) == 200


def test_a_model_that_another_version_stored_is_still_read(deps):
    model = deps.catalogue.get(MODEL)

    assert live_catalogue.read_stored_model({**asdict(model), "a_field_of_tomorrow": 1}) == model


# -- prices -----------------------------------------------------------------------------------

VEO, VEO_TAKE = "fal-ai/veo3.1", {"model": "fal-ai/veo3.1", "params": {"generate_audio": False}}


def lists(sim: Simulator, model_id: str, unit_usd: Any, **more: Any) -> None:
    """fal's list says this from now on."""
    row = {"unit": "seconds", "unit_usd": unit_usd, **more}
    sim.offer.entries[model_id] = {**sim.offer.entries[model_id], "price": row}


def test_a_list_price_that_is_a_known_multiple_is_no_drift(deps, sim):
    assert refresh(deps).drifted == 0
    for model in deps.catalogue.search():
        assert model.price_drift is None, model.id
    lists(sim, "fal-ai/pixverse/v6/text-to-video", 0.045)  # the price of a second itself, without credits
    assert refresh(deps).drifted == 0


@pytest.mark.parametrize(("listed", "at_most"), [(1.2, 4.8), (0.8, 3.2), (0.1, 1.6)])
def test_where_list_and_rule_part_the_model_is_marked_and_the_dearer_price_is_held(
    world, deps, sim, listed, at_most
):
    lists(sim, VEO, listed)
    assert refresh(deps).drifted == 1

    drift, job = deps.catalogue.get(VEO).price_drift, world.ask(**VEO_TAKE)
    assert (drift.known.unit_usd, drift.listed.unit_usd) == (0.4, listed)
    assert job.estimate_usd == 1.6, "the rule still says what it costs"
    assert job.price["at_most_usd"] == at_most
    assert job.price["unit_usd"] == listed, "a bill is worked out by the list"
    assert f"${listed:.2f} a second" in job.price["basis"]
    assert [model.id for model in price_news(deps).drifted] == [VEO]


@pytest.mark.parametrize("listed", [1.2, 0.8, 0.4, 0.1])
def test_the_lists_range_ends_where_what_is_held_of_the_dearest_take_does(deps, sim, listed):
    lists(sim, VEO, listed)
    refresh(deps)
    model = deps.catalogue.get(VEO)
    choices = {name: model.schema["properties"][name] for name in model.price_range.moved_by}
    values = [each.get("enum", [True, False]) for each in choices.values()]
    takes = [dict(zip(choices, chosen, strict=True)) for chosen in itertools.product(*values)]
    quotes = [quote_take(deps, model, params) for params in takes]
    assert len(quotes) == 18
    assert model.price_range.to_usd == max(quote.at_most_usd for quote in quotes)
    assert model.price_range.from_usd == min(quote.usd for quote in quotes) == 0.8


def test_a_steep_rise_is_told_for_a_week_and_takes_under_way_keep_their_price(world, deps, sim, clock):
    refresh(deps)
    job, unruled = world.ask(), "sim/unruled"
    sim.offer.entries[unruled] = {**sim.offer.entries[MODEL], "endpoint_id": unruled}
    for usd in (0.1, 0.31):
        lists(sim, unruled, usd)
        refresh(deps)
    lists(sim, MODEL, 0.42)
    refresh(deps)

    risen = {model.id: (model.price_before.unit_usd, model.price.unit_usd) for model in risen_now(deps)}
    assert risen == {MODEL: (0.14, 0.42), unruled: (0.1, 0.31)}
    assert world.job(job).price["unit_usd"] == 0.14
    assert world.ask().price["unit_usd"] == 0.42
    refresh(deps)
    assert len(risen_now(deps)) == 2, "another refresh that changes nothing does not hide it"
    clock.at = deps.clock.now() + timedelta(days=8)
    assert risen_now(another(deps, clock)) == []


def risen_now(deps: Deps) -> list[VideoModel]:
    return list(price_news(deps).risen)


def test_a_list_without_a_price_that_can_be_read_leaves_the_old_one_and_says_so(deps, sim):
    refresh(deps)
    lists(sim, MODEL, "0.28")
    lists(sim, VEO, 0.01, currency="EUR")
    del sim.offer.entries["fal-ai/veo3.1/lite"]["price"]

    brought = refresh(deps)

    assert brought.kept_prices == 3
    for model_id, usd in ((MODEL, 0.14), (VEO, 0.4), ("fal-ai/veo3.1/lite", 0.05)):
        model = another(deps).catalogue.get(model_id)
        assert model.price.unit_usd == usd
        assert "The price of before stays" in model.price_note


# -- when -------------------------------------------------------------------------------------


@pytest.fixture
def worker(deps: Deps, clock: FakeClock) -> Deps:
    return replace(another(deps, clock), stopping=threading.Event())


def asked(sim: Simulator) -> int:
    """How many refreshes fal has seen."""
    queries = sim.installation.listing_queries
    return sum("category=text-to-video" in query and "cursor" not in query for query in queries)


def test_a_worker_refreshes_once_a_day_by_itself(worker, clock, sim):
    for hours, seen in ((0, 1), (1, 1), (20, 1), (2.9, 1), (0.2, 2)):
        clock.at += timedelta(hours=hours)
        refresh_if_due(worker, scheduled=True)
        assert asked(sim) == seen
    refresh_schedule.request_refresh(worker, ADMIN)
    refresh_if_due(worker, scheduled=True)
    done = entries.list_entries(worker, ADMIN, AuditFilter(action=Action.MODELS_REFRESHED)).items
    assert [entry.actor for entry in done] == [ADMIN.name, "worker", "worker"], "who wanted it"


def fails(worker: Deps, sim: Simulator) -> None:
    fault(sim, "catalog-http=503", "image-to-video")
    refresh_if_due(worker, scheduled=True)
    assert "503" in last_refresh(worker).message


def is_killed(worker: Deps, sim: Simulator) -> None:
    refresh_schedule.record_status(worker, RefreshState.RUNNING, "prices: 50 of 1,500")
    assert last_refresh(worker).in_progress


@pytest.mark.parametrize("by", ["itself", "a wish"])
@pytest.mark.parametrize("ends", [fails, is_killed])
def test_after_a_failure_or_a_silence_it_is_tried_again_in_an_hour_or_on_a_wish(worker, clock, sim, ends, by):
    ends(worker, sim)
    tried = asked(sim)
    for minutes in (3, 56):
        clock.pass_s(60 * minutes)
        refresh_if_due(worker, scheduled=True)
    assert (asked(sim), last_refresh(worker).state) == (tried, RefreshState.FAILED)

    if by == "a wish":
        refresh_schedule.request_refresh(worker, ADMIN)
    else:
        clock.pass_s(120)
    refresh_if_due(worker, scheduled=by == "itself")

    assert (asked(sim), last_refresh(worker).state) == (tried + 1, RefreshState.DONE)


def test_a_worker_that_stops_leaves_the_refresh_to_the_next_one(worker):
    worker.stopping.set()
    with pytest.raises(Interrupted):
        refresh(worker)
    assert last_refresh(worker).state == RefreshState.WANTED
    worker.stopping.clear()
    refresh_if_due(worker, scheduled=False)
    assert last_refresh(worker).state == RefreshState.DONE


def test_of_two_workers_that_both_find_it_due_one_refreshes(deps, sim):
    both = threading.Barrier(2)

    def look(index: int) -> None:
        worker = another(deps)
        begin = worker.store.begin

        def together() -> Any:
            """Whoever has found it due begins when the other one has, too."""
            worker.store.begin = begin
            both.wait(PATIENCE_S)
            return begin()

        worker.store.begin = together
        refresh_if_due(worker, scheduled=True)

    at_once(2, look)

    assert asked(sim) == 1


@pytest.mark.parametrize("demo", [False, True])
def test_a_worker_that_would_not_refresh_by_itself_or_in_demo_mode_does_it_on_a_wish(worker, sim, demo):
    if demo:
        worker = World(worker, sim).with_settings(fal_key=SecretStr(DEMO_KEY)).deps
    refresh_if_due(worker, scheduled=demo)
    assert asked(sim) == 0

    with pytest.raises(NotAllowed):
        refresh_schedule.request_refresh(worker, ANA)
    for _ in range(2):
        refresh_schedule.request_refresh(worker, ADMIN)
    assert last_refresh(worker).in_progress
    for _ in range(2):
        refresh_if_due(worker, scheduled=demo)

    assert (asked(sim), last_refresh(worker).state) == (1, RefreshState.DONE)
