"""What a video shows: its words, its photos, its shape."""

import base64
import io
import threading

import numpy as np
import pytest
from PIL import Image

from simulator.engine import inputs
from simulator.paint import painter
from simulator.paint.render import render_video
from tests.simulator.client import PATIENCE_S, frames, running


@pytest.mark.parametrize(
    ("seconds", "given"),
    [
        *[(5, {"duration": "5"}), (8, {"duration": "8s"}), (6, {"duration": 6}), (2.5, {"duration": 2.5})],
        *[(3, {"num_frames": 81, "fps": 27}), (2, {"num_frames": 48, "frames_per_second": 24})],
        *[(7, {"duration": "auto"}), (7, {}), (7, {"duration": True})],
    ],
)
def test_a_duration_is_read_in_any_form(given, seconds):
    assert inputs.duration_s(given, default="7") == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("aspect", "wide"), [("16:9", 16 / 9), ("9:16", 9 / 16), ("1:1", 1), ("21:9", 21 / 9), ("auto", 16 / 9)]
)
def test_a_video_has_the_aspect_it_was_asked_for(aspect, wide):
    shape = inputs.video_shape({"aspect_ratio": aspect})
    assert shape.width / shape.height == pytest.approx(wide, rel=0.02)
    assert 480 <= max(shape.width, shape.height) <= 840
    assert shape.width % 4 == shape.height % 4 == 0


# -- photos


def photo(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (90, 160), colour).save(file, "PNG")
    return file.getvalue()


def uri(body: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(body).decode()}"


def shown(sim, video, *numbers):
    """The mean colours of these frames, without their edges and lettering."""
    pictures = frames(sim.get(video["url"]).content)
    return [pictures[number][20:100, 20:-20].mean(axis=(0, 1)) for number in numbers]


def test_an_uploaded_photo_is_what_the_video_shows(sim):
    link = sim.call("POST", "/files/upload", data=photo("#2040c0")).json()["access_url"]
    video = sim.made("a move", image_url=link)["video"]
    [(red, _, blue)] = shown(sim, video, 4)
    assert blue > red + 60
    assert video["height"] > video["width"]


def test_two_photos_become_a_way_from_one_to_the_other(sim):
    ends = {"start_image_url": uri(photo("#c02020")), "tail_image_url": uri(photo("#2020c0"))}
    first, last = shown(sim, sim.made("a move", **ends)["video"], 2, -1)
    assert first[0] > first[2] + 40
    assert last[2] > last[0] + 60


@pytest.mark.parametrize(
    ("link", "limits", "kind"),
    [
        (uri(photo("red")[:60]), {}, "image_load_error"),
        ("data:image/png;base64,%%%", {}, "image_load_error"),
        ("https://example.com/a.png", {}, "file_download_error"),
        ("http://127.0.0.1:9/a.png", {}, "file_download_error"),
        (uri(photo("red")), {"min_width": 91}, "image_too_small"),
        (uri(photo("red")), {"max_height": 159}, "image_too_large"),
        (uri(photo("red")), {"max_bytes": 10}, "file_too_large"),
    ],
)
def test_a_photo_that_cant_be_had_or_taken_is_the_models_422(sim, link, limits, kind):
    entry = {"endpoint_id": "a/b", "input": {}, "photo_limits": {"image_url": limits}}
    sim.simulator.offer.entries["a/b"] = entry
    result = sim.result(sim.submit(app="a/b", image_url=link))
    assert (result.status_code, result.json()["detail"][0]["type"]) == (422, kind)


# -- scenes


def test_a_picture_tells_neither_its_prompt_nor_its_seed(tmp_path):
    """Who judges takes without names would read them there. Both prompts ask for the same still picture."""
    (tmp_path / "photo.png").write_bytes(photo("#808080"))
    means = [
        np.mean(frames(rendered(tmp_path, prompt=f"{words} static", seed=seed, **around)), axis=0)
        for words, seed in (("Anna waits.", 1), ("Somebody else runs away from it all,", 987654321))
        for around in [{"first": str(tmp_path / "photo.png"), "fps": 12}]
    ]
    lettered = np.abs(means[0][-60:] - means[1][-60:]).mean(axis=2)
    assert lettered.max() < 12  # grain alone is 5 apart, letters are 30


def rendered(folder, **more):
    """The bytes of a video of half a second."""
    size = {"duration_s": 0.5, "fps": 24, "width": 320, "height": 180, "first": None, "last": None}
    path = folder / "a.mp4"
    render_video({"path": str(path), "prompt": "silk at sunset, pan right", "seed": 3, **size, **more})
    return path.read_bytes()


def test_the_same_words_and_seed_give_the_same_bytes_and_another_seed_gives_others(tmp_path, sim):
    one, same, other = (rendered(tmp_path, seed=seed) for seed in (3, 3, 4))
    assert one == same
    assert one != other
    first, second = (sim.made("unseeded")["seed"] for _ in range(2))  # one that nobody gave is told
    assert isinstance(first, int)
    assert first != second


@pytest.mark.parametrize(
    "prompt",
    ["silk", "the ocean at dusk", "a forest in fog, orbit", "neon city, handheld", "galaxy", "noir, static"],
)
def test_every_kind_of_scene_is_a_picture_that_moves(tmp_path, prompt):
    shown = [frame.mean(axis=2) for frame in frames(rendered(tmp_path, prompt=prompt))]
    assert len(shown) == 12
    assert shown[-1].std() > 8
    assert np.abs(shown[-1] - shown[2]).mean() > 0.7


def test_warm_words_are_warm_and_cold_words_are_cold(tmp_path):
    warm, cold = (
        frames(rendered(tmp_path, prompt=f"hills {words}"))[-1].mean(axis=(0, 1))
        for words in ("at sunset", "in the snow")
    )
    assert warm[0] - warm[2] > 20
    assert cold[0] - cold[2] < -5


# -- where it is painted


def test_a_video_rendered_in_a_child_process_is_whole_and_no_child_is_left(tmp_path):
    with running(tmp_path, small=False) as sim:
        video = sim.made("silk", duration="1", resolution="480p")["video"]
        child = sim.simulator._painter._child
        assert child.poll() is None
        assert len(frames(sim.get(video["url"]).content)) == 24
    assert child.returncode is not None


def test_a_painting_that_does_not_end_is_left_and_the_log_says_so(monkeypatch, caplog):
    monkeypatch.setattr(painter, "CLOSE_S", 0.1)
    begun, go = threading.Event(), threading.Event()
    made = painter.Painter(in_process=True)
    painting = made.paint(lambda: {"hangs": [begun.set(), go.wait(PATIENCE_S)]}, lambda: None)
    begun.wait(PATIENCE_S)
    made.close()
    assert (painting.done(), "simulator_painting_left" in caplog.text) == (False, True)
    go.set()
    assert painting.exception(PATIENCE_S)
