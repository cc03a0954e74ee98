"""A rule that can't be used is refused, with every field at fault."""

import math

import pytest

from backend.catalogue.pricing.rules import PriceRuleError, parse_rule

GOOD = {
    "endpoint_id": "house/model",
    "unit": "second",
    "count": {"kind": "seconds", "field": "duration"},
    "rules": [{"when": {"ratio": ["720p"]}, "unit_usd": 0.1}],
    "source": [{"name": "the house"}],
    "as_of": "2026-11-20",
    "confidence": "high",
}


def faults(entry, **options):
    """field -> what is wrong with it."""
    with pytest.raises(PriceRuleError) as refused:
        parse_rule(entry, **options)
    assert all(field in str(refused.value) for field in refused.value.faults)
    return refused.value.faults


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"colour": 1}, "colour", "is not known"),
        ({"rules": [{"unit_usd": 0.1, "at": 3}]}, "rules.0.at", "is not known"),
        ({"count": {"kind": "seconds", "field": "duration", "round": "up"}}, "count.round", "is not known"),
        ({"count": {"kind": "weeks"}}, "count", "must have a kind out of one"),
        ({"count": {"kind": "seconds"}}, "count.field", "is missing"),
        ({"rules": [{"unit_usd": -0.1}]}, "rules.0.unit_usd", "greater than or equal to 0"),
        ({"rules": [{"unit_usd": math.nan}]}, "rules.0.unit_usd", "must be a finite number"),
        ({"rules": [{"unit_usd": math.inf}]}, "rules.0.unit_usd", "must be a finite number"),
        ({"rules": [{"unit_usd": 100.01}]}, "rules.0.unit_usd", "is over $100 a unit"),
        ({"rules": [{"unit_usd": "0.1"}]}, "rules.0.unit_usd", "must be a valid number"),
        ({"rules": [{"unit_usd": True}]}, "rules.0.unit_usd", "must be a valid number"),
        ({"rules": [{"when": {"ratio": "720p"}, "unit_usd": 1}]}, "rules.0.when.ratio", 'must be "*"'),
        ({"rules": [{"when": {"ratio": []}, "unit_usd": 1}]}, "rules.0.when.ratio", 'must be "*"'),
        ({"rules": []}, "rules", "at least 1"),
        ({"rules": [{}]}, "rules.0.unit_usd", "is missing"),
        ({"add": [{"per": "image_url", "usd": "free"}]}, "add.0.usd", "must be a valid number"),
        ({"bill": {"unit": "second", "unit_usd": -1}}, "bill.unit_usd", "greater than or equal to 0"),
        (
            {"count": {"kind": "frames", "field": "num_frames", "fps": 1e-300}}, "count.fps",
            "greater than or equal to 0.001",
        ),
        ({"source": []}, "source", "at least 1"),
        ({"until": "soon"}, "until", "must be a day such as"),
        ({"confidence": "sure"}, "confidence", "must be 'high'"),
    ],
)  # fmt: skip
def test_a_rule_that_makes_no_sense_is_refused_with_the_field_at_fault(change, field, said):
    assert parse_rule(GOOD).endpoint_id == "house/model"
    found = faults({**GOOD, **change})
    assert list(found) == [field]
    assert said in found[field]


def test_every_field_at_fault_is_named_at_once():
    broken = {**GOOD, "rules": [{"unit_usd": "1"}, {"unit_usd": -1, "colour": 1}], "unit": 5, "at": "x"}
    assert set(faults(broken)) == {"rules.0.unit_usd", "rules.1.unit_usd", "rules.1.colour", "unit", "at"}
    assert faults("0.1") == {"rule": "must be an object"}


def test_a_unit_over_a_hundred_dollars_is_taken_when_somebody_says_that_it_is_meant():
    dear = {**GOOD, "rules": [{"unit_usd": 101}]}
    assert "say that it is meant" in faults(dear)["rules.0.unit_usd"]
    assert parse_rule(dear, dear_is_meant=True).rules[0].unit_usd == 101
    assert faults({**GOOD, "rules": [{"unit_usd": 1e9}]}, dear_is_meant=True)
