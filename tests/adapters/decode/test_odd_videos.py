"""Whole videos that are a little odd: what hangs behind them, and what browsers can't play."""

from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from backend.domain.errors import MediaBroken
from backend.media.decode.inspect import inspect_video, make_playable
from tests.adapters.decode.bars import BT601, BT709, HD, PQ, SD, TOLD_PQ, bars, pixels_of
from tests.adapters.decode.test_colours import ENCODINGS, SHOWN, UNPLAYED, near
from tests.adapters.decode.test_inspect import KINDS
from tests.adapters.storages import part

#: What cameras, servers and tagging programs hang on behind a video.
TRAILERS = {
    "a line break": b"\r\n",
    "a few zeros": bytes(3),
    "zeros": bytes(5000),
    "ID3": b"ID3\x04" + bytes(30),
    "an old tag": b"TAG" + b"x" * 125,
    "a phone's": b"\0\0\x01\x0bSEFHk\0\0\0\x01" + bytes(20) + b"SEFT",
    "an unknown box": b"\0\0\0\x20sefd" + bytes(24),
    "an unknown box, cut": b"\0\1\0\0uuid" + bytes(24),
    "noise": b"\xff" * 40 + bytes(range(256)),
}


@pytest.mark.parametrize("kind", ["mp4 faststart", "mp4 in fragments", "mov", "webm"])
@pytest.mark.parametrize("trailer", TRAILERS)
def test_what_hangs_behind_a_whole_video_is_passed_over_as_players_do(kind, trailer, make_video, tmp_path):
    content = make_video(**KINDS[kind])
    found = inspect_video(part(tmp_path, content + TRAILERS[trailer]))
    assert found == inspect_video(part(tmp_path, content))


@pytest.mark.parametrize("name", [b"abcd", b"uuid", b"styp", b"meta"])
@pytest.mark.parametrize("first", [True, False], ids=["at the start", "within"])
def test_a_box_that_nobody_knows_is_passed_over(name, first, make_video, tmp_path):
    content, box = make_video(), b"\0\0\0\x18" + name + bytes(16)
    shifted = bytearray(content)
    at = content.index(b"stco") + 8  # where each chunk lies: all of them are further on now
    for entry in range(at + 4, at + 4 + 4 * int.from_bytes(content[at : at + 4]), 4):
        shifted[entry : entry + 4] = (int.from_bytes(content[entry : entry + 4]) + len(box)).to_bytes(4)
    behind = 0 if first else content.index(b"mdat") - 4
    made = bytes(shifted[:behind]) + box + bytes(shifted[behind:])
    assert inspect_video(part(tmp_path, made)).extension == "mp4"


def test_a_video_with_a_sound_of_a_kind_that_nobody_knows_is_whole(make_video, tmp_path):
    content = make_video(audio=True)
    odd = content.replace(b"mp4a", b"apac")
    assert odd != content
    found = inspect_video(part(tmp_path, odd))
    assert (found.width, found.unplayable) == (320, None)


def test_a_video_of_a_kind_that_nobody_knows_says_so(make_video, tmp_path):
    with pytest.raises(MediaBroken, match="coded in a way that is not known"):
        inspect_video(part(tmp_path, make_video().replace(b"avc1", b"zzz1")))


# -- what browsers can't play -------------------------------------------------------------------

X264: dict[str, Any] = {"codec": "libx264", "codes": BT601}
DEEP = [tuple(4 * part for part in code) for code in BT601]
PRORES: dict[str, Any] = {"codec": "prores_ks", "codes": DEEP, "container": "mov"}
#: What is said -> how such a video is made
SAID: dict[str | None, dict[str, Any]] = {
    None: X264,
    "it is HEVC": {**X264, "codec": "libx265"},
    "it is 10-bit HEVC": {"codec": "libx265", "codes": PQ, "kind": "yuv420p10le", "told": TOLD_PQ},
    "it is 10-bit H.264": {**X264, "codes": DEEP, "kind": "yuv420p10le"},
    "it is H.264 with 4:2:2 colours": {**X264, "kind": "yuv422p"},
    "it is H.264 with 4:4:4 colours": {**X264, "kind": "yuv444p"},
    "it is 10-bit ProRes with 4:2:2 colours": {**PRORES, "codec": "prores", "kind": "yuv422p10le"},
    "it is 12-bit ProRes with 4:4:4 colours": {**PRORES, "kind": "yuva444p10le"},
    "it is H.264 in a Matroska file": {**X264, "container": "mkv"},
    "it is MPEG-4 Part 2": {**X264, "codec": "mpeg4"},
    "without its sound, which is PCM": {**X264, "container": "mov", "sound": "pcm_s16le"},
}


@pytest.mark.parametrize("said", SAID)
def test_a_whole_video_that_browsers_cannot_play_says_why(said: str | None, tmp_path: Path) -> None:
    found = inspect_video(part(tmp_path, bars(**SAID[said]))).unplayable
    assert found == said if said is None else said in (found or "")


@pytest.mark.parametrize("name", ["VP8", "VP9 with alpha"])
def test_what_browsers_play_says_nothing(name: str, tmp_path: Path) -> None:
    assert inspect_video(part(tmp_path, bars(**ENCODINGS[name]))).unplayable is None


@pytest.mark.parametrize("name", UNPLAYED)
def test_its_copy_plays_from_the_first_bytes_in_the_same_colours(name: str, tmp_path: Path) -> None:
    copy, poster = tmp_path / "copy", tmp_path / "poster"
    made = {**UNPLAYED[name], "sound": "aac", "seconds": 0.75}
    make_playable(part(tmp_path, bars(**made)), copy)
    found = inspect_video(copy, poster=poster)
    with av.open(str(copy)) as reader:
        context, sound = reader.streams.video[0].codec_context, reader.streams.audio[0]
        assert (context.name, context.pix_fmt, sound.codec_context.name) == ("h264", "yuv420p", "aac")
    assert (found.unplayable, found.extension, found.fps) == (None, "mp4", pytest.approx(24, abs=0.1))
    assert found.duration_s == pytest.approx(0.75, abs=0.1)
    content = copy.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    assert copy.stat().st_mode & 0o777 == 0o600
    with Image.open(poster) as drawn:
        # Of a small picture of 8 bits; blue counts less than it can be seen.
        assert near(pixels_of(drawn), SHOWN[name], by=12), pixels_of(drawn)


@pytest.mark.parametrize(("size", "copied"), [((1920, 1080), HD), ((1080, 1920), HD[::-1]), (SD, SD)])
def test_its_copy_has_at_most_as_many_pixels_as_hd(size, copied, tmp_path):
    make_playable(part(tmp_path, bars("libx265", BT709, size=size, seconds=0.1)), tmp_path / "copy")
    found = inspect_video(tmp_path / "copy")
    assert (found.width, found.height) == copied
