"""The one way to read which takes a query asks for: the history's, the gallery's address, the wall's."""

from datetime import UTC, datetime

import pytest

from backend.domain.errors import InvalidRequest
from backend.domain.library.review import ReviewState, Sort
from backend.domain.states import ACTIVE_STATES
from backend.domain.take_filter import TakeFilter
from backend.models import Collection, Project
from backend.services.gallery.filter_query import filter_pairs, parse_filter, parse_page
from tests.viewers import LOCAL_VIEWER
from tests.world import ANA

TWO = datetime(2026, 11, 2, tzinfo=UTC)
READ = {
    "": TakeFilter(),
    "q=red dress": TakeFilter(text="red dress"),
    "status=held&status=failed": TakeFilter(states=frozenset({"held", "failed"})),
    "status=processing": TakeFilter(states=frozenset(map(str, ACTIVE_STATES))),
    "model=a&model=b": TakeFilter(model=("a", "b")),
    "owner=ana&owner=ben": TakeFilter(owners=("ana", "ben")),
    "mine=1": TakeFilter(owners=("ana",)),
    "mine=1&owner=ben": TakeFilter(owners=()),
    "mine=0": TakeFilter(not_owners=("ana",)),
    "provider=fal": TakeFilter(provider="fal"),
    "project=p1": TakeFilter(project="p1"),
    "collection=c1": TakeFilter(collection="c1"),
    "tag=Hero  Shot&tag=b": TakeFilter(tags=("hero shot", "b")),
    "review=approved&review=none": TakeFilter(review=frozenset({ReviewState.APPROVED, ReviewState.NONE})),
    "favourite=1": TakeFilter(favourite_of=("ana",)),
    "favourite=0": TakeFilter(not_favourite_of=("ana",)),
    "picks=1": TakeFilter(picks_of=("ana",)),
    "picks=0": TakeFilter(not_picks_of=("ana",)),
    "rating_min=4.5&rated=1": TakeFilter(rating_min=4.5, rated=True),
    "has_error=0&trashed=1": TakeFilter(has_error=False, trashed=True),
    "style.camera=Dolly in&style.fabric=Silk": TakeFilter(style=(("fabric", "Silk"), ("camera", "Dolly in"))),
    "since=2026-11-02T01:00:00+01:00": TakeFilter(since=TWO),
    "until=2026-11-01": TakeFilter(until=TWO),
    "ratio=9:16": TakeFilter(ratio="9:16"),
    "min_cost=0.1&max_cost=2": TakeFilter(min_cost=0.1, max_cost=2),
    "min_length=4&max_length=5.5": TakeFilter(min_length_s=4, max_length_s=5.5),
    "sort=rating": TakeFilter(sort=Sort.RATING),
    "since=2026-11-02t00:00:00z": TakeFilter(since=TWO),
    "q=&status=&since=&mine=": TakeFilter(),
    "tag= &model=\0&owner= &q=\0&tag=x": TakeFilter(tags=("x",)),
}  # fmt: skip
OLD = {
    "state=moving&state=held": TakeFilter(states=frozenset({*map(str, ACTIVE_STATES), "held"})),
    "state=stopped&person=ben": TakeFilter(states=frozenset({"cancelled"}), owners=("ben",)),
    "mine=true&q=red": TakeFilter(owners=("ana",), text="red"),
    "mine=false": TakeFilter(),
}
REFUSED = {
    "modle=x&colour=red": {"modle": "model", "colour": "not known here"},
    "status=done&status=held": {"status": "none of"},
    "status=complete": {"status": "completed"},
    "review=aproved": {"review": "approved"},
    "sort=best": {"sort": "newest, oldest"},
    "provider=fall": {"provider": "fal"},
    "project=none&collection=none": {"project": "none with that id", "collection": "none with that id"},
    "style.colour=red": {"style.colour": "style."},
    "mine=yes&rated=true&trashed=2": {"mine": "0 or 1", "rated": "0 or 1", "trashed": "0 or 1"},
    "rating_min=6": {"rating_min": "from 1 to 5"},
    "min_cost=-1&max_cost=nan": {"min_cost": "number", "max_cost": "number"},
    "min_cost=3&max_cost=2": {"max_cost": "less than min_cost"},
    "since=yesterday&until=2026-11-02T01:00:00": {"since": "moment", "until": "moment"},
    "since=2026-11-03&until=2026-11-01": {"until": "before since"},
    "ratio=wide": {"ratio": "16:9"},
    "q=a&q=b": {"q": "more than once"},
    "experiment=none": {"experiment": "none with that id"},
    f"q={'x' * 1001}": {"q": "1,001"},
    "state=moving": {"state": "known"},
}


def pairs_of(query):
    return [(name, text) for name, _, text in (pair.partition("=") for pair in query.split("&") if pair)]


@pytest.fixture
def deps(sidecar):
    with sidecar.deps.store.begin() as session:
        for table, key in ((Project, "p1"), (Collection, "c1")):
            session.add(table(id=key, name=key, folded=key, created_at=TWO, created_by="ana"))
    return sidecar.deps


def test_a_query_is_read_and_written_again_as_the_same_filter(deps):
    for query, wanted in READ.items():
        assert parse_filter(deps, ANA, pairs_of(query)) == wanted, query
        assert parse_filter(deps, ANA, filter_pairs(wanted)) == wanted or wanted.owners == (), query
    for query, wanted in OLD.items():
        assert parse_filter(deps, ANA, pairs_of(query), old_links=True) == wanted, query


def test_every_name_and_value_at_fault_is_told_with_the_nearest_that_is_known(deps):
    for query, faults in REFUSED.items():
        with pytest.raises(InvalidRequest) as refused:
            parse_filter(deps, LOCAL_VIEWER, pairs_of(query))
        assert refused.value.fields.keys() == faults.keys(), query
        for name, said in faults.items():
            assert said in refused.value.fields[name], (query, refused.value.fields)


def test_a_cursor_is_of_its_own_order_and_a_page_is_told_with_all_else_at_fault(deps):
    take = "0192f0c1-2b3c-7def-8123-456789abcdef"
    for order, cursor in (
        ("newest", take),
        ("oldest", take),
        ("rating", f"4500.{take}"),
        ("cost", f"-.{take}"),
    ):
        given = [("sort", order), ("cursor", cursor), ("limit", "7"), ("count", "1")]
        page = parse_page(deps, ANA, given, limit=50, limit_max=200)
        assert (page.cursor, page.limit, page.count) == (cursor, 7, True)
        other = "newest" if order in ("rating", "cost") else "cost"
        with pytest.raises(InvalidRequest):
            parse_page(deps, ANA, [("sort", other), ("cursor", cursor)], limit=50, limit_max=200)
    wrong = [("limit", "0"), ("cursor", "x"), ("status", "x"), ("n", "1")]
    with pytest.raises(InvalidRequest) as refused:
        parse_page(deps, ANA, wrong, limit=50, limit_max=200)
    assert refused.value.fields.keys() == {"limit", "cursor", "status", "n"}
