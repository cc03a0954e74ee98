"""What a machine sees in stored files: measured once, told with a flag, in files that are real."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from sqlmodel import select

from backend.media.decode.inspect import measure_video
from backend.models import FileCheck, Job, Video
from backend.services.experiments.measuring import file_checks
from tests.services.experiments.building import started, takes_of, ticks
from tests.viewers import LOCAL_VIEWER

RATE, SIZE = 12, (160, 96)


def film(pictures) -> bytes:
    """A video of these pictures, each a number (one grey) or an array."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as writer:
        stream = writer.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "qp": "10"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number, picture in enumerate(pictures):
            grey = np.broadcast_to(np.asarray(picture, np.uint8)[..., None], (SIZE[1], SIZE[0], 3))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(grey), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            writer.mux(stream.encode(frame))
        writer.mux(stream.encode(None))
    return out.getvalue()


def noise(seed: int):
    return np.random.default_rng(seed).integers(60, 200, (SIZE[1], SIZE[0]))


def grey(value: int):
    return np.full((SIZE[1], SIZE[0]), value)


def moving() -> bytes:
    return film([noise(n) for n in range(24)])


#: What a film shows -> (its pictures, what is flagged).
FILMS = {
    "moves": (lambda: [noise(n) for n in range(24)], set()),
    "stands still": (lambda: [noise(1)] * 24, {"frozen_s"}),
    "goes black": (lambda: [*[noise(n) for n in range(12)], *[grey(0)] * 12], {"black_s"}),
    "flickers": (lambda: [noise(n) // 2 + 60 * (n % 2) for n in range(24)], {"flicker"}),
    "is a blur": (lambda: [grey(100 + 3 * n) for n in range(24)], {"sharpness"}),
}


@pytest.mark.parametrize("name", FILMS)
def test_what_is_wrong_with_a_video_is_flagged_and_nothing_else(tmp_path, name):
    pictures, expected = FILMS[name]
    (tmp_path / "x.mp4").write_bytes(film(pictures()))
    found = measure_video(tmp_path / "x.mp4")
    flagged = {one for one, value in found.items() if file_checks.is_flagged(one, value)}
    assert flagged == expected, found


def store(world, job_id: str, content: bytes, **columns) -> str:
    """A take's file, as if it had come home; its video's id."""
    path = world.deps.settings.parts_dir / f"{job_id}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    key = f"{job_id}.mp4"
    world.deps.storage.put_file(path, key)
    video = Video(
        id=f"v-{job_id}", sha256=job_id, key=key, content_type="video/mp4", size_bytes=len(content),
        created_at=world.deps.clock.now(), **{"duration_s": 2.0, "width": 160, "height": 96, **columns},
    )  # fmt: skip
    with world.deps.store.begin() as session:
        job = session.get(Job, job_id)
        job.state, job.video_id = "stored", video.id
        session.add_all([video, job])
    return f"v-{job_id}"


def test_files_of_an_experiment_are_measured_once_and_told_beside_what_was_asked_for(world):
    experiment = started(world, 1, repeats=2, request={"params": {"duration": "5", "aspect_ratio": "16:9"}})
    ticks(world, 2)
    whole, broken = (job.id for job in takes_of(world, experiment))
    store(world, whole, moving())
    store(world, broken, b"no video")
    assert file_checks.measure_due_files(world.deps) == 2
    assert file_checks.measure_due_files(world.deps) == 0, "each is measured once"
    found = file_checks.list_checks(world.deps, LOCAL_VIEWER, experiment)
    told = {(one.take, one.name): (round(one.value, 2), one.flagged) for one in found}
    assert told[whole, "length_off_s"] == (-3.0, True)
    assert told[whole, "shape_off"] == (-0.06, True)
    assert told[whole, "frozen_s"] == (0.0, False)
    assert {name for take, name in told if take == broken} == {"unreadable"}
    with world.deps.store.read() as session:
        assert {row.version for row in session.exec(select(FileCheck)).all()} == {file_checks.VERSION}
