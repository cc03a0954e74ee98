"""Generate: one click, one take; the form stays filled; what is wrong is said beside its field."""

import json

import pytest
import streamlit as st

from backend.catalogue.fields import read_fields
from backend.services.gallery import takes as gallery
from backend.services.prompting import vocabulary_admin
from backend.services.prompting.template_variables import Variable, VariableKind
from pages.ui.form import clicks
from tests.pages.conftest import SEED_MODEL, filled, link, param, shown, words
from tests.viewers import LOCAL_VIEWER
from tests.world import MODEL, PHOTO_MODEL, run_sql


def test_a_click_saves_one_take_that_stands_beside_the_form_which_stays_filled(visit, desk):
    app = filled(visit)
    app.selectbox(key="form:style:camera").set_value("Dolly in").run()
    job = desk.generate(app)
    assert (job.model, job.prompt, job.style) == (MODEL, "A red dress", {"camera": "Dolly in"})
    assert (desk.count(), job.params) == (1, {}), "a parameter at its default is not sent"
    assert "Saved. You can close this tab." in words(app)
    assert app.text_area(key="form:prompt").value == "A red dress"
    (take,) = shown(app, "status")
    assert (take["word"], take["icon"], take["moving"]) == ("Waiting to send", "bookmark_added", True)
    assert take["usual"]
    app.button(key=f"cancel-{job.id}").click().run()
    assert desk.job(job).state == "cancelled"
    app.button(key=f"open-made-{job.id}").click().run()
    assert app.query_params["take"] == job.id
    assert "A red dress" in [code.value for code in app.code]


@pytest.mark.parametrize(
    ("apart_s", "prompt", "takes"),
    [(60.0, "A red dress", 1), (0.0, "A red dress", 2), (60.0, "A blue dress", 2)],
    ids=["two quick clicks make one", "a while later another one", "changed, at once another one"],
)
def test_how_many_takes_two_clicks_make(visit, desk, monkeypatch, apart_s, prompt, takes):
    monkeypatch.setattr(clicks, "SAME_CLICK_S", apart_s)
    app = filled(visit)
    app.button(key="generate").click().run()
    app.text_area(key="form:prompt").set_value(prompt)
    app.button(key="generate").click().run()
    assert desk.count() == takes


def test_every_fault_is_named_at_once_beside_its_field_and_nothing_is_made(visit, desk):
    app = filled(visit, prompt="A bell \x07 in it", model=PHOTO_MODEL)
    app.selectbox(key="form:style:fabric").set_value("x" * 501).run()
    param(app, "text_area", "multi_prompt", PHOTO_MODEL).set_value("{broken").run()
    app.button(key="generate").click().run()
    told = words(app)
    beside = [line.split()[1] for line in told.splitlines() if line.startswith(":red[:material/error:")]
    assert beside == ["Add", "Prompt", "Fabric", "Multi"]
    assert "Not sent, and nothing was charged." in told
    assert desk.count() == 0
    app = filled(visit, prompt=" ")
    app.button(key="generate").click().run()
    assert ":red[:material/error: Prompt" in words(app)
    app.text_area(key="form:prompt").set_value("A dress").run()
    assert "Not sent" not in words(app)


def test_a_seed_is_shown_sent_and_drawn_anew(visit, desk):
    app = filled(visit, model=SEED_MODEL)
    seed = param(app, "number_input", "seed", SEED_MODEL).value
    assert desk.generate(app).params == {"seed": seed}
    assert isinstance(desk.newest().params["seed"], int)
    app.button(key=f"new-seed:form:param:{SEED_MODEL}:seed").click().run()
    assert param(app, "number_input", "seed", SEED_MODEL).value != seed


def test_every_model_on_offer_can_be_drawn_and_checked(deps):
    for model in gallery.list_usable_models(deps):
        for field in read_fields(model.schema):
            start = field.start_value
            start = field.widget_value(start) if field.kind == "json" and field.default else start
            assert field.kind == "json" or field.default is None or field.can_show(start), (model.id, field)
            if not field.required:
                assert field.kind == "seed" or field.sent_value(field.start_value) is None, (model.id, field)


def test_a_take_whose_model_is_gone_still_gives_its_words(visit, desk):
    job = desk.take("failed", "Old words")
    run_sql(desk.deps, "UPDATE job SET model = 'fal-ai/retired'")
    app = visit(**{"from": job.id})
    assert app.text_area(key="form:prompt").value == "Old words"
    assert "no longer on offer" in words(app)


def price_on_button(app):
    return app.button(key="generate").label.replace("\\", "").removeprefix("Generate · ")


def test_the_price_stands_on_the_button_and_follows_every_field(visit, monkeypatch):
    assert price_on_button(filled(visit)) == "$0.70 (demo: free)"
    monkeypatch.setenv("FAL_KEY", "id:secret-of-a-test")
    st.cache_resource.clear()
    app = filled(visit)
    assert price_on_button(app) == "$0.70"
    param(app, "select_slider", "duration").set_value("10").run()
    assert price_on_button(app) == "$1.40"
    assert "10 s × $0.14 · price of 2026-07-28" in words(app).replace("\\", "")
    app.selectbox(key="form:model").set_value("fal-ai/veo3.1").run()
    assert price_on_button(app) == "$3.20"
    app.selectbox(key="form:model").set_value("bytedance/seedance-2.0/fast/text-to-video").run()
    assert price_on_button(app) == "up to $3.66"


HOSTILE = "<script>alert(1)</script> **bold** $a$ and $b$ [x](http://y) :red[z]"


@pytest.mark.parametrize("page", [None, "library/gallery.py", "operate/activity.py", "library/take.py"])
def test_a_prompt_is_text_everywhere(visit, desk, page):
    job = desk.take("held", HOSTILE)
    app = visit(page, **{"take": job.id, "from": job.id})
    drawn = [str(item.value) for kind in ("markdown", "caption", "error") for item in app.get(kind)]
    assert not any("<script>" in text or ":red[z]" in text for text in drawn)
    assert not any(getattr(item.proto, "allow_html", False) for item in app.get("markdown"))
    everything = json.dumps([shown(app, name) for name in ("status", "wall")]) + words(app)
    assert page is None or "alert(1)" in everything


def test_an_error_of_a_provider_is_text_and_never_markup(visit, desk):
    job = desk.take("failed")
    desk.change(job, error={"message": HOSTILE, "next": HOSTILE, "charged": "no"})
    (told,) = [error.value for error in visit("library/take.py", take=job.id).error if "alert" in error.value]
    assert r"\<script\>alert\(1\)\</script\> \*\*bold\*\* \$a\$" in told
    assert r"\[x\]\(http\://y\) \:red\[z\]" in told


def test_a_length_that_is_slid_to_has_its_unit(visit):
    model = "xai/grok-imagine-video/text-to-video"
    assert param(filled(visit, model), "slider", "duration", model).proto.format == "%d s"


def test_alternatives_are_sent_as_written_until_somebody_wants_each_prompt_and_reads_it_first(visit, desk):
    def composed(app):
        return [code.value for code in app.code[: -1 if app.code[-1].language == "json" else None]]

    app = filled(visit, prompt="A {red|blue|} dress")
    assert composed(app) == ["A {red|blue|} dress"]
    assert desk.generate(app).sent_prompt == "A {red|blue|} dress", "a prompt is what somebody wrote"
    app.toggle(key="form:alternatives").set_value(True).run()
    assert composed(app) == ["A red dress", "A blue dress", "A dress"]
    assert "This makes 3 prompts" in words(app)
    assert r"Generate ×3 · \$2\.10" in app.button(key="generate").label
    app.button(key="generate").click().run()
    assert desk.count() == 4
    assert visit().text_area(key="form:prompt").value == "A {red|blue|} dress", "the draft is as written"
    app.text_area(key="form:prompt").set_value("A {red|blue dress").run()
    app.text_area(key="form:prompt").set_value("A {red|blue dress").run()
    app.button(key="generate").click().run()
    assert "never closed, at character 3" in words(app)
    assert desk.count() == 4, "and nothing is sent"


def test_what_was_generated_before_is_said_with_links_and_the_same_inputs_are_the_same_click(visit, desk):
    app = filled(visit)
    assert "Already generated" not in words(app)
    take = desk.take("stored")
    desk.take("failed")
    desk.take("stored", "Another")
    app = visit()
    assert "Already generated once." in words(app)
    assert take.id in link(app, f"Made …{take.id[-6:]}")
    app.selectbox(key="form:style:camera").set_value("Locked off").run()
    assert "Already generated" not in words(app)
    app.button(key="generate").click().run()
    app.selectbox(key="form:style:camera").set_value("locked-off camera on a tripod").run()
    app.button(key="generate").click().run()
    assert "Already sent" in words(app), "other words in the form, the same prompt sent"
    assert desk.count() == 4
    seeded = desk.take("stored", "Silk", model=SEED_MODEL, params={"seed": 7})
    app = visit(**{"from": seeded.id, "parts": "everything"})
    assert "Already generated once. The same seed gives the same take again." in words(app)


def test_a_templates_variables_are_fields_of_the_form_and_come_back_with_the_take(visit, desk):
    asked = [
        Variable("garment", VariableKind.CHOICE, options=("coat", "dress")),
        Variable("count", VariableKind.NUMBER, 1, low=1, high=9), Variable("mood"),
    ]  # fmt: skip
    text = "{{ prompt }}: {{ garment }} {{ count }} {{ mood }}"
    vocabulary_admin.save_template(desk.deps, LOCAL_VIEWER, text, variables=asked)
    vocabulary_admin.promote_template(desk.deps, LOCAL_VIEWER, 2)
    app = filled(visit, prompt="Walk")
    assert app.code[0].value == "Walk: coat 1"
    app.selectbox(key="form:variable:2:garment").set_value("dress")
    app.number_input(key="form:variable:2:count").set_value(3)
    app.text_input(key="form:variable:2:mood").set_value("calm").run()
    job = desk.generate(app)
    assert (job.sent_prompt, job.variables) == (
        "Walk: dress 3 calm", {"garment": "dress", "count": 3, "mood": "calm"},
    )  # fmt: skip
    assert visit().number_input(key="form:variable:2:count").value == 3, "the form's draft has them"
    vocabulary_admin.promote_template(desk.deps, LOCAL_VIEWER, 1)
    told = str(shown(visit("library/take.py", take=job.id), "facts"))
    assert "'Version 2'" in told
    assert "{'label': 'Garment', 'value': 'dress'}" in told
    again = visit(**{"from": job.id, "parts": "everything"})
    assert (again.selectbox(key="form:template").value, again.code[0].value) == (2, "Walk: dress 3 calm")
