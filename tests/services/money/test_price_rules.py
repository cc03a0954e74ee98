"""A team's own rules of prices: they hold at once, before the program's, and keep their history."""

import json

import pytest

from backend.domain.errors import InvalidRequest, NotAllowed
from backend.services.money import price_rules
from backend.services.money.quotes import quote_take
from tests import databases
from tests.viewers import LOCAL_VIEWER
from tests.world import ANA, MODEL

pytestmark = databases.BOTH

RULE = {"unit": "second", "count": {"kind": "seconds", "field": "duration"}, "rules": [{"unit_usd": 0.2}]}


def quote(sidecar, seconds="5", deps=None):
    deps = deps or sidecar.deps
    return quote_take(deps, deps.catalogue.get(MODEL), {"duration": seconds})


def write(sidecar, rule=RULE, viewer=LOCAL_VIEWER, **more):
    text = rule if isinstance(rule, str) else json.dumps(rule)
    return price_rules.set_rule(sidecar.deps, viewer, MODEL, text, **more)


def test_a_teams_rule_holds_at_once_and_the_programs_again_when_it_is_withdrawn(sidecar):
    assert quote(sidecar).usd == 0.7
    write(sidecar, note="the contract of May")
    told = quote(sidecar)
    assert (told.usd, told.source, told.as_of) == (1.0, "rule", f"{sidecar.clock.now():%Y-%m-%d}")
    assert sidecar.ask().estimate_usd == 1.0
    write(sidecar, {**RULE, "rules": [{"unit_usd": 0.3}]})
    assert quote(sidecar).usd == 1.5
    price_rules.withdraw_rule(sidecar.deps, LOCAL_VIEWER, MODEL, note="expired")
    assert quote(sidecar).usd == 0.7
    history = price_rules.list_history(sidecar.deps, MODEL)
    assert [(row.set_by, row.note, row.rule is None) for row in history] == [
        ("studio", "expired", True), ("studio", "", False), ("studio", "the contract of May", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "faults"),
    [
        ("{", {"rule"}),
        ("[]", {"rule"}),
        ({**RULE, "unit": "", "rules": []}, {"unit", "rules"}),
        ({**RULE, "rules": [{"unit_usd": -1}, {"unit_usd": "2"}]}, {"rules.0.unit_usd", "rules.1.unit_usd"}),
        ({**RULE, "rules": [{"unit_usd": 101}]}, {"rules.0.unit_usd"}),
        ({**RULE, "endpoint_id": "fal-ai/another"}, {"endpoint_id"}),
        ({**RULE, "rules": [{"when": {"colour": ["red"]}, "unit_usd": 1}]}, {"colour"}),
        ({**RULE, "colour": "red"}, {"colour"}),
    ],
)
def test_every_fault_of_a_rule_is_named_and_nothing_changes(sidecar, rule, faults):
    with pytest.raises(InvalidRequest) as refused:
        write(sidecar, rule)
    assert set(refused.value.fields) == faults
    assert quote(sidecar).usd == 0.7
    assert price_rules.list_history(sidecar.deps, MODEL) == []


def test_a_unit_over_100_dollars_is_asked_about_and_then_taken(sidecar):
    dear = {**RULE, "rules": [{"unit_usd": 150}]}
    with pytest.raises(InvalidRequest, match="say that it is meant"):
        write(sidecar, dear)
    write(sidecar, dear, dear_is_meant=True)
    assert quote(sidecar).usd == 750


def test_lists_tell_from_where_to_where_the_teams_prices_go(sidecar):
    def told():
        (model,) = sidecar.get(f"/api/models?q={MODEL}").get_json()["items"]
        return model["price_range"]["from_usd"], model["price_range"]["to_usd"]

    before = told()
    write(sidecar)
    low, high = told()
    assert (low, high) == pytest.approx([usd / 0.14 * 0.2 for usd in before])
    price_rules.withdraw_rule(sidecar.deps, LOCAL_VIEWER, MODEL)
    assert told() == before


def test_only_an_admin_writes_rules(sidecar):
    with pytest.raises(NotAllowed):
        write(sidecar, viewer=ANA)
    with pytest.raises(NotAllowed):
        price_rules.withdraw_rule(sidecar.deps, ANA, MODEL)


def test_a_rule_as_people_edit_it_is_the_rule(sidecar):
    model = sidecar.deps.catalogue.get(MODEL)
    rule = price_rules.rule_of(sidecar.deps, model)
    write(sidecar, price_rules.rule_text(rule))
    assert price_rules.rule_of(sidecar.deps, model) == rule
