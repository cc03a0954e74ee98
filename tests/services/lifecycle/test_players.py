"""Whole videos that browsers can't play say so and play as a copy; the download is the original."""

import io
from dataclasses import replace
from functools import cache, partial

import av
import pytest

from backend.domain.errors import MediaBroken
from backend.media.decode import inspect
from backend.models import Video
from backend.services.gallery.take_files import playing_key
from backend.services.lifecycle.fetching import preview
from tests.adapters.decode.bars import BT601, bars
from tests.services.lifecycle.test_files import content_of, lay, made
from tests.world import World, run_sql


@cache  # by the first test that wants it
def hevc() -> bytes:
    return bars("libx265", BT601, seconds=1.0)


@cache
def deep() -> bytes:
    return bars("libx264", [tuple(4 * part for part in code) for code in BT601], kind="yuv420p10le")


@cache
def plain() -> bytes:
    return bars("libx264", BT601)


def look_until_nothing_is_due(world: World, job: object) -> None:
    while world.look(job).due_at is not None:  # the test's own limit ends this
        world.looks(job, 1)


def played(world: World, video: Video) -> tuple[str, str | None, float]:
    """What a player is given: codec, pixel format, length in seconds."""
    with (
        world.deps.storage.open(playing_key(video) or "") as stored,
        av.open(io.BytesIO(stored.read())) as reader,
    ):
        context = reader.streams.video[0].codec_context
        return context.name, context.pix_fmt, (reader.duration or 0) / av.time_base


def test_a_whole_video_that_browsers_cannot_play_says_so_and_plays_as_a_copy(world):
    for name, content in (("a.mp4", hevc()), ("b.mp4", deep()), ("c.mp4", plain())):
        lay(world, name, content)
    links = [f"{{files}}/{name}.mp4" for name in "abc"]
    job = world.until(made(world, {"videos": links}), "stored")
    look_until_nothing_is_due(world, job)
    files = world.take(job).files
    said = ["Browsers can't play it: it is HEVC.", "Browsers can't play it: it is 10-bit H.264.", None]
    assert [(file.video.checked, file.problem) for file in files] == [(True, words) for words in said]
    assert [content_of(world, file) for file in files] == [hevc(), deep(), plain()]
    assert [played(world, file.video)[:2] for file in files] == [("h264", "yuv420p")] * 3
    assert played(world, files[0].video)[2] == pytest.approx(1.0, abs=0.1)
    assert [file.video.preview_key is not None for file in files] == [True, False, False]
    assert playing_key(files[2].video) == files[2].video.key


def test_one_copy_is_made_at_a_time_and_the_next_one_waits(world):
    lay(world, "a.mp4", hevc())
    job = world.until(made(world, {"video": {"url": "{files}/a.mp4"}}), "stored")
    with preview._copying:
        world.looks(job, 4)
        video = world.take(job).video
        assert (video.preview_key is not None, video.player_key, video.preview_tries) == (True, None, 0)
        assert world.look(job).due_at > world.deps.clock.now()
    look_until_nothing_is_due(world, job)
    assert world.take(job).video.player_key is not None


def test_a_copy_that_ends_before_its_video_says_so_on_the_page_and_in_the_api(world, monkeypatch):
    short = partial(inspect.make_playable, longest_s=1.0)
    monkeypatch.setattr(preview, "_COPY", replace(preview._COPY, make=short))
    lay(world, "a.mp4", bars("libx265", BT601, seconds=2.0))
    job = world.until(made(world, {"video": {"url": "{files}/a.mp4"}}), "stored")
    look_until_nothing_is_due(world, job)
    file = world.take(job).files[0]
    assert file.problem.endswith("What plays is a copy of its first 1 of 2 seconds.")
    assert played(world, file.video)[2] == pytest.approx(1.0, abs=0.1)
    world.deps.storage.remove(file.video.key)
    run_sql(world.deps, "UPDATE video SET missing_at = created_at")
    world.looks(job, 2)
    assert (world.take(job).files[0].here, world.take(job).files[0].problem) == (True, file.problem)


def test_a_video_of_which_no_copy_can_be_made_is_left_alone_after_a_few_tries(world, monkeypatch):
    tries = []

    def fails(path, target):
        tries.append(path)
        raise MediaBroken("not one of its pictures can be decoded")

    monkeypatch.setattr(preview, "_COPY", preview._Drawing("mp4", fails, preview._COPY.note, long=True))
    lay(world, "a.mp4", hevc())
    job = world.until(made(world, {"video": {"url": "{files}/a.mp4"}}), "stored")
    look_until_nothing_is_due(world, job)
    assert (len(tries), world.take(job).video.player_key) == (preview.PREVIEW_TRIES_MAX, None)
    assert world.job(job).state == "stored"


def test_control_a_build_that_takes_everything_for_playable_would_be_caught(world, monkeypatch):
    judged = inspect.inspect_video
    monkeypatch.setattr(
        inspect, "inspect_video", lambda *args, **more: type(judged(*args, **more))(**{
            **vars(judged(*args, **more)), "unplayable": None,
        }),
    )  # fmt: skip
    with pytest.raises(AssertionError):
        test_a_whole_video_that_browsers_cannot_play_says_so_and_plays_as_a_copy(world)
