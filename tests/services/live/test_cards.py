"""A take as a card: what everybody sees of it, what differs by viewer, and what it costs to make."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from backend.domain.states import JobEvent
from backend.models import Collection, CollectionTake, TakeOpinion, TakeTag
from backend.services.access import Role, Viewer
from backend.services.live.cards import card_json, cards_json, prompt_key
from backend.store.database.engine import Store
from tests import databases
from tests.services.conftest import installed
from tests.services.receiving import WAY
from tests.signing import FakeClock
from tests.world import ADMIN, ANA, BLOCKING, World, run_sql

pytestmark = databases.BOTH
LOOKER = Viewer("leo", Role.VIEWER)


@contextmanager
def counted(store: Store) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    sent: list[str] = []

    def note(_connection, _cursor, statement, *_rest):
        sent.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    yield sent
    event.remove(store.engine, "before_cursor_execute", note)


def test_a_card_says_what_is_known_of_a_take_and_links_from_the_root_of_the_pages(still: World):
    job = still.ask("Red  dress", params={"aspect_ratio": "9:16", "duration": "5"})
    still.advance(job, *WAY["rendered"], result={"seed": 7, "video": {"url": "https://x.example/a.mp4"}})
    still.saved(job, b"film")

    card = card_json(still.deps, ANA, still.take(job), still.deps.clock.now())

    assert json.loads(json.dumps(card)) == card
    told = (
        "state",
        "status",
        "word",
        "kind",
        "ratio",
        "seed",
        "width",
        "height",
        "model_id",
        "who",
        "moving",
    )
    assert [card[name] for name in told] == [
        "stored", "completed", "Ready", "video", "9:16", 7, 640, 360, job.model, "ana", False,
    ]  # fmt: skip
    for link in ("poster", "player", "download", "preview"):
        assert card[link].startswith("app/static/media/")
    assert "name=" in card["download"]
    assert card["prompt_key"] == prompt_key("red dress ") != prompt_key("red dresses")
    assert card["version"] == still.job(job).version


def test_a_file_has_the_shape_that_its_sides_nearly_have_where_none_was_asked_for(still: World):
    job = still.ask()
    still.advance(job, *WAY["rendered"])
    still.saved(job, b"film")
    run_sql(still.deps, "UPDATE video SET width = 1080, height = 1920", "UPDATE job SET params = '{}'")

    assert card_json(still.deps, ANA, still.take(job), still.deps.clock.now())["ratio"] == "9:16"


def test_a_card_holds_the_teams_marks_and_of_opinions_the_viewers_own_beside_the_mean(still: World):
    job = still.ask()
    now = still.deps.clock.now()
    with still.deps.store.begin() as session:
        session.add(Collection(id="c", name="C", folded="c", created_at=now, created_by="ana"))
        session.add(CollectionTake(collection_id="c", job_id=job.id, added_at=now, added_by="ana"))
        session.add(TakeTag(job_id=job.id, folded="red", tag="Red", at=now, by="ana"))
        session.add(TakeOpinion(job_id=job.id, person="ana", rating=5, favourite=True, at=now))
        session.add(TakeOpinion(job_id=job.id, person="ben", rating=2, favourite=False, at=now))
    run_sql(
        still.deps,
        "UPDATE job SET rating_sum = 7, rating_count = 2, edits = 3, review = 'rejected', review_by = 'ana'",
    )

    hers, theirs = (card_json(still.deps, who, still.take(job), now) for who in (ANA, LOOKER))

    assert (hers["tags"], hers["collections"], hers["review"]["state"]) == (["Red"], ["c"], "rejected")
    assert hers["rating"] == {"mine": 5, "mean": 3.5, "count": 2}
    assert theirs["rating"] == {"mine": None, "mean": 3.5, "count": 2}
    assert (hers["favourite"], theirs["favourite"]) == (True, False)
    assert hers["version"] == still.job(job).version + 3
    own = {"rating", "favourite", "mine", "may"}
    assert {name for name in hers if hers[name] != theirs[name]} <= own


@pytest.mark.parametrize(
    ("state", "may"),
    [
        ("created", {"rate", "change", "cancel"}),
        ("running", {"rate", "change", "cancel"}),
        ("rendered", {"rate", "change"}),
        ("failed", {"rate", "change", "trash", "retry"}),
        ("held", {"rate", "change"}),
    ],
)
def test_a_card_says_what_its_viewer_may_do_with_it_now(still: World, state: str, may: set[str]):
    job = still.ask()
    if WAY[state]:
        still.advance(job, *WAY[state])

    def rights(viewer: Viewer) -> set[str]:
        card = card_json(still.deps, viewer, still.take(job), still.deps.clock.now())
        return {name for name, allowed in card["may"].items() if allowed}

    assert rights(ANA) == may
    assert rights(ADMIN) == may | {"approve"}
    assert rights(LOOKER) == {"rate"}


def test_a_page_of_cards_takes_as_many_questions_as_a_single_card(still: World):
    """Takes that wait, move and are ready, of one model: what they are asked of is asked once."""
    jobs = [still.ask(f"take {number}") for number in range(9)]
    for job in jobs[3:6]:
        still.advance(job, *WAY["running"])
    takes, now = [still.take(job) for job in jobs], still.deps.clock.now()

    with counted(still.deps.store) as one:
        cards_json(still.deps, ANA, takes[:1], now)
    with counted(still.deps.store) as many:
        cards_json(still.deps, ANA, takes, now)

    assert len(many) <= len(one) <= 6
    assert cards_json(still.deps, ANA, [], now) == []


def test_whoever_waits_in_our_own_line_is_told_how_many_stand_before_them(clock: FakeClock, tmp_path: Path):
    with installed(tmp_path, clock, blackbox_api_key="sk-of-this-test") as deps:
        world = World(deps, sim=None)
        jobs = [world.ask(f"take {number}", model=BLOCKING) for number in range(3)]

        def told() -> list[str]:
            takes = [world.take(job) for job in jobs]
            return [card["queue"].split(" · ")[0] for card in cards_json(deps, ANA, takes, clock.now())]

        assert told() == ["next to start", "1 ahead", "2 ahead"]
        world.advance(jobs.pop(0), JobEvent.CANCELLED)
        assert told() == ["next to start", "1 ahead"]
