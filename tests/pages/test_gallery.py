"""Gallery and a take's own page: found, shown, opened, told honestly."""

import re
from datetime import UTC, datetime, time

from backend.services.gallery import takes as gallery
from backend.services.library import groups, views
from backend.services.library.groups import GroupKind
from backend.services.operations import heartbeat
from backend.services.takes import photos
from backend.services.takes.ways_out import WayOut, ways_out
from pages.ui.library.wall import FIRST_TAKES
from pages.ui.shell import title_with_counts
from tests.pages.conftest import ERROR, link, shown, words
from tests.services.receiving import WAY
from tests.viewers import LOCAL_VIEWER
from tests.world import BEN, PHOTO_MODEL, run_sql

GALLERY, TAKE = "library/gallery.py", "library/take.py"


def _midnight(day):
    return datetime.combine(day, time(), UTC)


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
            and not button.key.startswith(
                ("picture", "write-off", "check-now", "continue", "retry", "vary-this", "trash")
            )
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


#: What stands in an address -> the prompts of the takes that it finds.
ADDRESSES = [
    ({"status": "failed"}, ["red fox"]),
    ({"owner": "ben"}, ["blue dress"]),
    ({"q": "dress", "status": "completed", "owner": "studio"}, ["red dress"]),
    ({"sort": "oldest"}, ["red fox", "red dress", "blue dress"]),
    ({"has_error": "1"}, ["red fox"]),
    ({"mine": "1"}, ["red dress", "red fox"]),
    ({"since": "2999-01-01"}, []),
    ({"state": "failed"}, ["red fox"]),  # links of before
    ({"person": "ben"}, ["blue dress"]),
    ({"q": "dress", "state": "ready", "mine": "true"}, ["red dress"]),
]


def test_an_address_finds_takes_and_a_choice_changes_the_address(visit, desk):
    desk.take("failed", "red fox")
    desk.take("stored", "red dress")
    desk.take("stored", "blue dress", viewer=BEN)
    for address, found in ADDRESSES:
        assert prompts(visit(GALLERY, **address)) == found, address
    app = visit(GALLERY, owner="ben")
    app.text_input(key="find:q").set_value("dress").run()
    assert (app.query_params["q"], app.query_params["owner"]) == ("dress", "ben")
    app.multiselect(key="find:status").set_value(["failed", "completed"]).run()
    assert app.query_params["status"] == ["failed", "completed"]
    assert prompts(app) == ["blue dress"]
    assert app.multiselect(key="find:owner").value == ["ben"]
    app.button(key="drop-owner-ben").click().run()
    assert prompts(app) == ["blue dress", "red dress"]
    assert app.multiselect(key="find:owner").value == []
    app.button_group(key="find:quick").set_value(["Mine"]).run()
    assert (app.query_params["mine"], prompts(app)) == ("1", ["red dress"])
    app.selectbox(key="find:sort").set_value("oldest").run()
    app.button(key="clear-filters").click().run()
    assert dict(app.query_params) == {"sort": "oldest"}
    assert len(prompts(app)) == 3


def test_what_an_address_asks_for_and_nobody_knows_is_told_and_the_rest_of_it_counts(visit, desk):
    desk.take("failed", "red fox")
    desk.take("stored", "red dress")
    app = visit(GALLERY, colour="blue", status="nonsense", q="dress", rating_min="9")
    assert prompts(app) == ["red dress"]
    (told,) = [warning.value for warning in app.warning if "address" in warning.value]
    assert {name for name in ("colour", "status", "rating_min", "`q`") if name in told} == {
        "colour", "status", "rating_min",
    }  # fmt: skip
    assert "known here" in told.replace("\\", "")
    app = visit(GALLERY, collection="none", q="dress")
    assert "`collection`: there is none with that id" in words(app).replace("\\", "")
    assert prompts(app) == ["red dress"]


def test_the_wall_goes_on_where_its_first_takes_end_and_is_told_who_looks(visit, desk):
    for number in range(FIRST_TAKES + 1):
        desk.take("created", f"take {number}")
    (wall,) = shown(visit(GALLERY, q="take", size="M", blind="1"), "wall")
    assert (len(wall["takes"]), wall["query"], wall["size"], wall["blind"]) == (
        FIRST_TAKES, "q=take", "M", True,
    )  # fmt: skip
    assert wall["next_cursor"] == wall["takes"][-1]["id"]
    assert wall["me"]["may"] == ["rate", "change", "approve", "organise", "experiment"]


def test_a_view_is_kept_opened_by_one_click_and_deleted_once_that_is_confirmed(visit, desk):
    desk.take("failed", "red fox")
    desk.take("stored", "red dress")
    app = visit(GALLERY, status="failed", sort="oldest")
    app.text_input(key="views:name").set_value("What went wrong")
    app.toggle(key="views:shared").set_value(True)
    app.button(key="save-view").click().run()
    assert app.toggle(key="views:shared").value is False, "the next one is one's own"
    (kept,) = views.list_views(desk.deps, BEN)
    assert (kept.name, kept.owner, kept.shared) == ("What went wrong", LOCAL_VIEWER.name, True)
    app = visit(GALLERY, q="dress")
    assert prompts(app) == ["red dress"]
    app.button(key=f"view-{kept.id}").click().run()
    assert (prompts(app), dict(app.query_params)) == (["red fox"], {"status": "failed", "sort": "oldest"})
    app.button(key=f"ask-rename-view-{kept.id}").click().run()
    app.text_input(key="views:new-name").set_value("What failed")
    app.button(key="rename-view").click().run()
    assert [view.name for view in views.list_views(desk.deps, BEN)] == ["What failed"]
    app.button(key=f"ask-delete-view-{kept.id}").click().run()
    app.button(key="keep-view").click().run()
    app.button(key=f"ask-delete-view-{kept.id}").click().run()
    assert len(views.list_views(desk.deps, LOCAL_VIEWER)) == 1
    app.button(key="delete-view").click().run()
    assert views.list_views(desk.deps, LOCAL_VIEWER) == []


def test_collections_are_made_renamed_and_deleted_beside_the_wall_and_keep_their_takes(visit, desk):
    desk.take("stored")
    app = visit(GALLERY)
    app.text_input(key="groups:new").set_value("Spring looks")
    app.button(key="create-group").click().run()
    (made,) = groups.list_groups(desk.deps, LOCAL_VIEWER, GroupKind.COLLECTION)
    app.selectbox(key="groups:chosen").set_value(made.id).run()
    app.text_input(key="groups:name").set_value("Summer looks")
    app.button(key="rename-group").click().run()
    assert groups.list_groups(desk.deps, LOCAL_VIEWER, GroupKind.COLLECTION)[0].name == "Summer looks"
    app.button(key="show-group").click().run()
    assert app.query_params["collection"] == made.id
    assert "Nothing matches" in words(app)
    assert app.button(key=f"drop-collection-{made.id}").label.replace("\\", "") == "Collection: Summer looks"
    app.button(key="ask-delete-group").click().run()
    app.button(key="keep-group").click().run()
    app.button(key="ask-delete-group").click().run()
    app.button(key="delete-group").click().run()
    assert groups.list_groups(desk.deps, LOCAL_VIEWER, GroupKind.COLLECTION) == []
    assert len(prompts(app)) == 1


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
    app = visit(GALLERY, trashed="1")
    assert "The trash is empty" in words(app)
    app.button(key="leave-trash").click().run()
    assert len(prompts(app)) == 1
    app.button(key="since-Today").click().run()
    assert datetime.fromisoformat(app.query_params["since"]) == _midnight(
        app.date_input(key="find:since").value
    )
    app.button(key="since-This week").click().run()
    assert datetime.fromisoformat(app.query_params["since"]).weekday() == 0
    assert len(prompts(app)) == 1


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
        app.menu_button(key="use-again").click("everything").run()
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
