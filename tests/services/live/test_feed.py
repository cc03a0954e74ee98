"""What happened since the last look: each take once, whatever moved it, to whom it may be told."""

import json
from typing import Any

import pytest
from sqlalchemy import text

from backend.domain.library.review import ReviewState
from backend.domain.states import JobEvent
from backend.models import History, TakeEdit, TakeOpinion
from backend.services.access import Role, Viewer
from backend.services.library.bulk import edit_many
from backend.services.library.changes import BulkChanges, TakeChanges
from backend.services.live.feed import Feed
from backend.services.live.greeting import greet, newest_move
from tests import databases
from tests.services.receiving import ACCEPTED, WAY
from tests.world import ADMIN, ANA, BEN, World, run_sql

pytestmark = databases.BOTH
TEAM = Viewer("leo", Role.VIEWER)


@pytest.fixture
def feed(still: World) -> Feed:
    made = Feed(still.deps, compare_every_s=0)
    made.begin_now()
    return made


def told(feed: Feed, viewer: Viewer = ADMIN) -> dict[str, Any] | None:
    """What this viewer is told after one look."""
    news = feed.look([viewer])
    said = news.text_for(viewer) if news else None
    return None if said is None else json.loads(said)


def test_moves_of_a_take_between_two_looks_are_told_once_as_the_last(still: World, feed: Feed):
    job = still.ask()
    still.advance(job, *WAY["running"])

    said = told(feed)
    assert said is not None
    (card,) = said["takes"]
    assert (card["id"], card["state"], said["made"]) == (job.id, "running", [job.id])
    assert said["at"] == newest_move(still.deps)
    assert said["counts"] == {"moving": 1, "held": 0}
    assert told(feed) is None

    still.advance(job, JobEvent.FINISHED)
    still.saved(job, b"film")
    said = told(feed)
    assert said is not None
    assert (said["takes"][0]["state"], said["made"], said["counts"]["moving"]) == ("stored", [], 0)
    assert said["takes"][0]["poster"].startswith("app/static/media/posters/")
    assert said["takes"][0]["version"] > card["version"]


def test_what_is_decided_of_a_take_that_has_ended_ends_it_no_second_time(still: World, feed: Feed):
    """Whoever made it read "Your take is ready" again when somebody approved it."""
    job = still.advance(still.ask(), *WAY["running"], JobEvent.FINISHED)
    still.saved(job, b"film")
    said, at = told(feed), newest_move(still.deps)
    assert said is not None
    assert said["ended"] == [job.id]

    for change in (BulkChanges(set=TakeChanges(review=ReviewState.APPROVED)), BulkChanges(trash=True)):
        edit_many(still.deps, ADMIN, [job.id], change)
    said = told(feed)
    assert said is not None
    assert (said["ended"], said["takes"][0]["trashed"]) == ([], True)
    assert json.loads(greet(still.deps, ADMIN, since=at, ids=[]))["ended"] == []


def test_an_edit_is_told_though_no_state_moved_and_everybody_hears_their_own_opinion(
    still: World, feed: Feed
):
    job = still.ask()
    told(feed)
    with still.deps.store.begin() as session:
        session.add(TakeEdit(job_id=job.id, at=still.deps.clock.now()))
        session.add(TakeOpinion(job_id=job.id, person="ana", rating=4, at=still.deps.clock.now()))
    run_sql(still.deps, "UPDATE job SET edits = 1, rating_sum = 4, rating_count = 1")

    news = feed.look([ANA, TEAM])
    assert news is not None
    (hers,), (theirs,) = (json.loads(news.text_for(who) or "")["takes"] for who in (ANA, TEAM))
    assert (hers["rating"], theirs["rating"]) == (
        {"mine": 4, "mean": 4.0, "count": 1},
        {"mine": None, "mean": 4.0, "count": 1},
    )
    assert (hers["mine"], theirs["mine"]) == (True, False)


def test_what_changes_without_a_move_is_told_too(still: World, feed: Feed):
    job = still.ask()
    still.advance(job, *WAY["rendered"])
    told(feed)
    bytes_came = "UPDATE job SET fetched_bytes = 500000, fetch_total_bytes = 1000000"
    for statement, name, shown in (
        (bytes_came, "share", 0.5),
        ("UPDATE job SET billed_usd = 1.5, billed_units = 1", "cost", "$1.50"),
    ):
        run_sql(still.deps, statement)
        said = told(feed)
        assert said is not None
        assert said["takes"][0][name] == shown
    assert told(feed) is None


def test_nobody_is_told_of_takes_that_they_may_not_see(still: World, feed: Feed):
    hers = still.ask(viewer=ANA)
    theirs = still.ask(viewer=BEN)
    still.advance(theirs, *ACCEPTED)

    news = feed.look([ANA, BEN, TEAM])
    assert news is not None
    said = {who.name: json.loads(news.text_for(who) or "") for who in (ANA, BEN, TEAM)}
    assert {name: {card["id"] for card in one["takes"]} for name, one in said.items()} == {
        "ana": {hers.id}, "ben": {theirs.id}, "leo": {hers.id, theirs.id},
    }  # fmt: skip
    assert {name: one["counts"]["moving"] for name, one in said.items()} == {"ana": 1, "ben": 1, "leo": 2}
    assert said["ben"]["made"] == [theirs.id]

    still.advance(theirs, JobEvent.STARTED)
    news = feed.look([ANA])
    assert news is not None
    assert news.text_for(ANA) is None

    greeted = json.loads(greet(still.deps, BEN, since=0, ids=[hers.id, theirs.id, "none"]))
    assert [card["id"] for card in greeted["takes"]] == greeted["made"] == [theirs.id]


def test_who_was_away_is_shown_all_that_was_missed_and_how_many_were_made(still: World):
    shown = still.ask("shown")
    since = newest_move(still.deps)
    still.advance(shown, *WAY["running"])
    made = [still.ask(f"new {number}").id for number in range(3)]

    said = json.loads(greet(still.deps, ADMIN, since=since, ids=[shown.id]))

    assert [(card["id"], card["state"]) for card in said["takes"]] == [(shown.id, "running")]
    assert sorted(said["made"]) == sorted(made)
    assert said["at"] == newest_move(still.deps)
    assert json.loads(greet(still.deps, ADMIN, since=said["at"], ids=[]))["made"] == []


def test_more_than_one_look_takes_is_told_by_the_next_ones(still: World, feed: Feed):
    jobs = [still.ask(f"take {number}") for number in range(3)]
    with still.deps.store.begin() as session:
        for number in range(450):
            moved = {"event": "started", "state": "running", "at": still.deps.clock.now(), "by": "test"}
            session.add(History(job_id=jobs[number % 3].id, **moved))

    looks = 1
    assert told(feed) is not None
    while feed.is_owing and looks < 9 and told(feed) is not None:
        looks += 1
    assert looks == 3
    assert told(feed) is None


@pytest.mark.databases("postgres")
def test_transactions_that_commit_against_the_order_of_their_ids_are_told_both(still: World, feed: Feed):
    first, second = still.ask("first"), still.ask("second")
    told(feed)
    moved = text("INSERT INTO history (job_id, event, state, at, by) VALUES (:id, 'x', 'queued', now(), 'x')")
    engine = still.deps.store.engine
    with engine.connect() as early, engine.connect() as late:
        early.execute(moved, {"id": first.id})  # has the smaller id
        late.execute(moved, {"id": second.id})
        late.commit()
        said = told(feed)
        assert said is not None
        assert [card["id"] for card in said["takes"]] == [second.id]
        assert told(feed) is None
        early.commit()
        said = told(feed)
        assert said is not None
        assert [card["id"] for card in said["takes"]] == [first.id]
    assert told(feed) is None
