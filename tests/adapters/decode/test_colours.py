"""Posters and kept pictures have the colours that a browser's player shows."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

from backend.media.decode.inspect import inspect_video, make_preview, save_frame
from tests import programs
from tests.adapters.decode.bars import (
    BT601,
    BT601_FULL,
    BT709,
    HD,
    HLG,
    PQ,
    SD,
    TOLD_601,
    TOLD_709,
    TOLD_HLG,
    TOLD_PQ,
    TOLD_WIDE,
    WIDE,
    bars,
    pixels_of,
)
from tests.adapters.storages import part

#: How far a colour may lie from the player's, of 255.
NEAR = 3
#: The board on which a page shows what is see-through.
BOARD = [(0x17, 0x19, 0x1C), (0x1F, 0x22, 0x26)]
AS_BT709 = [(255, 1, 3), (0, 255, 11), (255, 255, 255)]
AS_BT601 = [(254, 0, 0), (0, 255, 2), (255, 255, 255)]
X264: dict[str, Any] = {"codec": "libx264", "size": SD}
DEEP: dict[str, Any] = {**X264, "kind": "yuv420p10le"}
#: name -> how it is made
ENCODINGS: dict[str, dict[str, Any]] = {
    "untagged HD": {**X264, "codes": BT709, "size": HD},
    "untagged SD": {**X264, "codes": BT601},
    "SD that says BT.709": {**X264, "codes": BT709, "told": TOLD_709},
    "HD that says BT.601": {**X264, "codes": BT601, "told": TOLD_601, "size": HD},
    "full range": {**X264, "codes": BT601_FULL, "kind": "yuvj420p", "full": True, "size": HD},
    "PQ": {**DEEP, "codes": PQ, "told": TOLD_PQ},
    "HLG": {**DEEP, "codes": HLG, "told": TOLD_HLG},
    "BT.2020 in SDR": {**DEEP, "codes": WIDE, "told": TOLD_WIDE},
    "VP8": {"codec": "libvpx", "codes": BT601, "container": "webm"},
    "VP9 with alpha": {"codec": "libvpx-vp9", "codes": BT601, "container": "webm", "kind": "yuva420p"},
}
#: What no Chromium plays looks like its sisters that it plays.
UNPLAYED: dict[str, dict[str, Any]] = {
    "HEVC in PQ": {**ENCODINGS["PQ"], "codec": "libx265"},
    "ProRes with alpha": {
        "codec": "prores_ks",
        "codes": [tuple(4 * part for part in code) for code in BT601],
        "container": "mov",
        "kind": "yuva444p10le",
    },
}
#: name -> what Chromium's player shows of red, green and white
SHOWN: dict[str, list[tuple[int, int, int]]] = {
    "untagged HD": AS_BT709,
    "untagged SD": AS_BT601,
    "SD that says BT.709": AS_BT709,
    "HD that says BT.601": AS_BT601,
    "full range": [(254, 0, 0), (0, 255, 0), (255, 255, 255)],
    "PQ": [(185, 1, 2), (0, 188, 17), (187, 187, 187)],
    "HLG": [(161, 0, 5), (0, 182, 22), (187, 187, 187)],
    "BT.2020 in SDR": [(255, 0, 0), (0, 255, 0), (254, 254, 254)],
    "VP8": AS_BT601,
    "VP9 with alpha": AS_BT601,
    "HEVC in PQ": [(185, 1, 2), (0, 188, 17), (187, 187, 187)],
    "ProRes with alpha": AS_BT601,
}


def near(found: Sequence[Sequence[int]], shown: Sequence[Sequence[int]], by: int = NEAR) -> bool:
    pairs = zip(found, shown, strict=True)
    return all(abs(a - b) <= by for one, other in pairs for a, b in zip(one[:3], other[:3], strict=True))


@pytest.mark.parametrize("name", [*ENCODINGS, *UNPLAYED])
def test_posters_and_kept_pictures_have_the_colours_of_the_player(name: str, tmp_path: Path) -> None:
    made, shown = (ENCODINGS | UNPLAYED)[name], SHOWN[name]
    video, poster, photo = part(tmp_path, bars(**made)), tmp_path / "poster", tmp_path / "photo"
    found = inspect_video(video, poster=poster)
    save_frame(video, photo, last=False)
    with Image.open(poster) as drawn, Image.open(photo) as kept:
        assert near(pixels_of(drawn), shown), pixels_of(drawn)
        assert near(pixels_of(kept), shown), pixels_of(kept)
        below = [drawn.getpixel((x, drawn.height - 4)) for x in (3, 13)]
        alpha = "alpha" in name
        assert (found.see_through, kept.mode) == (alpha, "RGBA" if alpha else "RGB")
        if alpha:  # below its middle, the board of a page shines through
            assert near(below, BOARD) or near(below, BOARD[::-1]), below
            assert kept.getpixel((3, kept.height - 4))[3] == 0


@pytest.mark.parametrize("name", ["untagged HD", "PQ", "VP9 with alpha"])
def test_the_small_moving_picture_has_the_same_colours(name: str, tmp_path: Path) -> None:
    preview, poster = tmp_path / "preview", tmp_path / "poster"
    make_preview(part(tmp_path, bars(**ENCODINGS[name])), preview)
    inspect_video(preview, poster=poster)
    with Image.open(poster) as drawn:
        # Bright greens and blues come nearer to the truth than the player's own numbers do.
        assert near(pixels_of(drawn), SHOWN[name], by=3 * NEAR), pixels_of(drawn)


#: What a page's player shows: its picture on a canvas, in the middle of each bar.
READ = """async ([bytes, type, number]) => {
  const video = document.createElement("video")
  video.muted = true
  const content = Uint8Array.from(atob(bytes), char => char.charCodeAt(0))
  video.src = URL.createObjectURL(new Blob([content], { type }))
  await new Promise((done, failed) => {
    video.onloadeddata = done
    video.onerror = () => failed(video.error)
  })
  const shown = new Promise(done => video.requestVideoFrameCallback(done))
  await video.play()
  await shown
  const canvas = document.createElement("canvas")
  canvas.width = video.videoWidth
  canvas.height = video.videoHeight
  const context = canvas.getContext("2d", { willReadFrequently: true })
  context.drawImage(video, 0, 0)
  return [...Array(number).keys()].map(bar => [...context.getImageData(
    Math.floor((2 * bar + 1) * canvas.width / (2 * number)), Math.floor(canvas.height / 4), 1, 1).data])
}"""


@pytest.mark.browser
@pytest.mark.needs("chromium")
def test_posters_are_within_3_of_255_of_what_the_player_itself_shows(tmp_path: Path) -> None:
    poster = tmp_path / "poster"
    with sync_playwright() as play:
        flags = ["--no-sandbox", "--disable-gpu"]
        chromium = play.chromium.launch(executable_path=programs.browser_path(), args=flags)
        page = chromium.new_page()
        for name, made in ENCODINGS.items():
            content = bars(**made)
            arguments = [base64.b64encode(content).decode(), f"video/{made.get('container', 'mp4')}", 3]
            played = page.evaluate(READ, arguments)
            inspect_video(part(tmp_path, content), poster=poster)
            with Image.open(poster) as drawn:
                assert near(pixels_of(drawn), played), (name, pixels_of(drawn), played)
        chromium.close()
