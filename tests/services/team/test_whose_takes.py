"""Whose takes somebody sees in every list and sum: the team's, or with `TAKES_VISIBLE=own` just their own."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.domain.errors import NotFound
from backend.domain.take_filter import TakeFilter
from backend.models import Job
from backend.services.access import Role, Viewer
from backend.services.gallery import lineage
from backend.services.gallery import takes as gallery
from backend.services.money import budgets, spending, statements
from backend.services.money.spend_query import Dimension, SpendQuery
from backend.services.takes import held_choices, photos, presets
from backend.services.takes.request import TakeRequest, parse_request
from tests import databases
from tests.services.conftest import installed
from tests.services.receiving import WAY
from tests.signing import FakeClock
from tests.world import MODEL, PHOTO_MODEL, World

pytestmark = databases.BOTH
ANA, BEN = Viewer("ana", Role.CREATOR), Viewer("ben", Role.CREATOR)
#: Who sits here without logins, after years as "studio".
MAYA = Viewer("maya", Role.CREATOR, also_owns=("studio",), sees_team=False)
BY_DAY = SpendQuery(Dimension.DAY)


@pytest.fixture
def world(clock: FakeClock, tmp_path: Path):
    with installed(tmp_path, clock) as deps:
        yield World(deps, sim=None)


def everything(world: World, viewer: Viewer) -> dict[str, Any]:
    """What is told to a viewer of all takes, by name."""
    deps, dress = world.deps, TakeFilter(text="dress")
    spent = budgets.spending_summary(deps, viewer.visible_names)
    return {
        "list": {take.job.owner for take in gallery.list_takes(deps, viewer).items},
        "search": {take.job.owner for take in gallery.list_takes(deps, viewer, dress).items},
        "of others": len(gallery.list_takes(deps, viewer, TakeFilter(owners=("ben",))).items),
        "open": sum(gallery.count_open(deps, viewer).values()),
        "people": gallery.list_owners(deps, viewer),
        "models": gallery.list_used_models(deps, viewer),
        "takes that cost": spending.spend_report(deps, viewer, BY_DAY).total.takes,
        "spent": round(spent.today_usd, 2),
        "photos": len(photos.list_uploads(deps, viewer)),
        "presets": [preset.name for preset in presets.list_presets(deps, viewer)],
    }


def test_the_team_sees_the_teams_takes_and_a_creator_of_a_strict_team_their_own_alone(world: World) -> None:
    mine, theirs = world.ask(viewer=ANA), world.ask(viewer=BEN)
    world.ask(viewer=BEN, model=PHOTO_MODEL, image=world.photo(viewer=BEN), prompt="A dress")
    presets.save_preset(world.deps, BEN, "Own", _request())
    presets.save_preset(world.deps, BEN, "Team's", _request(), shared=True)
    open_to_all, strict = everything(world, ANA), everything(world, replace(ANA, sees_team=False))
    assert open_to_all == {
        "list": {"ana", "ben"}, "search": {"ana", "ben"}, "of others": 2, "open": 3,
        "people": ["ana", "ben"], "models": sorted([MODEL, PHOTO_MODEL]), "takes that cost": 3,
        "spent": open_to_all["spent"], "photos": 1, "presets": ["Team's"],
    }  # fmt: skip
    assert strict == {
        "list": {"ana"}, "search": {"ana"}, "of others": 0, "open": 1, "people": ["ana"],
        "models": [MODEL], "takes that cost": 1, "spent": strict["spent"], "photos": 0, "presets": ["Team's"],
    }  # fmt: skip
    assert 0 < strict["spent"] < open_to_all["spent"]
    assert gallery.get_take(world.deps, ANA, theirs.id).job.owner == "ben"
    with pytest.raises(NotFound):
        gallery.get_take(world.deps, replace(ANA, sees_team=False), theirs.id)
    for role in (Role.VIEWER, Role.REVIEWER, Role.ADMIN):
        assert everything(world, Viewer("x", role, sees_team=False))["open"] == 3
    assert spending.spend_report(world.deps, ANA, BY_DAY, mine=True).total.takes == 1
    assert sum(gallery.count_open(world.deps, ANA, mine=True).values()) == 1
    assert gallery.get_take(world.deps, ANA, mine.id).job.owner == "ana"


def test_who_was_called_studio_before_goes_on_with_all_that_was_theirs(world: World) -> None:
    before = Viewer("studio", Role.CREATOR)
    world.ask(viewer=before)
    presets.save_preset(world.deps, before, "Look", _request(prompt="old"))
    presets.set_favourite(world.deps, before, MODEL, wanted=True)
    world.photo(viewer=before)
    world.ask(viewer=MAYA, model=PHOTO_MODEL, image=world.photo(viewer=MAYA))
    told = everything(world, MAYA)
    assert (told["list"], told["photos"]) == ({"studio", "maya"}, 2)
    assert told["people"] == ["maya", "studio"]
    assert presets.recent_models(world.deps, MAYA) == [PHOTO_MODEL, MODEL]
    assert presets.list_favourites(world.deps, MAYA) == [MODEL]
    presets.set_favourite(world.deps, MAYA, MODEL, wanted=False)
    assert presets.list_favourites(world.deps, MAYA) == []
    presets.save_preset(world.deps, MAYA, "look", _request(prompt="new"))
    (kept,) = presets.list_presets(world.deps, MAYA)
    assert (kept.name, kept.form["prompt"]) == ("look", "new"), "it is one preset still"
    presets.delete_preset(world.deps, MAYA, kept.id)
    with_limit = world.with_settings(budget_user_day_usd=told["spent"])
    limit = budgets.spending_summary(with_limit.deps, MAYA.owner_names).tightest_limit
    assert limit is not None
    assert limit.left_usd == pytest.approx(0, abs=0.01), "what studio spent today counts for maya's day"


def test_of_a_take_that_another_sent_again_a_strict_creator_hears_nothing(world: World) -> None:
    ria, strict = Viewer("ria", Role.REVIEWER), replace(ANA, sees_team=False)
    held = world.ask(viewer=strict)
    world.advance(held, *WAY["held"])
    again = held_choices.send_again(world.deps, ria, held.id)
    old = world.job(held)

    def seen(viewer: Viewer, job: Job) -> tuple[list[str], list[str]]:
        found = lineage.get_lineage(world.deps, viewer, job.id)
        return [take.job.id for take, _ in found.made_from], [take.job.id for take, _ in found.led_to]

    assert seen(ria, old) == ([], [again.id])
    assert seen(ria, again) == ([held.id], [])
    assert seen(strict, old) == ([], [])
    assert statements.list_statements(world.deps, strict) == []


def _request(**more: Any) -> TakeRequest:
    return parse_request({"model": MODEL, "prompt": "A red dress", **more})
