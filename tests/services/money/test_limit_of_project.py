"""A budget of a project: a start that would pass it is refused by its name, however many press at once."""

import pytest

from backend.domain.errors import BudgetExceeded, InvalidRequest
from backend.domain.kinds import BudgetPeriod, BudgetScope
from backend.services.library import edit
from backend.services.library.changes import TakeChanges
from backend.services.money import budgets, limits_admin
from tests import databases
from tests.services.money.test_spend_of_projects import project, put
from tests.world import ADMIN, ANA, at_once

pytestmark = databases.BOTH
#: Five seconds at $0.14.
FIVE = 0.70


def limit(sidecar, name: str, usd: float, period: BudgetPeriod = BudgetPeriod.MONTH) -> None:
    limits_admin.set_limit(sidecar.deps, ADMIN, scope=BudgetScope.PROJECT, name=name, period=period, usd=usd)


def test_what_fits_is_accepted_and_what_does_not_is_refused_by_the_projects_name(sidecar):
    spring, autumn = project(sidecar, "Spring"), project(sidecar, "Autumn")
    limit(sidecar, spring, 3 * FIVE)

    def press(_: int) -> str:
        try:
            sidecar.ask(project=spring)
        except BudgetExceeded as refused:
            return str(refused)
        return ""

    said = at_once(6, press)
    assert said.count("") == 3
    assert {one.partition(" has")[0] for one in said if one} == {"This month's budget for the project Spring"}
    sidecar.ask(project=autumn)
    moved = sidecar.ask()
    with pytest.raises(BudgetExceeded):
        sidecar.ask(project=spring)
    put(sidecar, moved, spring)  # what is paid for already may be put anywhere
    summary = budgets.spending_summary(sidecar.deps, ("ana",), project=spring)
    assert (summary.tightest_limit.left_micros, summary.tightest_limit.left_words) == (
        -700_000, "left this month for this project",
    )  # fmt: skip


def test_a_take_that_leaves_makes_room_and_each_project_may_have_its_own(sidecar):
    spring, autumn = project(sidecar, "Spring"), project(sidecar, "Autumn")
    limit(sidecar, "", FIVE, BudgetPeriod.DAY)
    first = sidecar.ask(project=spring)
    sidecar.ask(project=autumn)
    with pytest.raises(BudgetExceeded, match="Today's budget for the project Spring"):
        sidecar.ask(project=spring)
    sidecar.ask()  # of no project
    edit.edit_take(sidecar.deps, ANA, first.id, TakeChanges(project=None))
    sidecar.ask(project=spring)


@pytest.mark.databases(None)
def test_a_limit_is_of_a_project_that_is_there_and_tells_what_it_has_left(sidecar):
    spring = project(sidecar, "Spring")
    with pytest.raises(InvalidRequest) as refused:
        limit(sidecar, "none", 1)
    assert list(refused.value.fields) == ["name"]
    limit(sidecar, spring, 1)
    sidecar.ask(project=spring)
    (status,) = limits_admin.list_limits(sidecar.deps, ADMIN)
    assert (status.rule.name, round(status.measured.left_usd, 2)) == (spring, 0.3)
