"""A budget of a collection: a start that names it is put into it, or refused if it would pass the limit."""

import pytest

from backend.domain.errors import BudgetExceeded, InvalidRequest
from backend.domain.kinds import BudgetPeriod, BudgetScope
from backend.services.library import groups
from backend.services.library.groups import GroupKind
from backend.services.money import budgets, limits_admin
from tests import databases
from tests.services.client import BODY, at_fault, said
from tests.services.experiments.building import plan_body, ticks
from tests.world import ADMIN, ANA, MODEL, UNPRICED, at_once

pytestmark = databases.BOTH
#: Five seconds at $0.14.
FIVE = 0.70


def collection(sidecar, name: str) -> str:
    return groups.create_group(sidecar.deps, ANA, GroupKind.COLLECTION, name).id


def limit(sidecar, name: str, usd: float, period: BudgetPeriod = BudgetPeriod.MONTH) -> None:
    scope = BudgetScope.COLLECTION
    limits_admin.set_limit(sidecar.deps, ADMIN, scope=scope, name=name, period=period, usd=usd)


def test_what_fits_is_put_into_it_and_what_does_not_is_refused_by_its_name(sidecar):
    spring, autumn = collection(sidecar, "Spring"), collection(sidecar, "Autumn")
    limit(sidecar, spring, 3 * FIVE)

    def press(_: int) -> str:
        try:
            sidecar.ask(collections=[autumn, spring])
        except BudgetExceeded as refused:
            return str(refused)
        return ""

    told = at_once(6, press)
    assert told.count("") == 3
    words = {one.partition(" has")[0] for one in told if one}
    assert words == {"This month's budget for the collection Spring"}
    sidecar.ask(collections=[autumn])
    moved = sidecar.ask()
    groups.change_takes(sidecar.deps, ANA, GroupKind.COLLECTION, spring, add=[moved.id], remove=[])
    summary = budgets.spending_summary(sidecar.deps, ("ana",), collections=[spring])
    assert (summary.tightest_limit.left_micros, summary.tightest_limit.left_words) == (
        -700_000, "left this month for this collection",
    )  # fmt: skip


def test_a_take_that_is_taken_out_makes_room_and_each_collection_may_have_its_own(sidecar):
    spring, autumn = collection(sidecar, "Spring"), collection(sidecar, "Autumn")
    limit(sidecar, "", FIVE, BudgetPeriod.DAY)
    first = sidecar.ask(collections=[spring])
    sidecar.ask()  # of no collection
    with pytest.raises(BudgetExceeded, match="Today's budget for the collection Spring"):
        sidecar.ask(collections=[autumn, spring])
    groups.change_takes(sidecar.deps, ANA, GroupKind.COLLECTION, spring, add=[], remove=[first.id])
    sidecar.ask(collections=[autumn, spring])


def test_a_take_without_a_price_counts_for_its_stand_in(sidecar):
    spring = collection(sidecar, "Spring")
    before = sidecar.ask(**UNPRICED, collections=[spring])
    limit(sidecar, spring, 9)
    with pytest.raises(BudgetExceeded, match=r"has \$4\.00 left"):
        sidecar.ask(**UNPRICED, collections=[spring])
    sidecar.ask(collections=[spring])
    assert before.estimate_usd is None


@pytest.mark.databases(None)
def test_a_start_tells_its_collections_and_one_that_is_not_there_is_named(sidecar):
    spring = collection(sidecar, "Spring")
    body = {**BODY, "collections": [spring, spring]}
    started = sidecar.start(body, key="once").get_json()["id"]
    assert sidecar.start(body, key="once").get_json()["id"] == started
    assert sidecar.get(f"/api/video/status/{started}").get_json()["collections"] == [spring]
    assert [one["id"] for one in sidecar.page(f"collection={spring}")["items"]] == [started]
    for given in (["none"], "none", [7], [spring] * 51, [""]):
        assert at_fault(sidecar.start({**BODY, "collections": given})).keys() == {"collections"}
    limit(sidecar, spring, 1)
    assert said(sidecar.start(body), 402)["left_usd"] == 0.3


@pytest.mark.databases(None)
def test_a_limit_is_of_a_collection_that_is_there_and_tells_what_it_has_left(sidecar):
    spring = collection(sidecar, "Spring")
    with pytest.raises(InvalidRequest) as refused:
        limit(sidecar, "none", 1)
    assert list(refused.value.fields) == ["name"]
    limit(sidecar, spring, 1)
    sidecar.ask(collections=[spring])
    (status,) = limits_admin.list_limits(sidecar.deps, ADMIN)
    assert (status.rule.name, round(status.measured.left_usd, 2)) == (spring, 0.3)


@pytest.mark.databases(None)
def test_takes_of_an_experiment_for_a_collection_are_put_into_it_and_held_to_its_limit(sidecar):
    spring = collection(sidecar, "Spring")
    limit(sidecar, spring, 3 * FIVE)
    base = {"model": MODEL, "params": {"duration": "5"}}
    body = plan_body(base={**base, "collections": ["none"]})
    answer = sidecar.call("ana", "POST", "/api/experiments?dry_run=1", json=body)
    assert "there is no collection 'none'" in answer.get_data(as_text=True)
    made = sidecar.call(
        "ana", "POST", "/api/experiments", json=plan_body(base={**base, "collections": [spring]}, canary=0)
    )
    experiment = made.get_json()["id"]
    sidecar.call("ana", "POST", f"/api/experiments/{experiment}/start")
    ticks(sidecar, 4)
    assert len(sidecar.page(f"collection={spring}")["items"]) == 3
    now = sidecar.get(f"/api/experiments/{experiment}").get_json()
    assert (now["state"], now["takes"]["planned"]) == ("paused", 1)
