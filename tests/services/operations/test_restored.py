"""A restored database: nothing that may have been sent is sent again, and nothing else is touched."""

from typing import Any

import pytest

from backend.models import LoginSession
from backend.services.operations.after_restore import hold_unsent, settle_if_restored
from backend.services.takes import held_choices
from backend.store.database.schema import copies
from backend.store.records import key_values
from tests import databases
from tests.world import ANA, World, run_sql

pytestmark = databases.BOTH


def mark(world: World, fact: str, **value: Any) -> None:
    with world.deps.store.begin() as session:
        key_values.set_value(session, fact, value, at=world.deps.clock.now())


def made_a_copy(world: World) -> None:
    """As `backup` marks what it has copied."""
    mark(world, copies.COPY_FACT, at=world.deps.clock.now().isoformat())


def test_what_the_copy_calls_unsent_is_held_until_a_person_sends_it_and_all_else_stays_as_it_is(world):
    done = world.until(world.ask("Stored before"), "stored")
    under_way = world.until(world.ask("Sent before"), "queued", "running", "rendered")
    waiting = world.ask("Not sent when it was copied")
    made_a_copy(world)

    assert settle_if_restored(world.deps) == 1

    held = world.job(waiting)
    assert (held.state, held.error["code"], held.error["charged"]) == ("held", "restored", "maybe")
    assert "was restored from a copy of 20" in held.error["message"]
    assert held.due_at is not None
    assert (world.job(done).state, world.job(under_way).state) == (done.state, under_way.state)
    assert [job.state for job in world.looks(waiting, 3)] == ["held"] * 3
    assert (world.history(waiting), world.posts) == (["created", "held"], 2)

    # -- a copy is settled once: what a person sends again, or asks for from now on, is sent as ever
    again = held_choices.send_again(world.deps, ANA, waiting.id)
    new = world.ask("Asked for after the restore")
    assert settle_if_restored(world.deps) is None

    assert world.until(again, "stored").parent_id == waiting.id
    assert world.until(new, "stored")
    assert world.posts == 4


def test_whoever_was_signed_in_when_a_copy_was_made_signs_in_anew_once_it_is_used(world):
    """They may have signed out, or been shut out, since."""
    now = world.deps.clock.now()
    with world.deps.store.begin() as session:
        session.add(LoginSession(id="a", person_id="p", provider="oak", begun_at=now, seen_at=now))
    assert run_sql(world.deps, "SELECT ended_at FROM login_session") == [(None,)]
    made_a_copy(world)
    for _ in range(2):
        settle_if_restored(world.deps)
    assert run_sql(world.deps, "SELECT count(*) FROM login_session WHERE ended_at IS NULL") == [(0,)]
    deeds = run_sql(world.deps, "SELECT actor, via FROM audit WHERE action = 'session.ended'")
    assert deeds == [("worker", "worker")]


def test_a_database_that_is_no_copy_is_left_alone_until_a_command_calls_it_restored(world):
    job = world.ask("As on any other day")

    assert [settle_if_restored(world.deps) for _ in range(2)] == [None, None]
    assert world.job(job).state == "created"
    assert [hold_unsent(world.deps) for _ in range(2)] == [1, 0]
    assert world.job(job).state == "held"


@pytest.mark.databases("postgres")  # a file has no name of its own; its copies say that they are copies
def test_postgresql_knows_its_own_databases_from_a_restored_one(world):
    settle_if_restored(world.deps)
    job = world.ask("Sent after the dump")
    mark(world, copies.IDENTITY_FACT, database="1/2")  # as the dump of another database says

    assert settle_if_restored(world.deps) == 1
    assert world.job(job).state == "held"
    assert settle_if_restored(world.deps) is None
