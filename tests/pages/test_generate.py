"""Generate: one click, one take; the form stays filled; what is wrong is said beside its field."""

import json

import pytest
import streamlit as st

from backend.services.access import LOCAL_VIEWER
from backend.services.gallery import takes as gallery
from backend.services.takes import photos
from backend.store.jobs import jobs
from pages.ui.form import form
from pages.ui.form.fields import read_fields
from tests.pages.conftest import MODEL, PHOTO_MODEL, SEED_MODEL, filled, param, photo, shown, words


def test_a_click_saves_one_take_that_stands_beside_the_form_which_stays_filled(visit, desk):
    app = filled(visit)
    app.selectbox(key="form:style:camera").set_value("Dolly in").run()
    job = desk.generate(app)
    assert (desk.count(), job.model, job.prompt, job.style) == (
        1,
        MODEL,
        "A red dress",
        {"camera": "Dolly in"},
    )
    assert "Saved. You can close this tab." in words(app)
    assert app.text_area(key="form:prompt").value == "A red dress"
    (take,) = shown(app, "status")
    assert (take["word"], take["icon"], take["moving"]) == ("Saved", "bookmark_added", True)
    assert take["usual"]


def test_a_take_beside_the_form_can_be_stopped_and_opened(visit, desk):
    app = filled(visit)
    app.button(key="generate").click().run()
    app.button(key=f"cancel-{desk.newest().id}").click().run()
    assert desk.newest().state == "cancelled"
    app.button(key=f"open-made-{desk.newest().id}").click().run()
    assert app.query_params["take"] == desk.newest().id
    assert "A red dress" in [code.value for code in app.code]


@pytest.mark.parametrize(
    ("apart_s", "prompt", "takes"),
    [(60.0, "A red dress", 1), (0.0, "A red dress", 2), (60.0, "A blue dress", 2)],
    ids=["two quick clicks make one", "a while later another one", "changed, at once another one"],
)
def test_how_many_takes_two_clicks_make(visit, desk, monkeypatch, apart_s, prompt, takes):
    monkeypatch.setattr(form, "SAME_CLICK_S", apart_s)
    app = filled(visit)
    app.button(key="generate").click().run()
    app.text_area(key="form:prompt").set_value(prompt)
    app.button(key="generate").click().run()
    assert desk.count() == takes


def test_an_empty_prompt_is_refused_beside_its_field_and_nothing_is_made(visit, desk):
    app = filled(visit, prompt=" ")
    app.button(key="generate").click().run()
    assert "Not sent, and nothing was charged." in words(app)
    assert ":red[:material/error: Prompt" in words(app)
    assert desk.count() == 0
    app.text_area(key="form:prompt").set_value("A dress").run()
    assert "Not sent" not in words(app)


def test_every_fault_is_named_at_once(visit, desk):
    app = filled(visit, prompt="A hidden mark \u202e in it", model=PHOTO_MODEL)
    app.selectbox(key="form:style:fabric").set_value("x" * 501).run()
    param(app, "text_area", "multi_prompt", PHOTO_MODEL).set_value("{broken").run()
    app.button(key="generate").click().run()
    told = words(app)
    beside = [line.split()[1] for line in told.splitlines() if line.startswith(":red[:material/error:")]
    assert beside == ["Image", "Prompt", "Fabric", "Multi"]
    assert desk.count() == 0


def test_what_is_sent_and_where_its_words_came_from_is_shown_before(visit):
    app = filled(visit, prompt="A red dress")
    app.selectbox(key="form:style:fabric").set_value("Silk").run()
    app.selectbox(key="form:style:camera").set_value("through wet glass").run()
    assert app.code[0].value == (
        "A red dress. Fabric: liquid silk with soft, travelling highlights. Camera: through wet glass."
    )
    assert ":material/checkroom: Silk · :material/videocam: own words · template 1" in words(app)


def test_a_parameter_at_its_default_is_not_sent(visit, desk):
    app = filled(visit)
    assert desk.generate(app).params == {}
    param(app, "select_slider", "duration", MODEL).set_value("10").run()
    assert desk.generate(app).params == {"duration": "10"}


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


def test_a_photo_is_asked_for_only_where_the_model_takes_one(visit, desk):
    app = filled(visit)
    assert not app.file_uploader
    app.selectbox(key="form:model").set_value(PHOTO_MODEL).run()
    app.file_uploader[0].upload("sun.jpg", photo()).run()
    assert "sun.jpg\n640 × 480" in words(app)
    assert desk.generate(app).image == photos.list_uploads(desk.deps, LOCAL_VIEWER)[0].id


def test_what_is_no_photo_is_refused_with_the_reason(visit, desk):
    app = filled(visit, model=PHOTO_MODEL)
    assert app.file_uploader[0].upload("page.png", b"<html>not a picture</html>").run().error


def test_using_a_take_again_fills_the_whole_form(visit, desk):
    upload = photos.create_upload(desk.deps, LOCAL_VIEWER, photo(), file_name="sun.jpg")
    job = desk.take(
        "stored", "The sun breathes", model=PHOTO_MODEL, image=upload.id, params={"duration": "7"},
        style={"camera": "Orbit", "aesthetic": "my own words"},
    )  # fmt: skip
    app = visit(**{"from": job.id})
    assert app.text_area(key="form:prompt").value == "The sun breathes"
    again = desk.generate(app)
    assert again.id != job.id
    for name in ("model", "prompt", "style", "params", "image"):
        assert getattr(again, name) == getattr(job, name)


def test_a_take_whose_model_is_gone_still_gives_its_words(visit, desk):
    job = desk.take("failed", "Old words")
    with desk.deps.store.begin() as session:
        row = session.get(type(job), job.id)
        row.model = "fal-ai/retired"
        session.add(row)
    app = visit(**{"from": job.id})
    assert app.text_area(key="form:prompt").value == "Old words"
    assert "no longer on offer" in words(app)


def test_the_price_stands_on_the_button(visit, monkeypatch):
    assert filled(visit).button(key="generate").label == "Generate · free (demo)"
    monkeypatch.setenv("FAL_KEY", "id:secret-of-a-test")
    st.cache_resource.clear()
    app = filled(visit)
    assert app.button(key="generate").label == r"Generate · ≈ \$0.70"
    param(app, "select_slider", "duration", MODEL).set_value("10").run()
    assert app.button(key="generate").label == r"Generate · ≈ \$1.40"
    app.selectbox(key="form:model").set_value(SEED_MODEL).run()
    assert app.button(key="generate").label == "Generate · price unknown"


HOSTILE = "<script>alert(1)</script> **bold** $a$ and $b$ [x](http://y) :red[z]"


@pytest.mark.parametrize("page", [None, "library/gallery.py", "operate/activity.py", "library/take.py"])
def test_a_prompt_is_text_everywhere(visit, desk, page):
    job = desk.take("held", HOSTILE)
    app = visit(page, **({"take": job.id} if page == "library/take.py" else {"from": job.id}))
    kinds = ("markdown", "caption", "error", "warning")
    drawn = [str(item.value) for kind in kinds for item in app.get(kind)]
    assert not any("<script>" in text or ":red[z]" in text for text in drawn)
    assert not any(getattr(item.proto, "allow_html", False) for item in app.get("markdown"))
    everything = json.dumps([shown(app, name) for name in ("status", "gallery")]) + words(app)
    assert page is None or "alert(1)" in everything


def test_an_error_of_a_provider_is_text_and_never_markup(visit, desk):
    job = desk.take("failed")
    error = {"message": HOSTILE, "next": HOSTILE, "charged": "no"}
    with desk.deps.store.begin() as session:
        jobs.update_if_unchanged(session, desk.job(job.id), error=error)
    (told,) = [error.value for error in visit("library/take.py", take=job.id).error if "alert" in error.value]
    assert r"\<script\>alert\(1\)\</script\> \*\*bold\*\* \$a\$" in told
    assert r"\[x\]\(http\://y\) \:red\[z\]" in told
