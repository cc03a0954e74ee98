"""The Models page: all that is on offer, what can't be used and why, and the way to a take."""

import json
from dataclasses import asdict, replace

import pytest

from backend.catalogue.models import parse_model
from backend.catalogue.pricing.bill import Price
from backend.models import CatalogueEntry
from backend.services.catalogue import refresh_schedule
from backend.services.catalogue.live_catalogue import NEWEST, NewestCatalogue
from backend.services.catalogue.refresh_schedule import RefreshState
from backend.services.money import price_rules
from tests.pages.conftest import words
from tests.viewers import LOCAL_VIEWER
from tests.world import MODEL

PAGE = "operate/models.py"
BROKEN = parse_model({"endpoint_id": "a/broken", "title": "Broken", "input": {}})


def keys(app):
    """The models in the rows, in order."""
    return [key.removeprefix("use-") for button in app.button if (key := button.key or "").startswith("use-")]


@pytest.fixture
def with_broken(deps):
    """The catalogue holds one good model, and one that can't be used."""
    now = deps.clock.now()
    with deps.store.begin() as session:
        for model in (deps.catalogue.get(MODEL), BROKEN):
            session.add(CatalogueEntry(id=model.id, data=asdict(model), at=now))
        NEWEST.put(session, NewestCatalogue(now, deps.clock.new_id(), 2))
    deps.catalogue.load_newest()


def test_every_model_stands_there_with_price_and_usual_time(visit, deps):
    app = visit(PAGE)
    assert len(keys(app)) == 24
    assert f"**{len(deps.catalogue.search()):,} models**" in words(app)
    app.button(key="more-models").click().run()
    assert set(keys(app)) == {model.id for model in deps.catalogue.search() if model.usable}
    shown = words(app).replace("\\", "")
    assert "$0.42 – $2.10 a take" in shown
    assert "by resolution, sound, duration" in shown
    assert "$0.49 a take" in shown
    assert ":material/timer: about 1:40" in words(app)


@pytest.fixture
def with_drift(deps):
    """fal's list says three times as much for a second of a model as its rule was written with."""
    now, veo = deps.clock.now(), deps.catalogue.get("fal-ai/veo3.1")
    dearer = replace(veo, price=Price("second", 1.2), price_before=veo.price, price_since=now.isoformat())
    with deps.store.begin() as session:
        session.add(CatalogueEntry(id=veo.id, data=asdict(dearer), at=now))
        NEWEST.put(session, NewestCatalogue(now, deps.clock.new_id(), 1))
    deps.catalogue.load_newest()


def test_a_price_that_drifted_or_rose_steeply_is_told_with_both_figures(visit, with_drift):
    told = words(visit(PAGE)).replace("\\", "")
    both = "list says $1.20 a second, the price rule was written at $0.40 a second"
    assert told.count(both) == 2, "in the warning and in the row"
    assert "price drifted" in told
    assert "$0.40 → $1.20 a second" in told
    assert "$0.80 – $14.40 a take" in told, "up to what is held of the dearest take: 8 s at 4k with sound"


def test_what_became_of_a_refused_price_is_told_whole_however_long_the_rest_is(visit, deps):
    now, model = deps.clock.now(), deps.catalogue.get(MODEL)
    stays = "fal's newest price for it was refused: it is in EUR, not in dollars. The price of before stays."
    refused = replace(model, description="A long story of a model. " * 12, price_note=stays)
    with deps.store.begin() as session:
        session.add(CatalogueEntry(id=model.id, data=asdict(refused), at=now))
        NEWEST.put(session, NewestCatalogue(now, deps.clock.new_id(), 1))
    deps.catalogue.load_newest()
    assert stays in words(visit(PAGE)).replace("\\", "")


def test_where_a_rule_gives_no_number_a_unit_of_the_list_is_no_price_of_a_take(visit, deps):
    case = {"when": {"duration": ["no such"]}, "unit_usd": 0.1}
    rule = {"unit": "second", "count": {"kind": "one"}, "rules": [case]}
    assert "price unavailable" not in words(visit(PAGE, find=MODEL))
    price_rules.set_rule(deps, LOCAL_VIEWER, MODEL, json.dumps(rule))
    shown = words(visit(PAGE, find=MODEL)).replace("\\", "")
    assert "price unavailable" in shown
    assert "$0.14 a second" not in shown


def test_a_model_that_cannot_be_used_is_listed_with_the_reason(visit, with_broken):
    app = visit(PAGE)
    assert keys(app)[:1] == [MODEL]
    assert "a/broken" not in keys(app)
    for told in ("**Broken**", "the schema lists no inputs", "can't be used"):
        assert told in words(app)


def test_filters_narrow_the_list_and_can_be_cleared(visit, deps):
    app = visit(PAGE)
    app.text_input("find").set_value("kling photo").run()
    assert keys(app)
    assert all("kling" in key for key in keys(app))
    app.selectbox("price").set_value("By the video").run()
    assert keys(app) == []
    assert "No model fits" in words(app)
    app.button(key="clear-models-empty").click().run()
    app.selectbox("price").set_value("Up to $0.25 a second").run()
    prices = [deps.catalogue.get(key).usual_price for key in keys(app)]
    assert prices
    assert all(price.unit == "second" and price.unit_usd <= 0.25 for price in prices)
    app.button(key="clear-models").click().run()
    app.button_group("kind").set_value("image-to-video").run()
    assert {deps.catalogue.get(key).category for key in keys(app)} == {"image-to-video"}


def test_generate_opens_the_form_with_that_model_once(visit, deps):
    app = visit(PAGE)
    chosen = keys(app)[3]
    app.button(key=f"use-{chosen}").click().run()
    assert app.selectbox("form:model").value == chosen
    app = visit("studio/generate.py", model=chosen)
    app.selectbox("form:model").set_value(MODEL).run()
    assert app.selectbox("form:model").value == MODEL
    assert "model" not in app.query_params


def test_an_address_with_a_model_that_cannot_be_used_says_so_and_the_form_works(visit, with_broken):
    gone = "is not on offer"
    for model_id, why in (("<b>x</b>", gone), ("x" * 5000, gone), ("a/broken", "lists no inputs")):
        app = visit("studio/generate.py", model=model_id)
        assert why in words(app)
        assert app.selectbox("form:model").value == MODEL


def test_the_button_wishes_for_a_refresh_and_the_page_shows_how_it_goes(visit, deps):
    app = visit(PAGE)
    assert "Built in" in words(app)
    app.button(key="refresh-catalogue").click().run()
    assert refresh_schedule.last_refresh(deps).state == RefreshState.WANTED
    assert app.button(key="refresh-catalogue").disabled
    assert "waits for a worker" in words(app)
    refresh_schedule.record_status(deps, RefreshState.RUNNING, "prices: 50 of 1,500")
    assert "prices: 50 of 1,500" in words(app.run()).replace("\\", "")
    refresh_schedule.record_status(deps, RefreshState.FAILED, "/v1/models answered 500")
    assert "answered 500" in words(app.run())
    assert "the list stayed as it was" in words(app)
    assert not app.button(key="refresh-catalogue").disabled
