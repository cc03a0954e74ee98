"""Stored takes of the same inputs stand in for new ones: the oldest first, whole, and seen by who asks."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from backend.domain.states import JobEvent as E
from backend.models import TakeInputs, Video
from backend.services.experiments import change, quote, reuse, view
from backend.services.library import edit
from backend.services.library.changes import TakeChanges
from backend.services.takes import same_inputs
from backend.services.takes.request import parse_request
from tests import databases
from tests.services.experiments.building import SEEDED, make_experiment, make_plan
from tests.world import ANA, BEN, MODEL, PHOTO_MODEL, World

pytestmark = databases.BOTH

ASKED = {"params": {"duration": "5"}}
ONE_PROMPT = {"axes": {"prompt": ["A red dress in the wind", "A prompt that nobody had"]}}


@pytest.fixture
def world(still: World) -> World:
    return still


def stored(world: World, **asked: Any) -> str:
    """A stored take with a file of its own; its id."""
    world.deps.clock.pass_s(1)
    job = world.ask(**{**ASKED, **asked})
    world.advance(job, E.SUBMIT_BEGUN, E.ACCEPTED, E.FINISHED)
    world.saved(job, job.id.encode() * 100)
    return job.id


def note_all(world: World) -> None:
    """A sweep has written down what all takes so far were made of."""
    same_inputs.note_inputs(world.deps, before=world.deps.clock.now() + timedelta(seconds=1))


def reused(world: World, viewer=ANA, **more: Any) -> list[list[str]]:
    """Of each cell of a draft the takes that stand in it."""
    made = make_experiment(world.deps, viewer, reuse=True, **more)
    return [[one.job_id for one in made.trials[cell.id] if one.job_id] for cell in made.cells]


@pytest.mark.parametrize("is_noted", [False, True], ids=["at once", "after a sweep"])
def test_the_oldest_stored_takes_are_reused_whatever_people_think_of_them(world, is_noted):
    takes = [stored(world) for _ in range(3)]
    edit.edit_take(world.deps, ANA, takes[2], TakeChanges(rating=5))
    edit.edit_take(world.deps, ANA, takes[0], TakeChanges(rating=1))
    stored(world, prompt="Another")
    if is_noted:
        note_all(world)
    figures = quote.dry_run(world.deps, ANA, make_plan(reuse=True, **ONE_PROMPT))
    assert (figures.takes, figures.reused, figures.usd) == (4, 2, pytest.approx(1.4))
    assert reused(world, **ONE_PROMPT) == [takes[:2], []]
    assert reused(world, repeats=5, **ONE_PROMPT) == [takes, []], "each stands in a cell once"


def test_what_may_not_be_seen_is_not_whole_or_in_the_trash_is_not_reused(world):
    gone, damaged, others, good = stored(world), stored(world), stored(world, viewer=BEN), stored(world)
    edit.trash_take(world.deps, ANA, gone)
    running = world.ask(**ASKED)
    world.advance(running, E.SUBMIT_BEGUN, E.ACCEPTED)
    with world.deps.store.begin() as session:
        lost = update(Video).where(col(Video.id) == world.job(damaged).video_id)
        session.connection().execute(lost.values(missing_at=world.deps.clock.now()))
    assert reused(world, **ONE_PROMPT) == [[good], []]
    assert reused(world, viewer=BEN, **ONE_PROMPT) == [[others], []]


def test_inputs_are_the_same_by_what_is_sent_and_by_the_bytes_of_photos(world):
    seven = stored(world, model=SEEDED, params={"seed": 2, "duration": 5})
    base = {"model": SEEDED, "params": {"duration": 5.0}}
    assert reused(world, base=base, **ONE_PROMPT) == [[seven], []], "the second take has seed 2; 5.0 is 5"
    mine, bens = world.photo("teal"), world.photo("teal", viewer=BEN)
    assert mine != bens
    theirs = stored(world, model=PHOTO_MODEL, image=bens, viewer=BEN)
    everybody = replace(ANA, sees_team=True)
    base = {"model": PHOTO_MODEL, "image": mine, **ASKED}
    assert reused(world, viewer=everybody, base=base, **ONE_PROMPT) == [[theirs], []]


def test_how_often_the_same_was_generated_is_told_for_the_ordinary_form(world):
    request = parse_request({"model": MODEL, "prompt": "A red dress in the wind", **ASKED})
    assert reuse.count_generated(world.deps, ANA, request) == 0
    stored(world)
    note_all(world)
    stored(world)
    stored(world, viewer=BEN)
    assert reuse.count_generated(world.deps, ANA, request) == 2


def test_rows_of_an_older_program_get_their_digest_by_a_sweep(world):
    take = stored(world)
    note_all(world)
    with world.deps.store.begin() as session:
        session.connection().execute(update(TakeInputs).values(input_sha256=None, sha256="old"))
    assert reused(world, **ONE_PROMPT) == [[], []]
    note_all(world)
    assert reused(world, **ONE_PROMPT) == [[take], []]


def test_a_running_experiment_grows_by_takes_that_it_does_not_have_yet(world):
    first = stored(world)
    made = make_experiment(world.deps, reuse=True, **ONE_PROMPT, repeats=1)
    second = stored(world)
    change.change_cells(world.deps, ANA, made.experiment.id, takes={made.cells[0].id: 2})
    grown = view.get_experiment(world.deps, ANA, made.experiment.id)
    assert [one.job_id for one in grown.trials[made.cells[0].id]] == [first, second, None]
    assert grown.counts["planned"] == 2
