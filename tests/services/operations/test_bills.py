"""fal's billing events: they settle what no header tells, correct what it told, and name what differs."""

from datetime import timedelta
from typing import Any

import pytest

from backend.models import Job
from backend.providers.base import BillEvent
from backend.services.money import budgets, settling
from backend.services.money.charges import EVENTS_FOR, ChargeState, charge_of
from backend.services.money.settling import write_off
from backend.services.operations import reconcile_bills as bills
from backend.services.operations import verify_money
from backend.store.jobs import jobs
from backend.store.money import ledger
from tests import databases
from tests.world import ADMIN, World

pytestmark = databases.BOTH


@pytest.fixture(autouse=True)
def admin_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set before the installation is made."""
    monkeypatch.setenv("FAL_ADMIN_KEY", "admin-id:secret")


def counted(world: World, job: Job) -> int:
    with world.deps.store.read() as session:
        return ledger.counted_micros(session, job.id)


def whole(world: World) -> None:
    """The ledger is right, and says what the provider's cashbook says of every take."""
    assert verify_money.verify_money(world.deps, on_progress=lambda line: None).differences == []


@pytest.mark.parametrize(
    ("marker", "state"), [("error=422 charged", "failed"), ("no-units", "stored"), ("odd-units", "stored")]
)
def test_what_no_header_told_is_settled_by_the_events(world, monkeypatch, marker, state):
    job = world.until(world.ask(f"[sim:{marker}]", params={"duration": "5"}), state)
    *_, job = world.looks(job, 3)
    assert (job.billed_usd, counted(world, job)) == (None, 700_000), "nobody told: nothing is given back"
    next_second = world.deps.clock.now() + timedelta(seconds=1)  # events are asked for by whole seconds
    monkeypatch.setattr(world.deps.clock, "now", lambda: next_second)
    report = bills.reconcile_bills(world.deps)
    job = world.job(job)
    assert (report.settled, report.differences, report.problem) == (1, [], None)
    assert (charge_of(job).state, job.billed_usd) == (ChargeState.BILLED, pytest.approx(0.70))
    assert counted(world, job) == 700_000
    assert bills.reconcile_bills(world.deps).agreed == 1, "the days of two readings overlap"
    whole(world)


def test_a_bill_that_the_header_told_otherwise_is_corrected_and_named(world):
    job = world.until(world.ask(params={"duration": "5"}), "stored")
    *_, job = world.looks(job, 2)
    with_events(world, [BillEvent(str(job.request_id), job.model, 5.0, 0.63)])
    report = bills.reconcile_bills(world.deps)
    assert report.differences == [bills.BillDifference(job.id, pytest.approx(0.70), 0.63)]
    assert counted(world, job) == 630_000
    whole(world)


def with_events(world: World, events: list[BillEvent]) -> None:
    """The provider's billing tells this."""
    provider: Any = world.deps.get_provider("fal")
    provider.list_bills = lambda *, since, until: events


def test_several_events_of_one_request_are_one_bill(world):
    job = world.until(world.ask("[sim:error=422]"), "failed")
    with_events(world, [BillEvent(str(job.request_id), job.model, 2.0, 0.28)] * 2)
    bills.reconcile_bills(world.deps)
    assert (world.job(job).billed_units, world.job(job).billed_usd) == (4.0, pytest.approx(0.56))


def test_requests_that_no_take_knows_are_counted_and_linked_to_none(world):
    held = world.ask("[sim:never]")
    with_events(world, [BillEvent("somebody-elses", held.model, 5.0, 0.70)])
    report = bills.reconcile_bills(world.deps)
    assert (report.strangers, report.strangers_usd, report.settled) == (1, 0.70, 0)
    assert counted(world, held) == 700_000


def test_an_open_charge_of_which_days_of_events_say_nothing_was_not_charged(world, monkeypatch):
    job = world.until(world.ask("[sim:error=422 slow=0]"), "failed")
    assert charge_of(world.job(job)).state == ChargeState.MAY_BE_CHARGED
    with_events(world, [])
    assert bills.reconcile_bills(world.deps).unseen == 0, "events lag"
    later = world.deps.clock.now() + EVENTS_FOR + timedelta(hours=6)
    monkeypatch.setattr(world.deps.clock, "now", lambda: later)
    assert bills.reconcile_bills(world.deps).unseen == 1
    assert (charge_of(world.job(job)).state, counted(world, job)) == (ChargeState.NOT_CHARGED, 0)
    whole(world)


def days_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events of what has ended would have come by now."""
    later = world.deps.clock.now() + EVENTS_FOR + timedelta(hours=6)
    monkeypatch.setattr(world.deps.clock, "now", lambda: later)


def test_events_that_tell_of_none_of_our_bills_prove_nothing_of_other_takes(world, monkeypatch):
    """The key of another account: it reads events, and none of them is of this one."""
    billed = world.until(world.ask(params={"duration": "5"}), "stored")
    *_, billed = world.looks(billed, 2)
    job = world.until(world.ask("[sim:error=422 slow=0]"), "failed")
    days_later(world, monkeypatch)
    with_events(world, [BillEvent("somebody-elses", job.model, 5.0, 0.70)])
    report = bills.reconcile_bills(world.deps)
    assert (report.unseen, charge_of(world.job(job)).state) == (0, ChargeState.MAY_BE_CHARGED)
    assert "same account" in (report.problem or "")
    with_events(world, [BillEvent(str(billed.request_id), billed.model, 5.0, 0.70)])
    assert bills.reconcile_bills(world.deps).unseen == 1, "the control: the right account's"


def test_an_event_whose_amount_can_not_be_read_does_not_make_its_take_free(world, monkeypatch):
    job = world.until(world.ask("[sim:error=422 slow=0]"), "failed")
    days_later(world, monkeypatch)
    with_events(world, [BillEvent(str(job.request_id), job.model, 2.0, None)])
    report = bills.reconcile_bills(world.deps)
    assert (report.unread, report.unseen) == (1, 0)
    assert (charge_of(world.job(job)).state, counted(world, job)) == (ChargeState.MAY_BE_CHARGED, 700_000)


def test_a_reading_that_begins_between_two_events_of_a_request_takes_nothing_back(world, monkeypatch):
    job = world.until(world.ask("[sim:error=422]"), "failed")
    both = [BillEvent(str(job.request_id), job.model, 2.0, 0.28)] * 2
    with_events(world, both)
    bills.reconcile_bills(world.deps)
    later = world.deps.clock.now() + timedelta(days=40)
    monkeypatch.setattr(world.deps.clock, "now", lambda: later)
    with world.deps.store.begin() as session:
        bills.REPORT.put(session, bills.BillReport(later, later, later))
    with_events(world, both[1:])
    assert bills.reconcile_bills(world.deps).differences == []
    assert world.job(job).billed_usd == pytest.approx(0.56)


def test_a_video_that_comes_after_events_without_a_count_counts_again(world):
    job = world.until(world.ask("[sim:error=422]"), "failed")
    with_events(world, [BillEvent(str(job.request_id), job.model, None, 0.0)])
    bills.reconcile_bills(world.deps)
    assert (world.job(job).billed_usd, counted(world, job)) == (0.0, 0)
    with world.deps.store.begin() as session:
        news = budgets.restore_reservation(session, world.job(job), at=world.deps.clock.now())
        jobs.make_due(session, job.id, at=world.deps.clock.now(), **news)
    assert (world.job(job).billed_usd, counted(world, job)) == (None, 700_000)


def test_a_charge_that_was_written_off_counts_when_its_event_comes(world):
    job = world.until(world.ask("[sim:error=422]", params={"duration": "5"}), "failed")
    write_off(world.deps, ADMIN, job.id)
    with_events(world, [BillEvent(str(job.request_id), job.model, 5.0, 0.70)])
    assert bills.reconcile_bills(world.deps).settled == 1
    assert (charge_of(world.job(job)).state, counted(world, job)) == (ChargeState.BILLED, 700_000)


@pytest.mark.parametrize("rule", ["catalog-http=403", "catalog-garbage"])
def test_events_that_can_not_be_read_change_nothing_and_the_report_says_why(world, rule):
    job = world.until(world.ask("[sim:error=422 charged]"), "failed")
    world.sim.installation.ledger.save_rule(made_rule(rule))
    report = bills.reconcile_bills(world.deps)
    assert report.problem
    assert ("ADMIN" in report.problem) == ("403" in rule)
    assert charge_of(world.job(job)).state == ChargeState.MAY_BE_CHARGED


def made_rule(word: str) -> Any:
    from simulator.engine.faults import parse_faults
    from simulator.engine.ledger import Rule

    return Rule("billing-events", parse_faults([word]), None)


def test_events_are_read_once_a_day_and_never_without_a_key(world):
    bills.reconcile_if_due(world.deps)
    first = bills.last_report(world.deps)
    bills.reconcile_if_due(world.deps)
    assert bills.last_report(world.deps) == first is not None
    keyless = world.with_settings(fal_admin_key=type(world.deps.settings.fal_admin_key)(""))
    assert not keyless.deps.settings.reads_bills


@pytest.mark.parametrize(("units", "counts"), [(None, 630_000), (5.0, 630_000)])
def test_events_that_are_read_while_the_provider_is_asked_are_the_last_word(world, units, counts):
    job = world.until(world.ask(params={"duration": "5"}), "stored")
    with world.deps.store.begin() as session:
        news = settling.settle_by_events(session, job, units=5.0, usd=0.63, at=world.deps.clock.now())
        jobs.update_if_unchanged(session, job, **news)
    with world.deps.store.begin() as session:
        told = settling.settle_told(session, job.id, units, at=world.deps.clock.now())
        jobs.update_if_unchanged(session, jobs.get(session, job.id), bill_tries=10, **told)
    assert (world.job(job).billed_usd, counted(world, job)) == (0.63, counts)


def test_what_a_person_wrote_off_while_the_provider_was_asked_stays_so_if_it_tells_nothing(world):
    job = world.until(world.ask("[sim:error=422]", params={"duration": "5"}), "failed")
    write_off(world.deps, ADMIN, job.id)
    with world.deps.store.begin() as session:
        assert settling.settle_told(session, job.id, None, at=world.deps.clock.now()) == {}
    assert (charge_of(world.job(job)).state, counted(world, job)) == (ChargeState.WRITTEN_OFF, 0)
