"""Files beside the main one, and files that don't come home: what people see of them and can do."""

import re

import pytest

from backend.models import TakeFile
from backend.providers.base import Unclear
from backend.services.lifecycle import apply_result
from backend.services.operations import heartbeat
from backend.services.takes.cancel import ANSWER_WAIT
from backend.store.jobs import jobs
from backend.store.records import take_files, videos
from tests.pages.conftest import link, shown, words
from tests.world import run_sql


def several(desk, *, home: int):
    """A rendered take of three files, of which so many are here."""
    stored = [desk.take("stored").video_id for _ in range(home)]
    job = desk.take("rendered")
    urls = [f"https://v3.fal.media/files/{name}.mp4" for name in "abc"]
    outputs = [{"role": f"videos.{number}", "url": url} for number, url in enumerate(urls)]
    trouble = {
        "code": "media_unreachable",
        "message": "The server answered 500.",
        "charged": "yes",
        "next": "",
    }
    with desk.deps.store.begin() as session:
        rows = [
            TakeFile(
                job_id=job.id, role=f"videos.{number}", position=number,
                video_id=stored[number] if number < home else None,
            )
            for number in range(3)
        ]  # fmt: skip
        take_files.put_rows(session, rows)
        jobs.make_due(
            session, job.id, at=desk.deps.clock.now(), outputs=outputs, error=trouble, attempts=4,
            video_id=rows[0].video_id,
        )  # fmt: skip
    return job


def test_all_files_of_a_take_are_shown_each_with_its_download_and_counted_on_its_card(desk, visit):
    job = several(desk, home=2)
    heartbeat.record_heartbeat(desk.deps, "host:1", in_hand=0)
    app = visit("library/take.py", take=job.id)
    (strip,) = shown(app, "files")
    assert [tile["role"] for tile in strip["files"]] == ["videos.0", "videos.1", "videos.2"]
    assert [".mp4" in tile.get("href", "") for tile in strip["files"]] == [True, True, False]
    assert all("/posters/" in tile["poster"] for tile in strip["files"][:2])
    assert (strip["files"][2]["word"], strip["chosen"]) == ("In progress", "videos.0")
    assert "2 of 3 files are here" in words(app)
    assert re.match(rf"app/static/media/takes/{job.id}\.zip\?e=", link(app, "Download all · 2 files · "))
    assert "4 times so far" in words(app).replace("\\", "")
    assert shown(visit("library/gallery.py"), "wall")[0]["takes"][0]["length"].endswith(" +2")


def test_a_person_keeps_what_there_is_of_a_take_whose_files_do_not_all_come(desk, visit):
    job = several(desk, home=2)
    app = visit("library/take.py", take=job.id)
    app.button(key=f"try-now-{job.id}").click().run()
    assert "tried now" in words(app)
    app.button(key=f"keep-what-there-is-{job.id}").click().run()
    assert desk.job(job.id).state == "stored"
    assert shown(app, "files")[0]["files"][2]["word"] == "Not fetched"
    app.button(key=f"fetch-{job.id}").click().run()
    assert desk.job(job.id).due_at is not None
    assert shown(app, "files")[0]["files"][2]["word"] == "In progress"


def test_a_person_gives_up_the_files_of_a_paid_take_and_has_them_fetched_later(desk, visit):
    job = several(desk, home=0)
    app = visit("library/take.py", take=job.id)
    app.button(key=f"give-up-files-{job.id}").click().run()
    given_up = desk.job(job.id)
    assert (given_up.state, given_up.error["charged"]) == ("cancelled", "yes")
    app.button(key=f"fetch-{job.id}").click().run()
    again = desk.job(job.id)
    assert (again.state, len(again.outputs)) == ("rendered", 3)


def test_a_person_names_the_link_of_a_held_take(desk, visit):
    job = desk.take("held")
    app = visit("library/take.py", take=job.id)
    app.text_input(key=f"link-{job.id}").set_value("not a link")
    app.button(key=f"name-link-{job.id}").click().run()
    assert "is no link" in words(app)
    app.text_input(key=f"link-{job.id}").set_value("\ufeffhttps://v3.fal.media/files/found.mp4\u200b")
    app.button(key=f"name-link-{job.id}").click().run()
    assert (desk.job(job.id).state, desk.job(job.id).result_url) == (
        "rendered", "https://v3.fal.media/files/found.mp4",
    )  # fmt: skip


def test_a_take_whose_stop_the_provider_never_answers_is_ended_by_a_person_after_a_minute(desk, visit):
    job = desk.take("running")
    app = visit("library/take.py", take=job.id)
    app.button(key=f"cancel-{job.id}").click().run()
    assert app.button(key=f"cancel-{job.id}").disabled
    assert shown(visit("operate/activity.py"), "status")[0]["word"] == "Cancelling"
    desk.change(job, cancel_requested_at=desk.deps.clock.now() - ANSWER_WAIT)
    app = visit("library/take.py", take=job.id)
    app.button(key=f"stop-waiting-{job.id}").click().run()
    ended = desk.job(job)
    assert (ended.state, ended.error["charged"], ended.due_at is not None) == ("cancelled", "maybe", True)


def test_a_stored_take_whose_file_is_lost_is_looked_for_until_a_person_does_without_it(desk, visit):
    job = desk.take("stored")
    with desk.deps.store.begin() as session:
        videos.mark_missing(session, job.video_id, at=desk.deps.clock.now())
    assert shown(visit("library/gallery.py"), "wall")[0]["takes"][0]["word"] == "File missing"
    app = visit("library/take.py", take=job.id)
    (stage,) = shown(app, "player")
    assert (stage["kind"], stage["src"], stage["title"]) == ("none", None, "Missing"), "no player pretends"
    assert "missing from our storage" in stage["note"]
    app.button(key=f"try-now-{job.id}").click().run()
    app.button(key=f"give-up-files-{job.id}").click().run()
    assert shown(app, "player")[0]["title"] == "Not fetched"
    app.button(key=f"fetch-{job.id}").click().run()
    assert shown(app, "player")[0]["title"] == "Missing"


def test_what_came_of_a_take_that_nobody_understands_is_there_to_be_read(desk, visit):
    job = desk.take("running")
    unclear = Unclear("It names a file by something that is no link.", {"video": "gs://studio/final.mp4"})
    with desk.deps.store.begin() as session:
        apply_result.apply_outcome(session, job, unclear, at=desk.deps.clock.now(), by="test")
    app = visit("library/take.py", take=job.id)
    assert "gs://studio/final.mp4" in app.json[0].value
    assert desk.job(job).state == "held"


@pytest.mark.parametrize(
    ("kind", "ending", "checked", "stage"),
    [
        ("image", "gif", False, "image"), ("image", "png", True, "image"), ("image", "heic", False, "none"),
        ("audio", "m4a", False, "audio"), ("video", "avi", False, "none"), ("other", "m3u8", False, "none"),
        ("video", "mp4", True, "video"),
    ],
)  # fmt: skip
def test_each_kind_of_file_is_shown_as_what_browsers_can_do_with_it(
    desk, visit, kind, ending, checked, stage
):
    job = desk.take("stored")
    told = None if checked else "It is kept as it came."
    run_sql(
        desk.deps,
        "UPDATE video SET kind = :kind, checked = :checked, problem = :told, poster_key = NULL,"
        " key = replace(key, '.mp4', :ending), duration_s = 0",
        kind=kind, checked=checked, told=told, ending=f".{ending}",
    )  # fmt: skip
    (player,) = shown(visit("library/take.py", take=job.id), "player")
    (card,) = shown(visit("library/gallery.py"), "wall")[0]["takes"]
    assert (player["kind"], bool(player["src"])) == (stage, stage != "none")
    assert ("download it" in player["note"]) == (stage == "none")
    assert bool(card["poster"]) == (stage == "image")
    assert card["length"] == ending.upper()
    assert bool(card["preview"]) == (stage == "video")


@pytest.mark.parametrize(
    ("copied", "tries", "stage", "says"),
    [
        (True, 0, "video", "What plays here is a preview; the download is the original."),
        (False, 0, "image", "A preview that plays is being made; the download is the original."),
        (False, 3, "image", "No preview could be made of it; the download is the original."),
    ],
    ids=["with its copy", "before it", "without one"],
)
def test_a_video_that_browsers_cannot_play_plays_as_a_copy_and_downloads_as_it_is(
    desk, visit, copied, tries, stage, says
):
    job, why = desk.take("stored"), "Browsers can't play it: it is HEVC."
    run_sql(
        desk.deps, "UPDATE video SET problem = :why, preview_tries = :tries, player_key = :copy",
        why=why, tries=tries, copy=f"previews/{'ab' * 32}.mp4" if copied else None,
    )  # fmt: skip
    app = visit("library/take.py", take=job.id)
    (player,) = shown(app, "player")
    (video,) = run_sql(desk.deps, "SELECT key, poster_key FROM video")
    assert (player["kind"], player["note"]) == (stage, f"{why} {says}")
    assert (f"previews/{'ab' * 32}.mp4" in player["src"]) == copied
    assert copied or video.poster_key in player["src"]
    assert video.key in app.get("link_button")[0].proto.url


def test_a_slip_in_a_named_link_is_put_right_on_the_page_with_what_came_in_view(desk, visit):
    job = desk.take("running")
    unclear = Unclear("It names a file by something that is no link.", {"video": "gs://studio/final.mp4"})
    with desk.deps.store.begin() as session:
        apply_result.apply_outcome(session, job, unclear, at=desk.deps.clock.now(), by="test")
    app = visit("library/take.py", take=job.id)
    app.text_input(key=f"link-{job.id}").set_value("https://v3.fal.media/files/finall.mp4")
    app.button(key=f"name-link-{job.id}").click().run()
    desk.change(job, error={"code": "media_gone", "message": "404", "charged": "yes", "next": ""})
    app = visit("library/take.py", take=job.id)
    assert "gs://studio/final.mp4" in app.json[0].value
    app.text_input(key=f"link-{job.id}").set_value("https://v3.fal.media/files/final.mp4")
    app.button(key=f"name-link-{job.id}").click().run()
    assert desk.job(job).result_url == "https://v3.fal.media/files/final.mp4"


def test_the_page_of_a_take_that_an_older_program_stored_has_it_looked_at(desk, visit):
    job = desk.take("stored")
    desk.change(job, due_at=None)
    run_sql(desk.deps, "UPDATE video SET preview_key = 'previews/a.webm'")
    visit("library/take.py", take=job.id)
    assert desk.job(job.id).due_at is None  # it lacks nothing
    run_sql(desk.deps, "UPDATE video SET problem = NULL")
    visit("library/take.py", take=job.id)
    assert desk.job(job.id).due_at is not None
