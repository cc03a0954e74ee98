"""Saved views: under a name, for oneself or for the team."""

import pytest

from backend.domain.errors import InvalidRequest, NotAllowed, NotFound
from backend.services.access import Role, Viewer
from backend.services.gallery.filter_query import parse_filter
from backend.services.library import views
from tests.world import ADMIN, ANA, BEN

EVE = Viewer("eve", Role.VIEWER)
QUERY = [("q", "red & blue"), ("status", "held"), ("status", "failed"), ("sort", "cost"), ("size", "fit")]


def seen(deps, viewer):
    return [(view.owner, view.name) for view in views.list_views(deps, viewer)]


def test_a_view_is_its_owners_or_the_teams_and_its_name_is_there_once(world):
    deps = world.deps
    mine = views.save_view(deps, ANA, " Best  of ", QUERY)
    assert views.pairs_of(mine) == QUERY
    views.save_view(deps, BEN, "best of", [], shared=True)
    again = views.save_view(deps, ANA, "BEST OF", QUERY[:1])
    assert (again.id, views.pairs_of(again)) == (mine.id, QUERY[:1])
    assert seen(deps, ANA) == [("ana", "BEST OF"), ("ben", "best of")]
    assert seen(deps, BEN) == seen(deps, EVE) == [("ben", "best of")]
    views.delete_view(deps, ANA, mine.id)
    assert seen(deps, ANA) == [("ben", "best of")]


def test_a_view_is_renamed_and_takes_nobody_elses_name_nor_another_of_the_same_person(world):
    deps = world.deps
    mine, other = (views.save_view(deps, ANA, name, QUERY) for name in ("Best", "Worst"))
    views.save_view(deps, BEN, "Spring", [], shared=True)
    renamed = views.rename_view(deps, ANA, mine.id, "  Spring ")
    assert (renamed.id, renamed.name, views.pairs_of(renamed)) == (mine.id, "Spring", QUERY)
    assert views.rename_view(deps, ANA, mine.id, "SPRING").name == "SPRING"
    for name in ("worst", "  ", "x" * 61):
        with pytest.raises(InvalidRequest):
            views.rename_view(deps, ANA, mine.id, name)
    assert {name for _, name in seen(deps, ANA)} == {"SPRING", "Spring", "Worst"}
    with pytest.raises(NotFound):
        views.rename_view(deps, BEN, other.id, "Mine now")


def test_who_may_delete_a_view_and_who_may_share_one(world):
    deps = world.deps
    private, shared = (
        views.save_view(deps, EVE, "mine", []),
        views.save_view(deps, BEN, "all", [], shared=True),
    )
    with pytest.raises(NotAllowed):
        views.save_view(deps, EVE, "for all", [], shared=True)
    for viewer, view, refused in (
        (ANA, private, NotFound),
        (ANA, shared, NotAllowed),
        (ADMIN, private, NotFound),
    ):
        with pytest.raises(refused):
            views.delete_view(deps, viewer, view.id)
    views.delete_view(deps, ADMIN, shared.id)
    views.delete_view(deps, EVE, private.id)
    with pytest.raises(NotFound):
        views.delete_view(deps, EVE, private.id)


@pytest.mark.parametrize(
    ("name", "pairs", "faults"),
    [
        ("", [("colour", "red"), ("status", "done")], {"name", "colour", "status"}),
        ("x" * 61, [], {"name"}),
        ("a", [("q", "x" * 900)] + [("tag", "y" * 900)] * 4, {"query"}),
        ("a", [("project", "gone")], {"project"}),
    ],
)
def test_what_can_not_be_asked_for_is_not_kept(world, name, pairs, faults):
    with pytest.raises(InvalidRequest) as refused:
        views.save_view(world.deps, ANA, name, pairs)
    assert refused.value.fields.keys() == faults
    assert views.list_views(world.deps, ANA) == []


def test_a_view_of_an_old_address_is_kept_and_read(world):
    kept = views.save_view(world.deps, ANA, "old", [("state", "moving"), ("person", "ben"), ("q", "")])
    wanted = parse_filter(world.deps, ANA, views.pairs_of(kept), old_links=True)
    assert (wanted.owners, wanted.text) == (("ben",), None)
