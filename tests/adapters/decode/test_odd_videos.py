"""Whole videos that are a little odd: what hangs behind them, and what browsers can't play."""

import pytest

from backend.media.decode.inspect import inspect_video
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
