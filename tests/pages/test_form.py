"""The form around its parameters: models found quickly, presets, photos beside the first, another model."""

import json

import pytest
import streamlit as st

from backend.services.access import LOCAL_VIEWER, Role, Viewer
from backend.services.prompting import vocabulary_admin
from backend.services.prompting.vocabulary import current_vocabulary
from backend.services.takes import photos, presets
from pages.ui.form import fields
from tests.pages.conftest import MODEL, PHOTO_MODEL, SEED_MODEL, filled, param, photo, words

FRAMES_MODEL = "fal-ai/veo3.1/fast/first-last-frame-to-video"
SEVERAL_MODEL = "fal-ai/veo3.1/reference-to-video"
COUNTED_MODEL = "bytedance/seedance-2.0/fast/reference-to-video"
TAIL_MODEL = "fal-ai/kling-video/v2.5-turbo/pro/image-to-video"


def test_a_favourite_stands_first_and_models_used_lately_follow(visit, desk):
    desk.take("stored", model=SEED_MODEL)
    app = filled(visit, TAIL_MODEL)
    app.button(key="favourite").click().run()
    options = app.selectbox(key="form:model").options
    assert options[0].startswith("★ ")
    assert presets.list_favourites(desk.deps, LOCAL_VIEWER) == [TAIL_MODEL]
    assert options[1].startswith(desk.deps.catalogue.get(SEED_MODEL).title)
    app.button(key="favourite").click().run()
    assert presets.list_favourites(desk.deps, LOCAL_VIEWER) == []


def test_a_provider_narrows_the_models(visit, monkeypatch):
    monkeypatch.setenv("BLACKBOX_API_KEY", "sk-of-a-test")
    st.cache_resource.clear()
    app = filled(visit)
    whole = len(app.selectbox(key="form:model").options)
    app.button_group(key="form:provider").set_value("blackbox").run()
    assert 1 < len(app.selectbox(key="form:model").options) < whole  # the one that is chosen stays


def test_a_preset_gives_the_whole_form_back(visit, desk):
    app = filled(visit, PHOTO_MODEL, "Walk on")
    app.file_uploader[0].upload("sun.jpg", photo()).run()
    app.selectbox(key="form:style:camera").set_value("Pan").run()
    param(app, "select_slider", "duration", PHOTO_MODEL).set_value("7").run()
    app.button(key="preset-save").click().run()
    assert "The name is missing" in words(app)
    app.text_input(key="preset:name").set_value("Golden walk").run()
    app.toggle(key="preset:shared").set_value(True).run()
    app.button(key="preset-save").click().run()
    assert "Kept as Golden walk" in words(app)
    (kept,) = presets.list_presets(desk.deps, Viewer("mira", Role.CREATOR))

    app = filled(visit, MODEL, "Something else")
    app.button(key=f"preset-apply-{kept.id}").click().run()
    assert app.text_area(key="form:prompt").value == "Walk on"
    job = desk.generate(app)
    assert (job.model, job.prompt, job.style, job.params) == (
        PHOTO_MODEL, "Walk on", {"camera": "Pan"}, {"duration": "7"},
    )  # fmt: skip
    assert job.image == photos.list_uploads(desk.deps, LOCAL_VIEWER)[0].id
    app.button(key=f"preset-delete-{kept.id}").click().run()
    assert not presets.list_presets(desk.deps, LOCAL_VIEWER)


def test_first_and_last_photo_stand_beside_each_other_and_stay_as_models_change(visit, desk):
    first, last = (
        photos.create_upload(desk.deps, LOCAL_VIEWER, photo(), file_name="first.jpg"),
        photos.create_upload(desk.deps, LOCAL_VIEWER, photo(colour="teal"), file_name="last.jpg"),
    )
    app = filled(visit, FRAMES_MODEL)
    assert not [key for key in app.text_input if "last_frame_url" in (key.key or "")]
    app.button(key=f"use-photo-{first.id}").click().run()
    app.button(key="generate").click().run()
    assert ":red[:material/error: Last frame url" in words(app)
    app.button(key=f"use-photo-{last.id}:end").click().run()
    job = desk.generate(app)
    assert (job.image, job.images) == (first.id, {"last_frame_url": last.id})

    app = visit(**{"from": job.id})
    again = desk.generate(app)
    assert again.id != job.id
    assert (again.image, again.images) == (first.id, {"last_frame_url": last.id})
    app.selectbox(key="form:model").set_value(TAIL_MODEL).run()
    assert desk.generate(app).images == {"tail_image_url": last.id}, "by the name that this model gives it"


def test_switching_models_keeps_what_both_have_and_says_what_was_left_out(visit, desk):
    app = filled(visit, SEED_MODEL)
    param(app, "text_area", "negative_prompt", SEED_MODEL).set_value("blur").run()
    param(app, "segmented_control", "aspect_ratio", SEED_MODEL).set_value("9:16").run()
    param(app, "slider" if _slides(app) else "select_slider", "duration", SEED_MODEL).set_value(10).run()
    app.selectbox(key="form:model").set_value(MODEL).run()
    assert "Kept: aspect ratio 9:16, duration 10" in _said(app)
    assert "Left out: negative prompt blur" in _said(app)
    assert desk.generate(app).params == {"aspect_ratio": "9:16", "duration": "10"}


def test_a_photo_can_be_taken_away_and_is_said_where_the_next_model_takes_none(visit, desk):
    upload = photos.create_upload(desk.deps, LOCAL_VIEWER, photo(), file_name="sun.jpg")
    app = filled(visit, PHOTO_MODEL)
    app.button(key=f"use-photo-{upload.id}").click().run()
    assert "sun.jpg" in words(app)
    app.button(key="remove-photo").click().run()
    assert "sun.jpg" not in words(app)
    app.button(key=f"use-photo-{upload.id}").click().run()
    app.selectbox(key="form:model").set_value(MODEL).run()
    assert "Left out: the photo" in _said(app)
    assert desk.generate(app).image is None


def test_the_exact_payload_can_be_looked_at(visit, desk):
    app = filled(visit)
    app.selectbox(key="form:style:camera").set_value("Dolly in").run()
    param(app, "select_slider", "duration", MODEL).set_value("10").run()
    shown = app.json[0].value
    app.button(key="generate").click().run()
    assert json.loads(shown) == desk.newest().payload
    app.text_area(key="form:prompt").set_value(" ").run()
    app.selectbox(key="form:style:camera").set_value(None).run()
    assert "Nothing can be sent yet; see to prompt first" in words(app)


def test_a_retired_word_in_an_old_take_is_named_beside_its_field(visit, desk):
    job = desk.take("stored", style={"camera": "Pan"})
    pan = next(word for word in current_vocabulary(desk.deps).list_words("camera") if word.label == "Pan")
    vocabulary_admin.retire_word(desk.deps, LOCAL_VIEWER, pan.id)
    app = visit(**{"from": job.id})
    app.button(key="generate").click().run()
    assert desk.count() == 1
    assert ":red[:material/error: Camera 'Pan' is retired" in words(app)


@pytest.mark.parametrize(
    ("given", "options", "found"),
    [("5", (5, 10), 5), (8, ("4s", "8s"), "8s"), ("8s", ("5", "8"), "8"), ("7", ("5", "10"), None),
     ("720p", ("1080p",), None)],
)  # fmt: skip
def test_a_duration_is_the_same_however_a_model_writes_it(given, options, found):
    field = fields.read_fields({"properties": {"duration": {"enum": list(options)}}})[0]
    assert field.convert_value(given) == found
    assert type(field.convert_value(given)) is type(found)


def test_a_photo_that_is_too_small_is_marked_at_once_and_the_form_stays_filled(visit, desk):
    app = filled(visit, PHOTO_MODEL, "Walk on")
    assert "At least 300 × 300 px" in words(app)
    app.file_uploader[0].upload("small.jpg", photo((200, 150))).run()
    assert "Image is 200 × 150 px; " in words(app)
    assert "needs at least 300 × 300\\: take a larger one" in words(app)
    app.button(key="generate").click().run()
    assert desk.count() == 0
    assert app.text_area(key="form:prompt").value == "Walk on"
    assert app.session_state["form:image"] == photos.list_uploads(desk.deps, LOCAL_VIEWER)[0].id


def test_several_photos_are_uploaded_ordered_and_sent_as_a_list(visit, desk):
    earlier = photos.create_upload(desk.deps, LOCAL_VIEWER, photo(colour="gold"), file_name="picture.png")
    app = filled(visit, SEVERAL_MODEL, "They meet")
    app.button(key="generate").click().run()
    assert ":red[:material/error: Image urls is missing" in words(app)
    for colour in ("navy", "teal"):
        app.file_uploader[0].upload(f"{colour}.jpg", photo(colour=colour)).run()
    slot = ":image_urls"
    app.button(key=f"use-photo-{earlier.id}{slot}").click().run()
    navy, teal = (one.id for one in reversed(photos.list_uploads(desk.deps, LOCAL_VIEWER)[:2]))
    app.button(key=f"photo-forward{slot}-2").click().run()
    app.button(key=f"remove-photo{slot}-2").click().run()
    job = desk.generate(app)
    assert job.images == {"image_urls": [navy, earlier.id]}

    app = visit(**{"from": job.id})
    again = desk.generate(app)
    assert again.id != job.id
    assert again.images == {"image_urls": [navy, earlier.id]}
    assert teal not in again.images["image_urls"]
    app.selectbox(key="form:model").set_value(MODEL).run()
    assert "Left out: the photos in images" in _said(app)


def test_a_file_among_several_that_is_no_photo_is_said_and_the_others_are_kept(visit, desk):
    app = filled(visit, SEVERAL_MODEL, "They meet")
    app.file_uploader[0].upload("navy.jpg", photo()).run()
    app.file_uploader[0].upload("broken.jpg", photo()[:200]).run()
    assert app.error
    app.button(key="generate").click().run()
    assert len(desk.newest().images["image_urls"]) == 1


def test_a_list_that_is_full_offers_no_more_room(visit, desk):
    upload = photos.create_upload(desk.deps, LOCAL_VIEWER, photo(), file_name="look.jpg")
    app = filled(visit, COUNTED_MODEL, "They meet")
    app.session_state["form:images:image_urls"] = [upload.id] * 8
    app.run()
    app.button(key=f"use-photo-{upload.id}:image_urls").click().run()
    assert "9 of 9" in words(app)
    assert not app.file_uploader


@pytest.mark.parametrize(
    ("model", "label"),
    [
        (MODEL, "Prompt (or multi prompt)"),
        (PHOTO_MODEL, "Prompt (may be left empty)"),
        (SEED_MODEL, "Prompt"),
        ("fal-ai/wan/v2.7/image-to-video", "Prompt (or a photo)"),
    ],
)
def test_the_prompts_label_says_what_may_stand_in_its_place(visit, model, label):
    assert filled(visit, model).text_area(key="form:prompt").label == label


def _slides(app) -> bool:
    return any(item.key == f"form:param:{SEED_MODEL}:duration" for item in app.slider)


def _said(app) -> str:
    return next((item.value.replace("\\", "") for item in app.caption if "swap_horiz" in item.value), "")
