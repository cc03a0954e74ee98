"""Money: every amount says where it comes from, and a limit counts what has no price, and no retry twice."""

import pytest

from backend.domain.errors import BudgetExceeded
from backend.services.money import budgets, charges
from backend.services.takes.cancel import cancel_job
from backend.store.money import ledger
from tests import databases
from tests.world import ANA, UNPRICED, World

pytestmark = databases.BOTH


def today(world: World) -> float:
    return budgets.spending_summary(world.deps).today_usd


@pytest.mark.parametrize("told", [True, False])
def test_an_estimate_is_reserved_until_a_bill_takes_its_place_if_one_is_ever_told(world, monkeypatch, told):
    if not told:
        monkeypatch.setattr("backend.providers.fal.answers.billable_units", lambda headers: None)
    job = world.ask(params={"duration": "5"})
    assert today(world) == pytest.approx(0.70)
    *_, job = world.looks(world.until(job, "stored"), 3)
    assert job.estimate_usd == pytest.approx(0.70)
    assert charges.charge_of(job).source == ("billed" if told else "estimate")
    assert job.billed_usd == (pytest.approx(job.billed_units * 0.14) if told else None)
    assert today(world) == pytest.approx(job.billed_usd or 0.70)


def test_a_take_that_failed_unbilled_gives_its_reservation_back(world):
    [job] = world.looks(world.until(world.ask("[sim:error=500]"), "failed"), 1)
    assert today(world) == 0
    assert (charges.charge_of(job).source, charges.charge_of(job).billed_usd) == ("billed", 0.0)


def test_a_price_that_nobody_knows_is_never_guessed(world):
    job = world.ask(**UNPRICED)
    assert job.estimate_usd is None
    assert charges.charge_of(job).source == "unknown"
    with world.deps.store.read() as session:
        lines = [(line.kind, line.micros, line.source) for line in ledger.of_job(session, job.id)]
    assert lines == [("estimate", 0, "unknown")]
    assert budgets.spending_summary(world.deps).unpriced == 1
    cancel_job(world.deps, ANA, job.id)
    assert budgets.spending_summary(world.deps).unpriced == 0


def test_a_used_up_limit_refuses_even_what_has_no_price(world):
    poor = world.with_settings(budget_day_usd=0.70, budget_unknown_usd=0.0)
    poor.ask(**UNPRICED)
    poor.ask()
    with pytest.raises(BudgetExceeded):
        poor.ask(**UNPRICED)


def test_a_retry_of_the_same_start_is_not_counted_twice(world):
    poor = world.with_settings(budget_day_usd=1.0)
    assert poor.ask(key="once").id == poor.ask(key="once").id
    assert today(world) == pytest.approx(0.70)
