"""A small, mute, moving picture of a video, for the gallery: made in a child process only."""

import math
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.frame import VideoFrame

from backend.media.decode.in_child.colour import BT601, redraw
from backend.media.decode.in_child.picture import fit_width
from backend.media.decode.in_child.video import codec_name, open_video, pictures, video_stream
from backend.media.decode.sandbox import RejectedFile

#: What a card shows while the pointer rests on it.
PREVIEW_S = 3.0
PREVIEW_WIDTH_PX = 320
#: Enough to see a movement, at half the work of the original.
PREVIEW_FPS = 12
PREVIEW_BITS_S = 300_000


def draw_preview(path: str, preview: str) -> None:
    """Write the first seconds of a video as a small mute WebM (VP8); RejectedFile: nothing can be decoded."""
    target = Path(preview)
    target.unlink(missing_ok=True)
    with open_video(path, "no preview can be made of it") as (reader, _):
        handle = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w+b") as out:
            _draw(reader, out)


def _draw(reader: Any, out: Any) -> None:
    stream = video_stream(reader)
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = 2
    writer: Any = None
    encoder: Any = None
    begun, last = None, -1
    codec = codec_name(stream.codec_context)
    for frame in pictures(reader, stream):
        at = float(frame.time or 0)
        begun = at if begun is None else begun
        number = math.floor((at - begun) * PREVIEW_FPS + 0.001)
        if number >= PREVIEW_S * PREVIEW_FPS:
            break
        if number <= last:
            continue
        last = number
        small = redraw(frame, codec, *fit_width(frame.width, frame.height, PREVIEW_WIDTH_PX), matrix=BT601)
        if writer is None:
            writer = av.open(out, "w", format="webm")
            encoder = _encoder(writer, small)
        small.pts, small.time_base = number, Fraction(1, PREVIEW_FPS)
        writer.mux(encoder.encode(small))
    if writer is None:
        raise RejectedFile("not one of its pictures can be decoded")
    writer.mux(encoder.encode(None))
    writer.close()


def _encoder(writer: Any, frame: VideoFrame) -> Any:
    encoder = writer.add_stream("libvpx", rate=PREVIEW_FPS)
    encoder.width, encoder.height = frame.width, frame.height
    tell_colours(encoder.codec_context, frame)
    encoder.pix_fmt = "yuv420p"
    encoder.bit_rate = PREVIEW_BITS_S
    encoder.codec_context.thread_count = 1
    encoder.codec_context.time_base = Fraction(1, PREVIEW_FPS)
    encoder.options = {"deadline": "realtime", "cpu-used": "8"}
    return encoder


def tell_colours(context: Any, frame: VideoFrame) -> None:
    """Write down with a video how its colours are meant."""
    for name in ("colorspace", "color_primaries", "color_trc", "color_range"):
        setattr(context, name, getattr(frame, name))
