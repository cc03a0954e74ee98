"""Gallery and a take's own page: found, shown, opened, told honestly."""

import re

import streamlit as st

from backend.services.gallery import takes as gallery
from backend.services.operations import heartbeat
from backend.services.takes import photos
from backend.services.takes.ways_out import WayOut, ways_out
from pages.ui.shell import title_with_counts
from tests.pages.conftest import ERROR, link, shown, words
from tests.services.receiving import WAY
from tests.viewers import LOCAL_VIEWER
from tests.world import BEN, PHOTO_MODEL, run_sql

GALLERY, TAKE = "library/gallery.py", "library/take.py"


def prompts(app):
    return [take["alt"] for wall in shown(app, "wall") for take in wall["takes"]]


def test_a_card_has_poster_preview_length_and_model(visit, desk):
    desk.take("stored")
    card = shown(visit(GALLERY), "wall")[0]["takes"][0]
    assert (card["length"], card["model"], card["overlay"]) == ("0:02", "Kling 3.0 Turbo Pro", False)
    assert re.fullmatch(r"app/static/media/posters/[0-9a-f]{64}\.webp\?e=\d+&s=\S+", card["poster"])
    assert re.fullmatch(r"app/static/media/[0-9a-f]{64}\.mp4\?e=\d+&s=\S+", card["preview"])


def test_every_state_has_its_card_and_its_page(visit, desk):
    made = {state: desk.take(state, f"One that is {state}") for state in WAY}
    cards = dict(zip(reversed(WAY), shown(visit(GALLERY), "wall")[0]["takes"], strict=True))
    for state, job in made.items():
        card, app = cards[state], visit(TAKE, take=job.id)
        assert card["word"]
        assert card["icon"]
        assert card["overlay"] == (state != "stored")
        assert card["moving"] == (state not in ("stored", "held", "failed", "cancelled"))
        assert card["share"] == (0.25 if state == "rendered" else None)
        assert card["why"] == ERROR["message"] or state not in ("failed", "held")
        assert shown(app, "status")[0]["state"] == state
        assert job.prompt in [code.value for code in app.code]
        assert shown(app, "history")[0]["rows"][0]["word"] == "Waiting to send"
        assert bool(shown(app, "player")) == (state == "stored")
        ways = ways_out(gallery.get_take(desk.deps, LOCAL_VIEWER, job.id), desk.deps.clock.now())
        assert (WayOut.CANCEL in ways) == (state in ("created", "submitting", "queued", "running"))
        assert (WayOut.SEND_AGAIN in ways) == (state == "held")
        assert {f"{way}-{job.id}" for way in ways} == {
            button.key
            for button in app.button
            if button.key.endswith(job.id)
            and not button.key.startswith(("picture", "write-off", "check-now"))
        }
        waits = state not in ("stored", "failed", "cancelled")
        assert ("Why does it wait?" in words(app)) == waits
        assert any(button.key == f"check-now-{job.id}" for button in app.button) == waits


def test_a_take_says_why_it_waits_and_is_looked_at_at_once(visit, desk):
    heartbeat.record_heartbeat(desk.deps, "host:1", in_hand=0)
    job = desk.take("queued")
    run_sql(desk.deps, "UPDATE job SET due_at = '2999-01-01 00:00:00.000000'")
    app = visit(TAKE, take=job.id)
    assert "It is queued at fal, 2 ahead" in words(app)
    app.button(key=f"check-now-{job.id}").click().run()
    assert desk.job(job).due_at <= desk.deps.clock.now()
    assert "It is looked at now" in words(app)


def test_filters_come_from_the_url_are_bound_to_it_and_cleared_at_once(visit, desk):
    desk.take("failed", "red fox")
    desk.take("stored", "red dress")
    desk.take("stored", "blue dress", viewer=BEN)
    assert prompts(visit(GALLERY, state="failed")) == ["red fox"]
    assert prompts(visit(GALLERY, person="ben")) == ["blue dress"]
    assert prompts(visit(GALLERY, q="dress", state="ready", person="studio")) == ["red dress"]
    app = visit(GALLERY, state="nonsense", person="nobody")
    assert len(prompts(app)) == 3
    bound = [app.text_input(key="q"), app.pills(key="state")]
    bound += [app.selectbox(key="model"), app.selectbox(key="person")]
    assert [item.proto.query_param_key for item in bound] == ["q", "state", "model", "person"]
    app.text_input(key="q").set_value("dress").run()
    assert prompts(app) == ["blue dress", "red dress"]
    app.button(key="clear-filters").click().run()
    assert len(prompts(app)) == 3


def test_pages_go_back_and_forth_without_a_gap_and_new_takes_are_counted_and_move_none(visit, desk):
    made = [f"take {number}" for number in range(gallery.PAGE_SIZE * 2 + 3)]
    for prompt in made:
        desk.take("created", prompt)
    app = visit(GALLERY)
    seen = [prompts(app)]
    for _ in range(2):
        app.button(key="older").click().run()
        seen.append(prompts(app))
    assert [*seen[0], *seen[1], *seen[2]] == made[::-1]
    assert app.button(key="older").disabled
    for page in (seen[1], seen[0]):
        app.button(key="newer").click().run()
        assert prompts(app) == page
    assert "before" not in app.query_params
    app.button(key="older").click().run()
    desk.take("created", "new one")
    app.run()
    assert prompts(app) == seen[1]
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
    assert title_with_counts("Activity", moving=3, held=1, upto=1000) == "Activity · 3 · 1 needs you"
    assert title_with_counts("Activity", moving=1000, held=7, upto=1000) == "Activity · 1,000+ · 7 need you"
    assert "Demo mode:" in words(visit())


def test_a_stored_take_has_its_record_a_download_under_a_name_and_pictures_to_start_from(visit, desk):
    job = desk.take("stored", "Red, dress: take?", style={"camera": "Orbit"}, params={"duration": "7"})
    desk.delivery(job)
    app = visit(TAKE, take=job.id)
    rows = {row["label"]: row for facts in shown(app, "facts") for row in facts["rows"]}
    assert rows["Request"]["value"] == f"request-{job.id}"
    assert re.fullmatch(r"[0-9a-f]{64}", rows["SHA-256"]["value"])
    assert rows["Rendered"]["at_ms"]
    assert (rows["Camera"]["value"], rows["Duration"]["value"]) == ("Orbit", "7 s")
    assert rows["Stale"]["value"] == "OK", "the webhook that came"
    assert re.match(r"app/static/media/\S+name=red-dress-take-\S+mp4$", link(app, "Download · "))
    app.button(key=f"picture-last-{job.id}").click().run()
    assert any("last frame" in toast.value for toast in app.toast)
    (photo,) = photos.list_uploads(desk.deps, LOCAL_VIEWER)
    assert photo.file_name.startswith("last frame")


def test_a_failed_take_says_what_it_cost_and_what_comes_next_and_fills_the_form_however_often(visit, desk):
    photo = desk.photo(viewer=LOCAL_VIEWER)
    job = desk.take(
        "failed", "The sun breathes", model=PHOTO_MODEL, image=photo, params={"duration": "7"},
        style={"camera": "Orbit", "aesthetic": "my own words"},
    )  # fmt: skip
    app = visit(TAKE, take=job.id)
    for told in ("safety filter refused", "may have been charged", "not sent again by itself"):
        assert told in words(app).replace("\\", "")
    for _ in range(2):  # the form was changed meanwhile, and is asked for anew
        app.switch_page(TAKE).run()
        app.button(key="use-again").click().run()
        assert not app.exception
        assert app.text_area(key="form:prompt").value == "The sun breathes"
        assert app.selectbox(key="form:style:camera").value == "Orbit"
        app.text_area(key="form:prompt").set_value("Something else").run()
    again = desk.generate(visit(**{"from": job.id}))
    assert again.id != job.id
    for name in ("model", "prompt", "style", "params", "image"):
        assert getattr(again, name) == getattr(job, name)


def test_send_again_makes_one_new_take_and_each_names_the_other(visit, desk):
    job = desk.take("held")
    app = visit("operate/activity.py")
    assert app.button(key=f"again-{job.id}").label.replace("\\", "") == "Send again · $0.70 (demo: free)"
    app.button(key=f"again-{job.id}").click().run()
    again = desk.newest()
    assert (again.parent_id, desk.job(job).state, desk.count()) == (job.id, "cancelled", 2)
    assert link(visit(TAKE, take=job.id), "Retried as …") == f"take?take={again.id}"
    app = visit(TAKE, take=again.id)
    assert link(app, "Retry of …") == f"take?take={job.id}"
    assert link(app, "Gallery") == "gallery?"
