"""The ledger is checked twice over: builds that get it wrong are named, and one that doesn't is not."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from backend.domain.states import JobEvent as E
from backend.providers.base import Errored, Finished
from backend.services.money import budgets
from backend.services.operations import verify_money
from backend.services.takes import create
from backend.store.jobs import jobs
from backend.store.money import ledger, ledger_sums, spend_sums
from tests import databases
from tests.e2e import broken
from tests.services.money.test_budgets import ask, ended
from tests.world import World

pytestmark = databases.BOTH

SENT = (E.SUBMIT_BEGUN, E.ACCEPTED)
BROKE = Errored("internal_server_error", "It broke.", own_fault=True)
REFUSED = Errored("content_policy_violation", "No.", billable_units=2.0)
FREE = Errored("content_policy_violation", "No.", billable_units=0.0)


@pytest.fixture
def world(still: World) -> World:
    return still


def sent_and_ended(world: World, result: Finished | Errored) -> str:
    """A take of $0.70 that ended so; returns its id."""
    job = ask(world)
    world.advance(job, *SENT, request_id=job.id)
    return ended(world, job, result).id


def differences(world: World) -> list[str]:
    return verify_money.verify_money(world.deps, on_progress=lambda line: None).differences


def add_up(world: World) -> None:
    with world.deps.store.begin() as session:
        for kind in (ledger_sums, spend_sums):
            kind.roll_up(session, at=world.deps.clock.now(), limit=1000, at_least=1)


@pytest.fixture
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Afterwards the build is whole again."""
    for owner, name in [
        (ledger, "release_unbilled"), (ledger, "record_bill"), (create, "insert_take"),
    ]:  # fmt: skip
        monkeypatch.setattr(owner, name, getattr(owner, name))


def test_a_ledger_that_is_right_has_no_difference_whatever_became_of_its_takes(world):
    ask(world)
    for result in (BROKE, REFUSED, FREE):
        sent_and_ended(world, result)
    add_up(world)
    found = verify_money.verify_money(world.deps, on_progress=lambda line: None)
    assert (found.takes, found.lines, found.differences) == (4, 7, [])


@pytest.mark.usefixtures("as_it_was")
@pytest.mark.parametrize(
    ("build", "result", "said"),
    [
        (broken.forgets_a_release, BROKE, "its lines come to $0.70, and nothing was charged for it, $0.00"),
        (broken.forgets_a_release, FREE, "its lines come to $0.70, and the take says that it was billed"),
        (broken.doubles_a_bill, REFUSED, "it counts for $0.98; by what the line says it is $0.28"),
        (broken.reserves_after_the_commit, BROKE, "nothing was reserved for it"),
    ],
)  # fmt: skip
def test_a_build_that_gets_money_wrong_is_caught_by_the_command_and_by_the_sweep(
    world, clock, build: Callable[[], None], result, said
):
    build()
    job_id = ask(world).id if build is broken.reserves_after_the_commit else sent_and_ended(world, result)
    found = differences(world)
    assert [line for line in found if job_id in line and said in line]
    clock.pass_s(1200)
    assert verify_money.check_money(world.deps) == len(found)
    assert verify_money.last_check(world.deps).differences == found


def test_a_release_that_is_forgotten_days_later_is_found_by_the_next_daily_look(world, clock, as_it_was):
    """The take was looked at while it was right; no line tells that something is missing."""
    job = ask(world)
    clock.pass_s(1200)
    assert verify_money.check_money(world.deps) == 0
    broken.forgets_a_release()
    world.advance(job, *SENT, request_id=job.id)
    ended(world, job, BROKE)
    assert verify_money.check_money(world.deps) == 0  # not due yet
    clock.pass_s(86_400)
    assert verify_money.check_money(world.deps) == 1


@pytest.mark.parametrize(
    "altered",
    [
        "UPDATE day_sum SET micros = micros + 1000000",
        "UPDATE day_sum SET owner = 'ben'",
        "DELETE FROM day_sum",
        "UPDATE spend_sum SET billed_micros = billed_micros + 1 WHERE length(day) = 10",
        "UPDATE spend_sum SET open_micros = open_micros - 1 WHERE length(day) = 7",
        "DELETE FROM spend_sum",
        "UPDATE line SET micros = micros + 1000000",
    ],
)
def test_a_kept_sum_that_is_not_what_its_lines_come_to_is_named(world, altered):
    job = ask(world)
    add_up(world)
    assert differences(world) == []
    with world.deps.store.begin() as session:
        session.connection().execute(text(altered))
    found = differences(world)
    assert [line for line in found if line.startswith("The sum kept for ") and "ana" in line]
    assert ("UPDATE line" in altered) == any(job.id in line for line in found)


def test_the_daily_look_reads_what_is_new_and_not_the_whole_ledger_again(world, clock):
    for _ in range(3):
        sent_and_ended(world, BROKE)
    clock.pass_s(1200)
    assert verify_money.check_money(world.deps) == 0
    first = verify_money.last_check(world.deps)
    clock.pass_s(5 * 86_400)
    late = ask(world)
    clock.pass_s(1200)
    verify_money.check_money(world.deps)
    second = verify_money.last_check(world.deps)
    assert (first.takes, second.takes) == (6, 2)  # each as a take, and for its new lines
    assert second.line == first.line + 1
    with world.deps.store.begin() as session:
        session.connection().execute(text("UPDATE line SET micros = 5 WHERE id = 1"))
        ledger_sums.roll_up(session, at=clock.now(), limit=1000, at_least=1)
    clock.pass_s(timedelta(days=1).total_seconds())
    assert verify_money.check_money(world.deps) == 1  # all of it together shows what was altered long ago
    assert late.id


def test_a_line_of_no_take_is_named(world):
    job = ask(world)
    with world.deps.store.begin() as session:
        session.connection().execute(text("DELETE FROM job"))
    (found,) = differences(world)
    assert found == f"Take {job.id} has 1 lines in the ledger, and there is no such take."


def test_a_bill_that_was_settled_between_two_reads_is_no_difference(world, monkeypatch):
    """The take is read before its bill, its lines after: both are read once more, held still."""
    job = ask(world)
    world.advance(job, *SENT, request_id=job.id)
    ended(world, job, REFUSED)
    real = verify_money.audit.takes_after

    def stale(session, job_id, **more):
        return [
            take._replace(billed_usd=None, state="queued", error=None)
            for take in real(session, job_id, **more)
        ]

    monkeypatch.setattr(verify_money.audit, "takes_after", stale)
    with world.deps.store.read() as session:
        assert jobs.get(session, job.id).billed_usd == pytest.approx(0.28)
    assert budgets.spending_summary(world.deps).today_usd == pytest.approx(0.28)
    assert differences(world) == []
