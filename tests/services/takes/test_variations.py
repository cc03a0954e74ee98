"""Several takes by one click: each once, seeds of their own, the sum within every limit or nothing."""

import pytest

from backend.domain.errors import BudgetExceeded, InvalidRequest
from backend.domain.library.origin import Origin
from backend.domain.library.review import OriginHow
from backend.services.gallery import takes as gallery
from backend.services.gallery.lineage import list_origins
from backend.services.takes import create
from backend.services.takes.remake import variations
from backend.services.takes.request import parse_request
from tests.pages.conftest import SEED_MODEL
from tests.world import ADMIN, ANA, MODEL, at_once

REQUEST = parse_request({"model": SEED_MODEL, "prompt": "A red dress", "params": {"seed": 7}})


def start(world, number=4, key="k", request=REQUEST, **more):
    return variations.start_variations(world.deps, ANA, request, number=number, key=key, **more)


def count(world) -> int:
    return len(gallery.list_takes(world.deps, ADMIN, limit=50).items)


def test_each_variation_has_a_seed_of_its_own_and_names_the_one_that_it_varies(still):
    progress: list[int] = []
    jobs = start(still, on_progress=progress.append).jobs
    seeds = [job.params["seed"] for job in jobs]
    assert (seeds[0], len(set(seeds)), progress) == (7, 4, [1, 2, 3, 4])
    told = list_origins(still.deps, ANA, [job.id for job in jobs]).made_from
    assert dict(told) == {job.id: [Origin(jobs[0].id, OriginHow.VARIED)] for job in jobs[1:]}
    others = start(still, key="of", of=jobs[0].id).jobs
    assert not {job.params["seed"] for job in others} & set(seeds), "all of them are new"
    assert len(list_origins(still.deps, ANA, [jobs[0].id]).led_to[jobs[0].id]) == 7


def test_one_click_is_so_many_takes_once_however_often_it_comes(still):
    made = at_once(4, lambda _: [job.id for job in start(still).jobs])
    assert {tuple(ids) for ids in made} == {tuple(made[0])}
    assert count(still) == 4
    start(still, key="another")
    assert count(still) == 8


def test_the_sum_must_fit_and_nothing_is_made_when_it_does_not(still):
    """One costs $0.70, so three fit and four do not; the control is the three."""
    request = parse_request({"model": MODEL, "prompt": "A red dress"})
    tight = still.with_settings(budget_day_usd=2.2)
    with pytest.raises(BudgetExceeded, match=r"up to \$2\.80"):
        start(tight, 4, request=request)
    assert count(still) == 0
    assert len(start(tight, 3, request=request).jobs) == 3
    assert len(start(tight, 3, request=request).jobs) == 3, "the same click again is no new sum"


def test_what_could_not_be_sent_is_said_with_its_number_and_reason(still, monkeypatch):
    tight = still.with_settings(budget_day_usd=2.2)
    monkeypatch.setattr(create, "check_room", lambda *asked, **more: None)  # others spend in between
    request = parse_request({"model": MODEL, "prompt": "A red dress"})
    started = start(tight, 4, request=request)
    assert (len(started.jobs), count(still)) == (3, 3)
    assert started.words().startswith("3 of 4 takes saved; 1 not sent: ")
    assert "$0.10 left" in started.words()


@pytest.mark.parametrize("number", [0, 9])
def test_a_number_that_is_none_is_refused(still, number):
    with pytest.raises(InvalidRequest):
        start(still, number)


def test_a_model_without_seeds_is_asked_for_the_same_so_often(still):
    jobs = start(still, 2, request=parse_request({"model": MODEL, "prompt": "x"})).jobs
    assert jobs[0].payload == jobs[1].payload


def test_several_prompts_are_a_take_each_once_and_all_of_them_fit_or_nothing_is_made(still):
    """One costs $0.70, so three fit and four do not; the control is the three."""
    request, progress = parse_request({"model": MODEL, "prompt": "{red|blue|green}"}), list[int]()
    tight, texts = still.with_settings(budget_day_usd=2.2), ["red", "blue", "green"]

    def start_all(prompts, number=1, key="p"):
        return variations.start_prompts(
            tight.deps, ANA, request, prompts, number=number, key=key, on_progress=progress.append
        )

    for prompts, number in ((texts, 2), ([*texts, "grey"], 1)):
        with pytest.raises(BudgetExceeded):
            start_all(prompts, number)
    for refused in ([], ["x"] * 25, ["red", "x" * 30_000]):
        with pytest.raises(InvalidRequest) as named:
            start_all(refused)
        assert set(named.value.fields) == {"prompt"}
    assert count(still) == 0
    made = [start_all(texts) for _ in range(2)]
    assert [job.sent_prompt for job in made[0].jobs] == texts
    assert [job.id for job in made[0].jobs] == [job.id for job in made[1].jobs]
    assert (count(still), progress[:3], made[0].words()) == (3, [1, 2, 3], "3 takes saved.")
