"""The price of a model on the Models page: what was written stays until it fits; changes are shown."""

import json

from backend.services.money import price_rules
from tests.pages.conftest import words
from tests.world import MODEL

MODELS = "operate/models.py"
RULE = {"unit": "second", "count": {"kind": "seconds", "field": "duration"}, "rules": [{"unit_usd": 150}]}


def test_a_price_is_corrected_where_every_fault_is_told_and_a_dear_one_is_asked_about(visit, deps):
    app = visit(MODELS, find=MODEL)
    app.button(key=f"rule-of-{MODEL}").click().run()
    assert json.loads(app.text_area(key="rule:text").value)["rules"] == [{"unit_usd": 0.14}]

    wrong = json.dumps({**RULE, "unit": 5, "colour": "red"})
    app.text_area(key="rule:text").set_value(wrong)
    app.button(key="rule-save").click().run()
    told = "\n".join(error.value for error in app.error).replace("\\", "")
    assert "unit must be a valid string" in told
    assert "colour is not known to price rules" in told
    assert app.text_area(key="rule:text").value == wrong

    app.text_area(key="rule:text").set_value(json.dumps(RULE))
    app.checkbox(key="rule:dear").check()
    app.text_input(key="rule:note").set_value("a film of its own")
    app.button(key="rule-save").click().run()
    assert [row.note for row in price_rules.list_history(deps, MODEL)] == ["a film of its own"]
    assert "What holds now is the team's rule" in words(app)
    assert "a film of its own" in words(app).replace("\\", "")

    app.button(key="rule-withdraw").click().run()
    assert json.loads(app.text_area(key="rule:text").value)["rules"] == [{"unit_usd": 0.14}]
    app.button(key="rule-close").click().run()
    assert "Price of" not in words(app)


def test_a_price_is_edited_right_below_its_model_and_above_the_list_where_that_is_not_shown(visit, deps):
    app = visit(MODELS)
    app.button(key=f"rule-of-{MODEL}").click().run()
    above = words(app).partition("##### Price of")[0]
    rows = {above.find(f"`{model.id}`"): model.id for model in deps.catalogue.search()}
    assert rows[max(rows)] == MODEL
    elsewhere = words(visit(MODELS, price_of=MODEL, find="no such model"))
    assert 0 <= elsewhere.find("##### Price of") < elsewhere.find("No model fits")
