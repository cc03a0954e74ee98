"""Every file that a paid output names comes home; what can't be checked is kept as it came."""

import base64
import hashlib
import io
from functools import cache
from typing import Any

import av
import numpy as np
import pytest
import requests
from PIL import Image

from backend.services.gallery.take_files import FileOfTake
from backend.services.lifecycle.claims import STEP_MAX_S
from backend.services.lifecycle.fetching import choices, fetch
from backend.services.takes import cancel
from tests.world import ANA, World, run_sql


@cache  # libvpx leaves a processor's registers as no other coder expects: x264's next bytes may differ
def clip(shade: int = 40, *, codec: str = "libx264", container: str = "mp4", sound: bool = False) -> bytes:
    """A second of one grey; or of a tone."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as writer:
        if sound:
            stream = writer.add_stream("aac", rate=44100)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            for _ in range(40):
                frame.sample_rate, frame.pts = 44100, None
                writer.mux(stream.encode(frame))
        else:
            stream = writer.add_stream(codec, rate=12)
            stream.width, stream.height, stream.pix_fmt = 64, 36, "yuv420p"
            for _ in range(12):
                picture = np.full((36, 64, 3), shade, np.uint8)
                writer.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        writer.mux(stream.encode(None))
    return file.getvalue()


def picture(kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    frames = [Image.new("RGB", (32, 18), colour) for colour in ("navy", "teal")]
    frames[0].save(file, kind, **({"save_all": True, "append_images": frames[1:]} if kind == "GIF" else {}))
    return file.getvalue()


def lay(world: World, name: str, content: bytes, content_type: str = "video/mp4", **query: str) -> None:
    requests.put(
        f"{world.sim.url}/sim/files/{name}",
        data=content,
        headers={"Content-Type": content_type},
        params=query,
        timeout=10,
    ).raise_for_status()


def made(world: World, output: Any, text: str = "Three of it") -> Any:
    """A take whose model gave this output, rendered."""
    requests.post(
        f"{world.sim.url}/sim/outputs", json={"match": text, "output": output}, timeout=10
    ).raise_for_status()
    return world.until(world.ask(f"{text} [sim:never]"), "rendered", "held", "failed")


def shown(world: World, job: Any) -> list[tuple[str, str, bool]]:
    return [(file.wanted.role, str(file.kind), file.video is not None) for file in world.take(job).files]


def content_of(world: World, file: FileOfTake) -> bytes:
    assert file.video is not None
    with world.deps.storage.open(file.video.key) as stored:
        return stored.read()


@pytest.mark.parametrize(
    ("output", "roles"),
    [
        pytest.param({"video": [{"url": "{video}"}]}, ["video.0"], id="a list of one"),
        pytest.param(
            {
                "video": {"url": "{files}/a.mp4"},
                "videos": [{"url": f"{{files}}/{name}.mp4"} for name in "abc"],
            },
            ["video", "videos.1", "videos.2"],
            id="one, and all of them",
        ),
        pytest.param(
            {"videos": ["{files}/a.mp4", "{files}/b.mp4"]}, ["videos.0", "videos.1"], id="bare links"
        ),
        pytest.param(
            {"thumbnail": "{files}/p.png", "deep": {"er": [{"clip": {"url": "{files}/a.mp4"}}]}},
            ["deep.er.0.clip", "thumbnail"],
            id="a video goes before a picture",
        ),
    ],
)
def test_every_media_link_of_an_output_is_a_file_of_the_take(world, output, roles):
    for shade, name in enumerate("abc", 1):
        lay(world, f"{name}.mp4", clip(shade * 50))
    lay(world, "p.png", picture(), "image/png")
    job = world.until(made(world, output), "stored")
    take = world.take(job)
    assert [file.wanted.role for file in take.files] == roles
    assert all(file.video is not None and file.video.checked for file in take.files)
    assert take.video.id == take.files[0].video.id
    for file in take.files:
        assert hashlib.sha256(content_of(world, file)).hexdigest() == file.video.sha256


def test_one_file_that_cannot_be_had_leaves_the_others_visible_at_once(world):
    lay(world, "a.mp4", clip(50))
    job = world.looks(made(world, {"videos": ["{files}/a.mp4", "{files}/late.mp4"]}), 2)[-1]
    assert shown(world, job) == [("videos.0", "video", True), ("videos.1", "video", False)]
    assert (job.state, "1 of 2 files are here" in job.error["message"]) == ("rendered", True)
    lay(world, "late.mp4", clip(90))
    assert [here for _, _, here in shown(world, world.until(job, "stored"))] == [True, True]


def test_data_within_an_output_become_files_and_leave_the_row(world):
    inline = base64.b64encode(picture()).decode()
    padded = base64.b64encode(clip(70)).decode()
    job = made(world, {"video": {"url": f"data:video/mp4;base64,{padded}"}, "mask": {"file_data": inline}})
    stored = world.until(job, "stored")
    assert shown(world, stored) == [("video", "video", True), ("mask", "image", True)]
    assert [content_of(world, file) for file in world.take(stored).files] == [clip(70), picture()]
    assert inline not in str(stored.result)
    assert padded not in str(stored.result)


@pytest.mark.parametrize(
    ("name", "content", "kind", "extension"),
    [
        ("a.gif", picture("GIF"), "image", "gif"),
        ("a.avi", clip(container="avi", codec="mpeg4"), "video", "avi"),
        ("a.m4v", clip(sound=True), "audio", "m4a"),
        ("a.m3u8", b"#EXTM3U\n#EXT-X-VERSION:3\n", "other", "m3u8"),
        ("cut.mp4", clip()[:-200], "video", "mp4"),
    ],
)  # fmt: skip
def test_bytes_that_arrived_whole_are_kept_whatever_they_are(world, name, content, kind, extension):
    lay(world, name, content)
    job = world.until(made(world, {"video": {"url": f"{{files}}/{name}"}}), "stored")
    file = world.take(job).files[0]
    assert (file.kind, file.video.checked, file.video.key.rsplit(".")[-1]) == (kind, False, extension)
    assert file.problem
    assert content_of(world, file) == content
    assert world.look(job).due_at is None  # no preview is tried


def test_what_differs_each_time_is_not_kept_but_fetched_again(world):
    job = made(world, {"video": {"url": "{files}/a.mp4"}})
    for cut in (200, 300, 400):
        lay(world, "a.mp4", clip()[:-cut])
        assert world.looks(job, 1)[0].state == "rendered"
    lay(world, "a.mp4", clip())
    stored = world.until(job, "stored")
    assert world.take(stored).files[0].video.checked


def test_what_an_older_program_stored_without_its_other_files_is_completed(world):
    for name in "ab":
        lay(world, f"{name}.mp4", clip(ord(name)))
    job = world.until(made(world, {"videos": ["{files}/a.mp4", "{files}/b.mp4"]}), "stored")
    run_sql(world.deps, "DELETE FROM file WHERE job_id = :id", id=job.id)  # it knew of no such rows
    assert [here for _, _, here in shown(world, job)] == [True, False]
    world.looks(job, 1)
    assert [here for _, _, here in shown(world, job)] == [True, True]


def test_a_take_whose_main_file_is_done_without_has_the_next_one_as_its_video(world):
    lay(world, "b.mp4", clip(90))
    lay(world, "c.gif", picture("GIF"), "image/gif")
    job = made(world, {"videos": [f"{{files}}/{name}" for name in ("gone.mp4", "b.mp4", "c.gif")]})
    world.looks(job, 1)  # c came once, and is not believed yet
    choices.keep_what_there_is(world.deps, ANA, job.id)
    stored = world.until(job, "stored")
    assert stored.video_id == world.take(stored).files[1].video.id


def test_what_a_person_does_without_is_not_counted_as_here(world):
    lay(world, "cut.mp4", clip()[:-200])
    job = world.looks(made(world, {"videos": ["{files}/gone.mp4", "{files}/cut.mp4"]}), 1)[0]
    choices.keep_what_there_is(world.deps, ANA, job.id)
    requests.delete(f"{world.sim.url}/sim/files/cut.mp4", timeout=10).raise_for_status()
    (tried,) = world.looks(job, 1)
    assert tried.state == "rendered"
    assert "files are here" not in tried.error["message"]


class Slow:
    """Something of ours; each call of one of its methods takes longer than a look may."""

    def __init__(self, whole: Any, name: str, clock: "Hours") -> None:
        self._whole, self._name, self._clock = whole, name, clock

    def __getattr__(self, name: str) -> Any:
        if name == self._name:
            self._clock.gone_s += fetch.LOOK_MAX_S + 1
        return getattr(self._whole, name)


class Hours:
    """A clock that somebody puts forward."""

    def __init__(self, clock: Any) -> None:
        self._clock, self.gone_s = clock, 0.0

    def monotonic(self) -> float:
        return float(self._clock.monotonic()) + self.gone_s

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clock, name)


def test_many_slow_files_take_many_looks_none_of_which_outlasts_its_claim_or_waits_for_a_dead_link(world):
    for name in "bc":
        lay(world, f"{name}.mp4", clip(ord(name)))
    job = made(world, {"videos": [f"{{files}}/{name}.mp4" for name in "abc"]})  # there is no a
    clock: Any = Hours(world.deps.clock)
    slow = world.another(clock=clock, guard=Slow(world.deps.guard, "resolve", clock))
    here = []
    for _ in range(4):
        slow.look(job)
        here.append([here for _, _, here in shown(world, job)])
        due_at = world.job(job).due_at
    assert here == [[False] * 3, [False, True, False], [False, True, True], [False, True, True]]
    assert due_at > world.deps.clock.now(), "the dead link was tried again, and waits"
    assert fetch.LOOK_MAX_S + world.deps.limits.deadline_s <= STEP_MAX_S


def test_files_that_are_given_up_once_rendered_are_not_asked_for_again(world):
    job = made(world, {"video": "{files}/gone.mp4"})
    cancel.cancel_job(world.deps, ANA, job.id)
    looked = world.looks(job, 1)[0]  # a second webhook made it due, or a sweep
    assert (looked.state, looked.due_at) == ("cancelled", None)


def test_a_file_that_could_not_be_checked_then_and_can_be_now_is_a_checked_one(world):
    lay(world, "a.mp4", clip(60))
    job = world.until(made(world, {"video": "{files}/a.mp4"}), "stored")
    run_sql(world.deps, "UPDATE video SET checked = false, kind = 'other', missing_at = created_at")
    world.deps.storage.remove(world.take(job).video.key)
    video = (world.looks(job, 2), world.take(job))[1].video
    assert (video.checked, video.kind, video.missing_at) == (True, "video", None)
