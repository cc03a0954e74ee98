"""What nobody can decide: looked for at the provider, finished by its webhook, or decided by a person."""

import contextlib

import pytest
import requests

from backend.domain.errors import NotFound, StateConflict
from backend.domain.output_files import OutputFile
from backend.domain.states import JobEvent
from backend.providers.base import Finished
from backend.services.lifecycle import apply_result
from backend.services.takes import held_choices
from backend.store.jobs import jobs
from tests.world import ADMIN, ANA, BEN, at_once

#: The provider never got it.
LOST = "proxy=502 never"
CHOICES = (held_choices.keep_waiting, held_choices.send_again, held_choices.give_up)


def held(world, marker=LOST, prompt="A lost answer", **more):
    job = world.look(world.ask(f"{prompt} [sim:{marker}]", **more))
    assert job.state == "held"
    return job


def test_a_held_take_is_found_in_the_providers_records_and_comes_home_paid_once(world):
    world.until(held(world, "lost-answer never"), "stored")
    (request,) = world.ledger()["requests"]
    assert (world.posts, bool(request["billed"])) == (1, True)


def test_what_is_not_in_the_records_stays_held(world):
    asked = world.looks(held(world), 3)
    assert [job.state for job in asked] == ["held"] * 3
    assert asked[-1].due_at > world.deps.clock.now()


def test_twins_are_never_told_apart_by_guessing(world):
    twins = [held(world, "lost-answer never") for _ in range(2)]
    for job in twins * 2:
        assert world.looks(job, 1)[0].state == "held"


def test_a_request_with_other_parameters_is_not_taken_for_ours(world):
    rule = {"match": "Almost the same", "faults": ["proxy=502"], "times": 1}
    requests.post(f"{world.sim.url}/sim/faults", json=rule, timeout=10).raise_for_status()
    job = held(world, "never", "Almost the same", params={"duration": "5"})
    world.deps.get_provider("fal").submit(job.model, {**job.payload, "duration": "10"}, webhook_url=None)
    assert world.accepted == 1
    assert world.looks(job, 1)[0].state == "held"


def test_who_send_it_again_at_once_make_one_new_take_that_names_the_old_one(world):
    job = held(world, "proxy=502 times=1")

    def press(_: int) -> str | None:
        with contextlib.suppress(StateConflict):
            return held_choices.send_again(world.deps, ANA, job.id).id
        return None

    (again,) = {made for made in at_once(8, press) if made}
    assert (world.job(again).parent_id, world.job(again).prompt) == (job.id, job.prompt)
    assert world.job(job).state == "cancelled"
    with pytest.raises(StateConflict):
        held_choices.send_again(world.deps, ANA, job.id)
    world.until(world.job(again), "stored")


def test_a_take_that_moves_on_while_it_is_sent_again_is_not_asked_for_twice(world, monkeypatch):
    """The old one ends with the commit that makes the new one, or there is no new one."""
    job = held(world)
    real = held_choices.create.create_job

    def late(*args, **kwargs):
        with world.deps.store.begin() as session:
            jobs.advance(session, job.id, JobEvent.ACCEPTED, at=world.deps.clock.now(), by="search")
        return real(*args, **kwargs)

    monkeypatch.setattr(held_choices.create, "create_job", late)
    with pytest.raises(StateConflict, match="moved on"):
        held_choices.send_again(world.deps, ANA, job.id)
    assert world.job(job).state == "queued"
    with world.deps.store.read() as session:
        assert jobs.by_form_key(session, ANA.name, f"again:{job.id}") is None


def test_a_video_of_the_first_one_is_kept_even_when_it_was_sent_again(world):
    job = held(world)
    held_choices.send_again(world.deps, ANA, job.id)
    result, now = Finished([OutputFile("video", "http://127.0.0.1:1/x.mp4")]), world.deps.clock.now()
    with world.deps.store.begin() as session:
        apply_result.apply_outcome(session, world.job(job), result, at=now, by="webhook")
    assert world.job(job).state == "rendered"


def test_only_its_owner_or_an_admin_decides_and_only_about_what_is_held(world):
    job, moving = held(world), world.ask()
    for choice in CHOICES:
        with pytest.raises(NotFound):
            choice(world.deps, BEN, job.id)
        with pytest.raises(StateConflict):
            choice(world.deps, ANA, moving.id)
    world.looks(job, 1)  # the next one is later
    waits = held_choices.keep_waiting(world.deps, ANA, job.id)
    assert waits.due_at <= world.deps.clock.now(), "the records are read at once"
    assert held_choices.give_up(world.deps, ADMIN, job.id).state == "cancelled"
