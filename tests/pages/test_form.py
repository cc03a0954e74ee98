"""The form around its parameters: models found quickly, presets, photos beside the first, another model."""

import io
import json
import re

import pytest
import streamlit as st
from PIL import Image
from streamlit.runtime.scriptrunner import StopException

from backend.catalogue import fields
from backend.services.access import Role, Viewer
from backend.services.prompting import vocabulary_admin
from backend.services.prompting.vocabulary import current_vocabulary
from backend.services.takes import photos, presets
from tests.adapters.decode.test_clean_photo import png_header
from tests.pages.conftest import SEED_MODEL, filled, param, words
from tests.viewers import LOCAL_VIEWER
from tests.world import MODEL, PHOTO_MODEL, picture, run_sql

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
    app.file_uploader[0].upload("sun.jpg", picture()).run()
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
    assert (job.model, job.style, job.params) == (PHOTO_MODEL, {"camera": "Pan"}, {"duration": "7"})
    assert job.image == photos.list_uploads(desk.deps, LOCAL_VIEWER)[0].id
    app.button(key=f"preset-delete-{kept.id}").click().run()
    assert not presets.list_presets(desk.deps, LOCAL_VIEWER)
    app.button(key="preset-undo").click().run()
    (back,) = presets.list_presets(desk.deps, LOCAL_VIEWER)
    assert (back.id, back.form, back.shared) == (kept.id, kept.form, True), "nothing is lost by one press"


def test_first_and_last_photo_stand_beside_each_other_and_stay_as_models_change(visit, desk):
    first, last = (desk.photo(colour, viewer=LOCAL_VIEWER) for colour in ("navy", "teal"))
    app = filled(visit, FRAMES_MODEL)
    assert not [key for key in app.text_input if "last_frame_url" in (key.key or "")]
    app.button(key=f"use-photo-{first}").click().run()
    app.button(key="generate").click().run()
    assert ":red[:material/error: Last frame url" in words(app)
    app.button(key=f"use-photo-{last}:end").click().run()
    job = desk.generate(app)
    assert (job.image, job.images) == (first, {"last_frame_url": last})
    app = visit(**{"from": job.id})
    again = desk.generate(app)
    assert (again.id != job.id, again.image, again.images) == (True, first, job.images)
    app.selectbox(key="form:model").set_value(TAIL_MODEL).run()
    assert desk.generate(app).images == {"tail_image_url": last}, "by the name that this model gives it"


def test_switching_models_keeps_what_both_have_and_says_what_was_left_out(visit, desk):
    app = filled(visit, SEED_MODEL)
    param(app, "text_area", "negative_prompt", SEED_MODEL).set_value("blur").run()
    param(app, "segmented_control", "aspect_ratio", SEED_MODEL).set_value("9:16").run()
    param(app, "select_slider", "duration", SEED_MODEL).set_value(10).run()
    app.selectbox(key="form:model").set_value(MODEL).run()
    assert "Kept: aspect ratio 9:16, duration 10" in _said(app)
    assert "This model doesn't use: negative prompt blur" in _said(app)
    assert desk.generate(app).params == {"aspect_ratio": "9:16", "duration": "10"}


def test_a_photo_is_asked_for_only_where_the_model_takes_one_and_can_be_taken_away(visit, desk):
    app = filled(visit)
    assert not app.file_uploader
    app.selectbox(key="form:model").set_value(PHOTO_MODEL).run()
    app.file_uploader[0].upload("page.png", b"<html>not a picture</html>").run()
    assert "was not taken.** It is no JPEG" in words(app)
    app.file_uploader[0].upload("sun.jpg", picture()).run()
    assert "sun.jpg\n640 × 480" in words(app)
    app.button(key="remove-photo").click().run()
    assert "sun.jpg" not in words(app)
    (upload,) = photos.list_uploads(desk.deps, LOCAL_VIEWER)
    app.button(key=f"use-photo-{upload.id}").click().run()
    assert desk.generate(app).image == upload.id
    app.selectbox(key="form:model").set_value(MODEL).run()
    assert "This model doesn't use: the photo" in _said(app)
    assert desk.generate(app).image is None


def test_what_is_sent_is_shown_before_with_its_exact_payload_and_where_its_words_came_from(visit, desk):
    app = filled(visit)
    app.selectbox(key="form:style:fabric").set_value("Silk").run()
    app.selectbox(key="form:style:camera").set_value("through wet glass").run()
    param(app, "select_slider", "duration").set_value("10").run()
    shown, prompt = json.loads(app.json[0].value), app.code[0].value
    assert "liquid silk with soft, travelling highlights. Camera: through wet glass." in prompt
    assert ":material/checkroom: Silk · :material/videocam: custom · template 1" in words(app)
    job = desk.generate(app)
    assert (job.payload, job.sent_prompt) == (shown, prompt)
    app.text_area(key="form:prompt").set_value(" ").run()
    for axis in ("fabric", "camera"):
        app.selectbox(key=f"form:style:{axis}").set_value(None).run()
    assert "Nothing can be sent yet; see to prompt first" in words(app)


def test_a_retired_word_in_an_old_take_is_named_beside_its_field(visit, desk):
    job = desk.take("stored", style={"camera": "Pan"})
    pan = next(word for word in current_vocabulary(desk.deps).list_words("camera") if word.label == "Pan")
    vocabulary_admin.retire_word(desk.deps, LOCAL_VIEWER, pan.id)
    app = visit(**{"from": job.id})
    app.button(key="generate").click().run()
    assert desk.count() == 1
    assert ":red[:material/error: Camera 'Pan' is archived" in words(app)


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
    app.file_uploader[0].upload("small.jpg", picture(size=(200, 150))).run()
    assert "Image is 200 × 150 px; " in words(app)
    assert "needs at least 300 × 300\\: take a larger one" in words(app)
    app.button(key="generate").click().run()
    assert desk.count() == 0
    assert app.text_area(key="form:prompt").value == "Walk on"
    assert app.session_state["form:image"] == photos.list_uploads(desk.deps, LOCAL_VIEWER)[0].id


def test_a_photo_is_prepared_in_view_and_what_was_done_to_it_is_said(visit, desk, monkeypatch):
    """A moving GIF; the first try ends early, because somebody goes on with the form meanwhile."""
    shown: list[tuple[float, str]] = []
    draw, take_in, tries = st.progress, photos.create_upload, []

    def progress(share, text):
        shown.append((share, text))
        bar = draw(share, text)
        monkeypatch.setattr(bar, "progress", lambda share, text: shown.append((share, text)))
        return bar

    def interrupted_once(*asked, **more):
        tries.append(more["file_name"])
        if len(tries) == 1:
            raise StopException
        return take_in(*asked, **more)

    monkeypatch.setattr(st, "progress", progress)
    monkeypatch.setattr(photos, "create_upload", interrupted_once)
    frames = [Image.new("RGB", (400, 300), colour) for colour in ("red", "navy")]
    content = io.BytesIO()
    frames[0].save(content, "GIF", save_all=True, append_images=frames[1:])
    app = filled(visit, PHOTO_MODEL, "Walk on")
    app.file_uploader[0].upload("dance.gif", content.getvalue()).run()
    assert "dance.gif" not in words(app)
    app.run()
    assert tries == ["dance.gif"] * 2
    shares = [share for share, _ in shown]
    assert all("Preparing dance\\.gif …" in text for _, text in shown)
    assert len(shares) > 3
    assert max(shares) > 0.5, "it goes on"
    assert "dance.gif\n400 × 300" in words(app)
    assert "It is a moving picture; its first frame was taken" in words(app)
    assert "Preparing" not in words(app)
    assert len(photos.list_uploads(desk.deps, LOCAL_VIEWER)) == 1


def test_there_is_one_number_for_how_large_a_photo_may_be_and_a_refusal_has_it_in_words(visit, monkeypatch):
    app = filled(visit, PHOTO_MODEL, "Walk on")
    (most,) = {photos.MAX_MEGABYTES, app.file_uploader[0].proto.max_upload_size_mb}
    assert st.config.get_option("server.maxUploadSize") == most == 32
    assert set(re.findall(r"(\d+) ?M[Bi]", words(app))) == {"32"}
    app.file_uploader[0].upload("vast.png", png_header(16_320, 12_240)).run()
    said = "16320 × 12240 pixels, 199\\.8 megapixels, and at most 150 megapixels are taken; save it smaller"
    assert "**vast\\.png was not taken.** It has 16320" in words(app)
    assert said in words(app)


def test_that_a_photo_is_sent_smaller_stands_beside_it(visit, desk):
    photo = desk.photo(viewer=LOCAL_VIEWER)
    run_sql(desk.deps, "UPDATE upload SET size_bytes = :size WHERE id = :id", size=51 * 1024**2, id=photo)
    app = filled(visit, PHOTO_MODEL, "Walk on")
    app.button(key=f"use-photo-{photo}").click().run()
    assert re.search(r"The photo of image\\_url is sent to .* scaled to at most 50 MB", words(app))
    assert desk.generate(app).image == photo


def test_several_photos_are_uploaded_ordered_and_sent_as_a_list(visit, desk):
    earlier = desk.photo("gold", viewer=LOCAL_VIEWER)
    app = filled(visit, SEVERAL_MODEL, "They meet")
    app.button(key="generate").click().run()
    assert ":red[:material/error: Image urls is missing" in words(app)
    broken, other = picture()[:200], picture(colour="teal")
    for name, content in (("1.jpg", picture()), ("2.jpg", broken), ("3.jpg", other)):
        app.file_uploader[0].upload(name, content).run()
        assert ("It is damaged or cut" in words(app)) == (name == "2.jpg"), "the others are kept"
    slot = ":image_urls"
    app.button(key=f"use-photo-{earlier}{slot}").click().run()
    navy = photos.list_uploads(desk.deps, LOCAL_VIEWER)[1].id
    app.button(key=f"photo-forward{slot}-2").click().run()
    app.button(key=f"remove-photo{slot}-2").click().run()
    job = desk.generate(app)
    assert job.images == {"image_urls": [navy, earlier]}
    app = visit(**{"from": job.id})
    again = desk.generate(app)
    assert (again.id != job.id, again.images) == (True, job.images)
    app.selectbox(key="form:model").set_value(MODEL).run()
    assert "This model doesn't use: the photos in images" in _said(app)


def test_a_list_that_is_full_offers_no_more_room(visit, desk):
    upload = desk.photo(viewer=LOCAL_VIEWER)
    app = filled(visit, COUNTED_MODEL, "They meet")
    app.session_state["form:images:image_urls"] = [upload] * 8
    app.run()
    app.button(key=f"use-photo-{upload}:image_urls").click().run()
    assert "9 of 9" in words(app)
    assert not app.file_uploader


def test_the_prompts_label_says_what_may_stand_in_its_place(visit):
    app = visit()
    for model, label in (
        (MODEL, "Prompt (or shots)"), (PHOTO_MODEL, "Prompt (may be left empty)"),
        (SEED_MODEL, "Prompt"), ("fal-ai/wan/v2.7/image-to-video", "Prompt (or a photo)"),
    ):  # fmt: skip
        app.selectbox(key="form:model").set_value(model).run()
        assert app.text_area(key="form:prompt").label == label


def _said(app) -> str:
    return next((item.value.replace("\\", "") for item in app.caption if "swap_horiz" in item.value), "")


def test_the_form_says_what_it_takes_out_of_a_pasted_text_and_use_again_gives_what_was_kept(visit, desk):
    app = filled(visit, prompt="\ufeffA red\u200b dress", model=SEED_MODEL)
    param(app, "text_area", "negative_prompt", SEED_MODEL).set_value("blur\u2060").run()
    assert "3 invisible characters were removed" in words(app)
    assert app.code[0].value == "A red dress", "what is sent is shown without them"
    job = desk.generate(app)
    assert (job.prompt, job.params["negative_prompt"]) == ("A red dress", "blur")
    assert "3 invisible characters were removed" in words(app), "as long as the form holds them"
    again = visit(**{"from": job.id})
    assert again.text_area(key="form:prompt").value == "A red dress"
    assert "invisible" not in words(again)
    assert desk.generate(again).prompt == job.prompt


def test_json_that_is_pasted_into_the_form_is_read_without_what_nobody_sees():
    (field,) = fields.read_fields({"properties": {"shots": {"type": "array"}}})
    assert field.sent_value('\ufeff[{"prompt":\u200b "a"}]\u2028') == [{"prompt": "a"}]
    assert field.sent_value('["a\u2028b"]') == ["a\u2028b"], "JSON as it is goes on as it is"
    assert field.sent_value("{broken\u200b") == "{broken\u200b"


def test_a_pasted_name_of_a_preset_is_kept_without_what_nobody_sees_and_that_is_said(visit, desk):
    app = filled(visit)
    app.text_input(key="preset:name").set_value("Golden\u200b walk\ufeff").run()
    app.button(key="preset-save").click().run()
    assert "2 invisible characters were removed." in words(app)
    assert [preset.name for preset in presets.list_presets(desk.deps, LOCAL_VIEWER)] == ["Golden walk"]
