"""An output links to more than its files: to what it was given, to pages, to nothing."""

import base64
import json
from dataclasses import replace

import pytest

from backend.services.lifecycle.fetching import choices
from backend.services.lifecycle.fetching.no_media import NO_MEDIA_AFTER
from backend.store.jobs.jobs import list_history
from tests.services.lifecycle.test_files import clip, content_of, lay, made, picture, shown
from tests.world import ANA, MODEL, run_sql


def test_a_photo_and_a_video_that_the_answer_repeats_are_no_files_of_the_take(world):
    lay(world, "in.mp4", clip(50))
    lay(world, "out", clip(90))
    run = made(world, {"video_url": "{files}/in.mp4?Signature=2&Expires=1", "output": {"url": "{files}/out"}})
    run_sql(
        world.deps, "UPDATE job SET payload = :sent, image_link = :photo WHERE id = :id",
        sent=json.dumps({"prompt": "x", "video_url": f"{world.sim.url}/files/in.mp4?Signature=1"}),
        photo=f"{world.sim.url}/files/in.png", id=run.id,
    )  # fmt: skip
    job = world.until(run, "stored")
    assert shown(world, job) == [("output", "video", True)]
    assert content_of(world, world.take(job).files[0]) == clip(90)


def test_an_output_of_data_that_cannot_be_read_is_held_to_be_judged_by_a_person(world):
    held = made(world, {"video": {"url": "data:video/mp4;base64,@@@@"}})
    assert (held.state, held.error["code"]) == ("held", "unclear_result")


def test_empty_data_beside_a_video_keep_nobody_waiting(world):
    lay(world, "a.mp4", clip(50))
    job = made(world, {"video": "{files}/a.mp4", "audio": {"url": "data:audio/mpeg;base64,"}})
    assert world.looks(job, 1)[0].state == "stored"
    assert shown(world, job) == [("video", "video", True)]


@pytest.mark.parametrize(
    "beside",
    [
        {"urls": {"get": "{files}/requests/1"}},
        {"model": "{files}/page"},
        {"docs": {"url": "{files}/answer"}},
        {"trace": "{files}/noise"},
    ],
    ids=[
        "a link of an API that is gone",
        "a page that differs each time",
        "JSON",
        "bytes that differ each time",
    ],
)
def test_links_beside_the_video_that_lead_to_no_file_are_given_up_by_themselves(world, beside):
    lay(world, "a.mp4", clip(50))
    lay(world, "answer", b'{"detail": "who are you?"}', "application/json")
    job = made(world, {"video": {"url": "{files}/a.mp4"}, **beside})
    for look in range(NO_MEDIA_AFTER):
        assert world.job(job).state == "rendered"
        lay(world, "page", b"<!doctype html><p>Look %d" % look, "text/html")
        lay(world, "noise", bytes([7, 5, look]) * 99, "application/octet-stream")
        job = world.looks(job, 1)[0]
    assert (job.state, job.error) == ("stored", None)
    _, other = world.take(job).files
    assert (other.settled, other.video) == (True, None)
    assert other.problem.startswith("No media: ")
    assert "The program has given it up" in other.problem
    with world.deps.store.read() as session:
        assert list_history(session, job.id)[-1].note == f"without {other.wanted.role}: no media"


def test_what_was_given_up_as_no_media_is_fetched_when_a_person_says_so(world):
    lay(world, "a.mp4", clip(50))
    job = world.until(made(world, {"video": {"url": "{files}/a.mp4"}, "extra": "{files}/late"}), "stored")
    lay(world, "late", clip(90))
    choices.fetch_after_all(world.deps, ANA, job.id)
    assert shown(world, world.looks(job, 1)[0])[1] == ("extra", "video", True)


@pytest.mark.parametrize(
    "beside",
    [
        {"other": "{files}/no.mp4"}, {"mask": {"url": "{files}/no", "file_size": 9}}, {"audio": "{files}/no"},
        {"mesh": "{files}/no.glb"}, {"declared": {"url": "{files}/no"}},
    ],
)  # fmt: skip
def test_what_anything_calls_a_file_was_paid_for_and_is_never_given_up(world, beside, monkeypatch):
    model = replace(world.deps.catalogue.get(MODEL), file_outputs=("declared",))
    monkeypatch.setattr(world.deps.catalogue, "recall", lambda _: model)
    lay(world, "a.mp4", clip(50))
    job = made(world, {"video": {"url": "{files}/a.mp4"}, **beside})
    assert {looked.state for looked in world.looks(job, NO_MEDIA_AFTER + 2)} == {"rendered"}


def test_a_link_to_anything_is_waited_for_while_the_video_itself_is_not_here(world):
    job = made(world, {"video": {"url": "{files}/late.mp4"}, "urls": {"get": "{files}/requests/1"}})
    assert {looked.state for looked in world.looks(job, NO_MEDIA_AFTER + 1)} == {"rendered"}
    assert not any(file.settled for file in world.take(job).files)
    lay(world, "late.mp4", clip(50))
    assert world.until(job, "stored").video_id


@pytest.mark.parametrize("name", ["scene.json", "logo.svg", "words.srt"])
def test_text_under_a_name_of_text_is_a_file_and_no_answer_in_place_of_one(world, name):
    content = {"s": b'{"scene": 1}', "l": b"<svg/>", "w": b"[music]"}[name[0]]
    lay(world, "a.mp4", clip(50))
    lay(world, name, content, "text/plain")
    job = world.until(made(world, {"video": "{files}/a.mp4", "image": f"{{files}}/{name}"}), "stored")
    assert content_of(world, world.take(job).files[1]) == content
    assert world.take(job).files[1].video.key.endswith(name.rpartition(".")[2])


def test_data_leave_the_row_as_soon_as_they_are_a_file_whatever_else_is_missing(world):
    inline = base64.b64encode(picture()).decode()
    lay(world, "a.mp4", clip(50))
    output = {"video": "{files}/a.mp4", "mask": {"file_data": inline}, "extra": "{files}/no.mp4"}
    job = world.looks(made(world, output), 1)[0]
    assert (job.state, inline in str(job.result)) == ("rendered", False)
    world.looks(job, 2)  # the provider is asked for the result again, and gives the data again
    choices.keep_what_there_is(world.deps, ANA, job.id)
    stored = world.looks(job, 1)[0]
    assert (stored.state, inline in str(stored.result)) == ("stored", False)
    assert shown(world, job)[1] == ("mask", "image", True)
