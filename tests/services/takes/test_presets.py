"""Presets, favourites and models used lately: one's own and the team's."""

import pytest

from backend.domain.errors import InvalidRequest, NotAllowed, NotFound
from backend.services.access import Role, Viewer
from backend.services.takes import presets
from backend.services.takes.request import parse_request
from tests import databases
from tests.world import ADMIN, ANA, BEN, MODEL

pytestmark = databases.BOTH

FORM = {"model": MODEL, "prompt": "A coat", "style": {"camera": "Pan"}, "params": {"duration": "10"}}


def names(world, viewer) -> list[str]:
    return [preset.name for preset in presets.list_presets(world.deps, viewer)]


def save(world, name, form=FORM, viewer=ANA, **more):
    return presets.save_preset(world.deps, viewer, name, parse_request(form), **more)


def test_a_form_comes_back_as_it_was_kept_and_the_same_name_again_replaces_it(world):
    kept = save(world, "  Golden   walk ")
    request, lost = presets.apply_preset(world.deps, ANA, kept.id)
    assert ({name: getattr(request, name) for name in FORM}, lost) == (FORM, [])
    assert names(world, ANA) == ["Golden walk"]
    again = save(world, "GOLDEN walk", {**FORM, "prompt": "Another"})
    assert names(world, ANA) == ["GOLDEN walk"]
    assert presets.apply_preset(world.deps, ANA, again.id)[0].prompt == "Another"


def test_the_team_sees_what_is_shared_and_only_its_owner_or_an_admin_deletes_it(world):
    mine, shared = save(world, "Mine"), save(world, "Ours", shared=True)
    assert names(world, BEN) == ["Ours"]
    assert presets.apply_preset(world.deps, BEN, shared.id)[0].prompt == "A coat"
    for act in (presets.apply_preset, presets.delete_preset):
        with pytest.raises(NotFound):
            act(world.deps, BEN, mine.id)
    with pytest.raises(NotAllowed):
        presets.delete_preset(world.deps, BEN, shared.id)
    presets.delete_preset(world.deps, ADMIN, shared.id)
    assert names(world, ANA) == ["Mine"]


@pytest.mark.parametrize(
    ("name", "form", "field"),
    [(" ", FORM, "name"), ("x" * 61, FORM, "name"), ("a\x07b", FORM, "name"), ("X", {"extra": 1}, "extra"),
     ("X", {"prompt": "x" * 200_000}, "form")],
)  # fmt: skip
@pytest.mark.databases(None)
def test_what_is_no_preset_is_refused_by_name_and_a_viewer_keeps_nothing(world, name, form, field):
    with pytest.raises(InvalidRequest) as refused:
        save(world, name, form)
    assert field in refused.value.fields
    with pytest.raises(NotAllowed):
        save(world, "X", viewer=Viewer("eve", Role.VIEWER))


def test_favourites_and_models_used_lately_are_each_persons_own(world):
    for _ in range(2):
        presets.set_favourite(world.deps, ANA, MODEL, wanted=True)
    assert presets.list_favourites(world.deps, ANA) == [MODEL]
    assert presets.list_favourites(world.deps, BEN) == []
    presets.set_favourite(world.deps, ANA, MODEL, wanted=False)
    assert presets.list_favourites(world.deps, ANA) == []
    other = "fal-ai/wan/v2.7/text-to-video"
    for model in (MODEL, other, MODEL):
        world.ask(model=model)
    assert presets.recent_models(world.deps, ANA) == [MODEL, other], "newest first, and once"
    assert presets.recent_models(world.deps, BEN) == []
