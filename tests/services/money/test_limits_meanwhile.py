"""Limits hold whatever happens meanwhile: set while takes are open, lowered while starts wait."""

from typing import Any

import pytest

from backend.domain.errors import BudgetExceeded
from backend.domain.kinds import BudgetPeriod, BudgetScope
from backend.models import Job
from backend.services.money import budgets, limits, limits_admin
from tests import databases
from tests.world import ADMIN, ANA, MODEL, World, make_unpriced, run_sql

pytestmark = databases.BOTH

DAY, MONTH = BudgetPeriod.DAY, BudgetPeriod.MONTH
ALL, PERSON, OF_MODEL, *_ = BudgetScope


@pytest.fixture
def world(sidecar) -> World:
    """An installation without a worker."""
    return World(sidecar.deps, sim=None)


def set_limit(world: World, usd: float, **more: Any) -> None:
    limits_admin.set_limit(world.deps, ADMIN, usd=usd, **{"scope": ALL, "period": DAY, **more})


def left_usd(world: World, **asked: Any) -> float:
    found = budgets.spending_summary(world.deps, **asked).tightest_limit
    assert found is not None
    return found.left_usd


def test_a_start_that_waited_for_its_turn_is_held_to_the_limits_of_now(world):
    set_limit(world, 10)
    job, known = Job(**{**world.ask().model_dump(), "id": "another"}), limits.all_rules(world.deps)
    set_limit(world, 0.75)
    with pytest.raises(BudgetExceeded), world.deps.store.begin() as session:
        budgets.check_budget(world.deps, session, job, known, owners=["ana"])


@pytest.mark.parametrize(
    "given", [{}, {"period": MONTH}, {"scope": PERSON, "name": "ana"}, {"scope": OF_MODEL, "name": MODEL}]
)
def test_a_take_of_unknown_price_that_is_open_counts_for_a_limit_that_is_set_after_it(world, given):
    make_unpriced(world.deps, world.ask())
    set_limit(world, 9, **given)
    assert left_usd(world, owners=["ana"], model=MODEL) == 4.0
    set_limit(world, 5.5, **given)
    with pytest.raises(BudgetExceeded, match=r"\$0\.50 left"):
        world.ask()


@pytest.mark.parametrize("given", [{"scope": PERSON, "name": "ben"}, {"scope": OF_MODEL, "name": "a/model"}])
def test_it_counts_for_no_limit_that_does_not_concern_it(world, given):
    make_unpriced(world.deps, world.ask(viewer=ANA))
    world.deps.catalogue.get(MODEL)
    if given["scope"] is OF_MODEL:
        given = {**given, "name": world.deps.catalogue.search("veo")[0].id}
    set_limit(world, 9, **given)
    assert left_usd(world, owners=["ben"], model=given["name"]) == 9.0


def test_once_it_has_ended_it_counts_for_nothing_more(world):
    job = make_unpriced(world.deps, world.ask())
    set_limit(world, 9)
    run_sql(world.deps, "UPDATE job SET ended_at = created_at WHERE id = :id", id=job.id)
    assert left_usd(world) == 9.0


def test_what_a_host_whose_clock_is_ahead_starts_tomorrow_counts_for_this_month(world):
    set_limit(world, 1, period=MONTH)
    job = world.ask()
    run_sql(world.deps, "UPDATE line SET day = '2026-11-02' WHERE job_id = :id", id=job.id)
    with pytest.raises(BudgetExceeded):
        world.ask()
