"""Gallery and a take's own page: found, shown, opened, told honestly."""

import re

import pytest
import streamlit as st

from backend.services.access import LOCAL_VIEWER, Role, Viewer
from backend.services.gallery import takes as gallery
from backend.services.takes import photos
from backend.store.records import videos
from pages.ui.shell import title_with_counts
from tests.pages.conftest import ERROR, PATHS, link, shown, words

MIRA = Viewer("mira", Role.CREATOR)
GALLERY, TAKE = "library/gallery.py", "library/take.py"


def prompts(app):
    return [take["alt"] for wall in shown(app, "gallery") for take in wall["takes"]]


def test_the_newest_take_stands_first_with_poster_length_and_model(visit, desk):
    for prompt in ("first", "second"):
        desk.take("stored", prompt)
    app = visit(GALLERY)
    assert prompts(app) == ["second", "first"]
    card = shown(app, "gallery")[0]["takes"][0]
    assert (card["length"], card["model"], card["overlay"]) == ("0:01", "Kling 3.0 Turbo Pro", False)
    assert re.fullmatch(r"/app/static/media/posters/[0-9a-f]{64}\.webp\?e=\d+&s=\S+", card["poster"])
    assert re.fullmatch(r"/app/static/media/[0-9a-f]{64}\.mp4\?e=\d+&s=\S+", card["preview"])


@pytest.mark.parametrize("state", PATHS)
def test_every_state_has_its_card_and_its_page(visit, desk, state):
    job = desk.take(state, "A page of its own")
    (card,) = shown(visit(GALLERY), "gallery")[0]["takes"]
    assert card["word"]
    assert card["icon"]
    assert card["overlay"] == (state != "stored")
    assert card["moving"] == (state not in ("stored", "held", "failed", "cancelled"))
    assert card["share"] == (0.25 if state == "rendered" else None)
    assert card["why"] == ERROR["message"] or state not in ("failed", "held")
    app = visit(TAKE, take=job.id)
    assert shown(app, "status")[0]["state"] == state
    assert "A page of its own" in [code.value for code in app.code]
    assert shown(app, "history")[0]["rows"][0]["word"] == "Saved"
    assert bool(shown(app, "player")) == (state == "stored")
    keys = {button.key for button in app.button}
    assert (f"cancel-{job.id}" in keys) == (state in ("created", "submitting", "queued", "running"))
    assert (f"again-{job.id}" in keys) == (state == "held")


def test_filters_come_from_the_url(visit, desk):
    desk.take("failed", "red fox")
    desk.take("stored", "red dress")
    desk.take("stored", "blue dress", viewer=MIRA)
    assert prompts(visit(GALLERY, state="failed")) == ["red fox"]
    assert prompts(visit(GALLERY, person="mira")) == ["blue dress"]
    assert prompts(visit(GALLERY, q="dress")) == ["blue dress", "red dress"]
    assert prompts(visit(GALLERY, q="dress", state="ready", person="studio")) == ["red dress"]
    assert len(prompts(visit(GALLERY, state="nonsense", person="nobody"))) == 3


def test_filters_are_bound_to_the_url_and_cleared_at_once(visit, desk):
    desk.take("failed", "red fox")
    desk.take("stored", "red dress")
    app = visit(GALLERY)
    bound = [app.text_input(key="q"), app.pills(key="state")]
    bound += [app.selectbox(key="model"), app.selectbox(key="person")]
    assert [item.proto.query_param_key for item in bound] == ["q", "state", "model", "person"]
    app.text_input(key="q").set_value("fox").run()
    assert prompts(app) == ["red fox"]
    app.button(key="clear-filters").click().run()
    assert len(prompts(app)) == 2


def test_pages_go_back_and_forth_without_a_gap(visit, desk):
    for number in range(gallery.PAGE_SIZE * 2 + 3):
        desk.take("created", f"take {number}")
    app = visit(GALLERY)
    seen = prompts(app)
    app.button(key="older").click().run()
    second = prompts(app)
    app.button(key="older").click().run()
    third = prompts(app)
    assert [*seen, *second, *third] == [f"take {n}" for n in reversed(range(gallery.PAGE_SIZE * 2 + 3))]
    assert app.button(key="older").disabled
    app.button(key="newer").click().run()
    assert prompts(app) == second
    app.button(key="newer").click().run()
    assert prompts(app) == seen
    assert "before" not in app.query_params


def test_on_a_later_page_new_takes_are_counted_instead_of_moving_the_page(visit, desk):
    for number in range(gallery.PAGE_SIZE + 2):
        desk.take("created", f"take {number}")
    app = visit(GALLERY)
    app.button(key="older").click().run()
    before = prompts(app)
    desk.take("created", "new one")
    app.run()
    assert prompts(app) == before
    assert app.button(key="new-takes").label == "1 new"
    app.button(key="new-takes").click().run()
    assert prompts(app)[0] == "new one"


def test_an_empty_gallery_says_what_to_do(visit, desk):
    app = visit(GALLERY)
    assert "No takes yet" in words(app)
    app.button(key="first-take").click().run()
    assert app.text_area(key="form:prompt").value == ""
    desk.take("created")
    app = visit(GALLERY, q="nothing like it")
    assert "Nothing matches" in words(app)
    app.button(key="clear-empty").click().run()
    assert len(prompts(app)) == 1
    app = visit(GALLERY, before="0")
    assert "Nothing older" in words(app)
    app.button(key="first-page").click().run()
    assert len(prompts(app)) == 1


def test_it_refreshes_by_itself_only_while_something_moves(visit, desk, monkeypatch):
    ticks, real = [], st.fragment
    monkeypatch.setattr(st, "fragment", lambda body, **more: ticks.append(more["run_every"]) or real(body))
    desk.take("stored")
    desk.take("held")
    visit(GALLERY)
    desk.take("running")
    visit(GALLERY)
    assert ticks == [None, 2.0]


def test_the_frame_counts_what_moves_and_what_is_held(visit, desk):
    assert title_with_counts("Activity", moving=0, held=0, upto=1000) == "Activity"
    assert title_with_counts("Activity", moving=3, held=1, upto=1000) == "Activity · 3 · 1 held"
    assert title_with_counts("Activity", moving=1000, held=7, upto=1000) == "Activity · 1,000+ · 7 held"
    assert "Demo mode:" in words(visit())


# -- one take -----------------------------------------------------------------------------------


def test_the_record_holds_times_ids_hash_and_the_webhook_that_came(visit, desk):
    job = desk.take("stored", style={"camera": "Orbit"}, params={"duration": "7"})
    desk.delivery(job)
    app = visit(TAKE, take=job.id)
    rows = {row["label"]: row for facts in shown(app, "facts") for row in facts["rows"]}
    assert rows["Request"]["value"] == f"request-{job.id}"
    assert re.fullmatch(r"[0-9a-f]{64}", rows["SHA-256"]["value"])
    assert rows["Rendered"]["at_ms"]
    assert (rows["Camera"]["value"], rows["Duration"]["value"]) == ("Orbit", "7")
    assert rows["stale"]["value"] == "OK"


def test_the_download_is_a_link_to_the_media_route_under_a_name(visit, desk):
    app = visit(TAKE, take=desk.take("stored", "Red / dress: take?").id)
    url = link(app, "Download · ")
    assert url.startswith("/app/static/media/")
    assert "name=red-dress-take-" in url


def test_a_picture_of_a_take_joins_the_photos_that_the_next_one_can_start_from(visit, desk):
    job = desk.take("stored")
    app = visit(TAKE, take=job.id)
    app.button(key=f"picture-last-{job.id}").click().run()
    assert any("last picture" in toast.value for toast in app.toast)
    (photo,) = photos.list_uploads(desk.deps, LOCAL_VIEWER)
    assert photo.file_name.startswith("last picture")


def test_a_failed_take_tells_what_happened_what_it_cost_and_what_comes_next(visit, desk):
    app = visit(TAKE, take=desk.take("failed").id)
    told = words(app).replace("\\", "")
    assert "safety filter refused" in told
    assert "may have been charged" in told
    assert "not sent again by itself" in told


def test_use_again_opens_the_form_filled_with_the_take_however_often(visit, desk):
    job = desk.take("failed", "The sun breathes", style={"camera": "Orbit"}, params={"duration": "7"})
    app = visit(TAKE, take=job.id)

    for _ in range(2):  # the form was changed meanwhile, and is asked for anew
        app.switch_page(TAKE).run()
        app.button(key="use-again").click().run()

        assert not app.exception
        assert app.text_area(key="form:prompt").value == "The sun breathes"
        assert app.selectbox(key="form:style:camera").value == "Orbit"
        app.text_area(key="form:prompt").set_value("Something else").run()


def test_a_missing_file_is_said_and_no_player_pretends(visit, desk):
    job = desk.take("stored")
    with desk.deps.store.begin() as session:
        videos.mark_missing(session, job.video_id, at=desk.deps.clock.now())
    app = visit(TAKE, take=job.id)
    assert "missing from our storage" in words(app)
    assert not shown(app, "player")
    assert shown(visit(GALLERY), "gallery")[0]["takes"][0]["word"] == "File missing"


def test_a_take_sent_again_names_the_other_both_ways(visit, desk):
    job = desk.take("held")
    app = visit(TAKE, take=job.id)
    app.button(key=f"again-{job.id}").click().run()
    again = desk.newest()
    assert link(visit(TAKE, take=job.id), "Sent again as: take …") == f"take?take={again.id}"
    app = visit(TAKE, take=again.id)
    assert link(app, "Sends again: take …") == f"take?take={job.id}"
    assert link(app, "Gallery") == "gallery?"
