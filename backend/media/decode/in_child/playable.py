"""A video that every browser plays in place of one that none does: made in a child process only."""

import math
import time
from collections import deque
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
from av.video.frame import VideoFrame

from backend.media.decode.in_child.colour import BT709, redraw
from backend.media.decode.in_child.picture import write_new
from backend.media.decode.in_child.preview import tell_colours
from backend.media.decode.in_child.video import codec_name, open_video, pictures, video_stream
from backend.media.decode.sandbox import RejectedFile

#: As many pixels as HD has, in whatever shape: a page's player is not larger.
PIXELS_MAX = 1280 * 720
#: As many pictures in each second as screens show.
FPS_MAX = 60
#: It ends where it is after this: a shorter one is better than none.
WORK_S = 140.0
#: Looks like the original at a player's size; moving noise takes no more than 6 Mbit a second.
QUALITY = {"preset": "veryfast", "crf": "22", "maxrate": "6M", "bufsize": "12M", "g": "48"}
#: Fine enough for the times of pictures in any video, in parts of a second.
TICKS = 90_000
SOUND_HZ, SOUND_BITS_S = 48_000, 128_000


def draw_playable(path: str, target: str, longest_s: float) -> float | None:
    """Write a video anew as H.264 in an MP4 that begins to play at once, sound included.

    It has 8 bits a colour, SDR, and lies on squares where it is see-through. Returns where it ends, in
    seconds, if that is before the video does: after `longest_s`, or when the time for it is over.
    RejectedFile: nothing can be decoded.
    """
    until = time.monotonic() + WORK_S
    write_new(Path(target), b"")
    trouble = "no preview can be made of it"
    # `faststart` opens the file once more, by its name.
    with (
        open_video(path, trouble) as (reader, _),
        open_video(path, trouble) as (again, _),
        av.open(
            target, "w", format="mp4", options={"movflags": "+faststart", "max_interleave_delta": "0"}
        ) as out,
    ):
        stream = video_stream(reader)
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = 2
        codec, shown = codec_name(stream.codec_context), pictures(reader, stream)
        first = next(shown, None)
        if first is None:
            raise RejectedFile("not one of its pictures can be decoded")
        size, begun = _size(first), float(first.time or 0)
        encoder: Any = None
        last, ends_at, sound = -math.inf, None, deque[Any]()
        for frame in chain([first], shown):
            at = float(frame.time or 0) - begun
            if at >= longest_s or time.monotonic() > until:
                ends_at = at
                break
            if at - last < 0.99 / FPS_MAX:
                continue
            last = at
            made = redraw(frame, codec, *size, matrix=BT709)
            if encoder is None:
                encoder = _encoder(out, made, stream.average_rate)
                sound = deque(_sound(again, out, begun, longest_s))
            while sound and _starts_s(sound[0]) <= at:
                out.mux(sound.popleft())
            made.pts, made.time_base = round(at * TICKS), Fraction(1, TICKS)
            out.mux(encoder.encode(made))
        out.mux(encoder.encode(None))
        if ends_at is None:
            out.mux(list(sound))
        return ends_at


def _starts_s(packet: Any) -> float:
    return float((packet.pts or 0) * packet.time_base)


def _size(frame: VideoFrame) -> tuple[int, int]:
    share = min(1.0, math.sqrt(PIXELS_MAX / (frame.width * frame.height)))
    width, height = (max(2, int(side * share) // 2 * 2) for side in (frame.width, frame.height))
    return width, height


def _encoder(out: Any, frame: VideoFrame, rate: Fraction | None) -> Any:
    encoder = out.add_stream("libx264", rate=min(rate or Fraction(24), FPS_MAX), options=QUALITY)
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuv420p"
    encoder.codec_context.time_base = Fraction(1, TICKS)
    encoder.codec_context.thread_count = 2
    tell_colours(encoder.codec_context, frame)
    return encoder


def _sound(reader: Any, out: Any, begun: float, longest_s: float) -> list[Any]:
    """All of its sound, coded: small beside the pictures. begun: when the first of those is shown."""
    if not reader.streams.audio:
        return []
    encoder = out.add_stream("aac", rate=SOUND_HZ, bit_rate=SOUND_BITS_S, layout="stereo")
    mixer = av.AudioResampler("fltp", "stereo", SOUND_HZ, frame_size=1024)
    made: list[Any] = []
    for frame in reader.decode(reader.streams.audio[0]):
        if float(frame.time or 0) - begun >= longest_s:
            break
        for piece in mixer.resample(frame):
            made += encoder.encode(_moved(piece, begun))
    for piece in mixer.resample(None):
        made += encoder.encode(_moved(piece, begun))
    return made + list(encoder.encode(None))


def _moved(piece: Any, begun: float) -> Any:
    piece.pts = (piece.pts or 0) - round(begun * SOUND_HZ)
    return piece
