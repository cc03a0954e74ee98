"""What nobody can decide: looked for at the provider, finished by its webhook, or decided by a person."""

import contextlib
import threading

import pytest
import requests

from backend.domain.errors import NotFound, StateConflict
from backend.domain.states import JobEvent
from backend.services.access import Role, Viewer
from backend.services.takes import held_choices
from backend.store.jobs import jobs
from tests.world import ADMIN, ANA


def held(world, prompt="A lost answer", marker="lost-answer never", **more):
    job = world.look(world.ask(f"{prompt} [sim:{marker}]", **more))
    assert job.state == "held"
    return job


def test_a_held_take_is_found_in_the_providers_records_and_comes_home_paid_once(world):
    world.until(held(world), "stored")
    ledger = world.ledger()
    assert (len(ledger["posts"]), sum(bool(request["billed"]) for request in ledger["requests"])) == (1, 1)


def test_what_is_not_in_the_records_stays_held(world):
    job = held(world, marker="proxy=502 never")  # the provider never got it
    for _ in range(3):
        world.hurry(job)
        assert world.look(job).state == "held"
    assert world.job(job).due_at > world.deps.clock.now()


def test_twins_are_never_told_apart_by_guessing(world):
    twins = [held(world, "The very same words") for _ in range(2)]
    for job in twins * 2:
        world.hurry(job)
        assert world.look(job).state == "held"


def test_a_request_with_other_parameters_is_not_taken_for_ours(world):
    rule = {"match": "Almost the same", "faults": ["proxy=502"], "times": 1}
    requests.post(f"{world.sim.url}/sim/faults", json=rule, timeout=5).raise_for_status()
    job = held(world, "Almost the same", marker="never", params={"duration": "5"})
    payload = {**job.payload, "duration": "10"}
    world.deps.get_provider("fal").submit(job.model, payload, webhook_url=None)
    world.hurry(job)
    assert world.look(job).state == "held"


def test_a_person_keeps_waiting_and_the_records_are_read_at_once(world):
    job = held(world, marker="proxy=502 never")
    world.look(job)
    assert held_choices.keep_waiting(world.deps, ANA, job.id).due_at <= world.deps.clock.now()


def test_a_person_sends_again_as_a_new_take_that_names_the_old_one_once(world):
    job = held(world, marker="proxy=502 times=1")
    again = held_choices.send_again(world.deps, ANA, job.id)
    assert again.parent_id == job.id
    assert again.prompt == job.prompt
    assert world.job(job).state == "cancelled"
    with pytest.raises(StateConflict):
        held_choices.send_again(world.deps, ANA, job.id)
    world.until(again, "stored")


def test_a_take_that_moves_on_while_it_is_sent_again_is_not_asked_for_twice(world, monkeypatch):
    """The old one ends with the commit that makes the new one, or there is no new one."""
    job = held(world, marker="proxy=502 never")
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


def test_two_who_send_it_again_at_once_make_one_take(world):
    job = held(world, marker="proxy=502 times=1")
    made: list[str] = []

    def press() -> None:
        with contextlib.suppress(StateConflict):
            made.append(held_choices.send_again(world.deps, ANA, job.id).id)

    threads = [threading.Thread(target=press) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 1
    assert world.job(job).state == "cancelled"


def test_a_video_of_the_first_one_is_kept_even_when_it_was_sent_again(world):
    from backend.providers.base import Finished
    from backend.services.lifecycle import apply_result

    job = held(world)
    held_choices.send_again(world.deps, ANA, job.id)
    with world.deps.store.begin() as session:
        now = world.deps.clock.now()
        apply_result.apply_outcome(
            session, world.job(job), Finished("http://127.0.0.1:1/x.mp4", None), at=now, by="webhook"
        )
    assert world.job(job).state == "rendered"


def test_a_person_gives_up(world):
    job = held(world, marker="proxy=502 never")
    assert held_choices.give_up(world.deps, ANA, job.id).state == "cancelled"


def test_only_its_owner_or_an_admin_decides(world):
    job = held(world, marker="proxy=502 never")
    for choice in (held_choices.keep_waiting, held_choices.send_again, held_choices.give_up):
        with pytest.raises(NotFound):
            choice(world.deps, Viewer("ben", Role.CREATOR), job.id)
    assert held_choices.give_up(world.deps, ADMIN, job.id).state == "cancelled"


def test_there_is_nothing_to_decide_about_a_take_that_moves(world):
    job = world.ask()
    for choice in (held_choices.keep_waiting, held_choices.send_again, held_choices.give_up):
        with pytest.raises(StateConflict):
            choice(world.deps, ANA, job.id)
