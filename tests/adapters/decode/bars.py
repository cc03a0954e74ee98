"""Videos of upright bars, given by the very numbers that are coded: only a reader can alter them."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

#: Luma and the two differences of red, green and white, in 8 bits: as BT.709 and BT.601 have them.
BT709 = [(63, 102, 240), (173, 42, 26), (235, 128, 128)]
BT601 = [(81, 90, 240), (145, 54, 34), (235, 128, 128)]
BT601_FULL = [(76, 85, 255), (150, 44, 21), (255, 128, 128)]
#: The same in 10 bits, of BT.2020: sRGB's red and green with a white of 203 candela, in PQ and in HLG.
PQ = [(392, 438, 608), (529, 424, 474), (573, 512, 512)]
HLG = [(360, 405, 705), (631, 330, 429), (721, 512, 512)]
#: BT.2020's own, as SDR.
WIDE = [(294, 387, 960), (658, 189, 100), (940, 512, 512)]

HD, SD = (1280, 720), (640, 360)
#: How colours are told, by ITU-T H.273's numbers: primaries, curve, matrix; then whether its range is full.
TOLD_709, TOLD_601, TOLD_PQ, TOLD_HLG, TOLD_WIDE = (1, 1, 1), (6, 6, 6), (9, 16, 9), (9, 18, 9), (9, 14, 9)

_OPTIONS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "ultrafast", "qp": "1"},
    # A video of two frames is now and then refused by the writer when its frames are put into another order.
    "libx265": {"preset": "ultrafast", "crf": "2", "x265-params": "log-level=none:bframes=0"},
    "mpeg4": {},
    "prores": {},
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "0"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "0"},
    "prores_ks": {"profile": "4", "alpha_bits": "16"},
}


def bars(
    codec: str,
    codes: Sequence[tuple[int, int, int]],
    *,
    size: tuple[int, int] = SD,
    container: str = "mp4",
    kind: str = "yuv420p",
    told: tuple[int, ...] = (),
    full: bool = False,
    seconds: float = 0.25,
    sound: str | None = None,
) -> bytes:
    """A video of bars with these numbers.

    kind: FFmpeg's pixel format; where it has alpha, the lower half is see-through. sound: the codec of its
    silence.
    """
    with tempfile.NamedTemporaryFile(suffix=f".{container}") as out:
        with av.open(out.name, "w") as writer:
            stream = writer.add_stream(codec, rate=24, options=_OPTIONS[codec], bit_rate=4_000_000)
            stream.width, stream.height = size
            stream.pix_fmt = kind
            speech = writer.add_stream(sound, rate=48000) if sound else None
            if full:
                stream.codec_context.color_range = 2
            for name, number in zip(("color_primaries", "color_trc", "colorspace"), told, strict=False):
                setattr(stream.codec_context, name, number)
            for number in range(round(24 * seconds)):
                frame = _frame(codes, kind, *size)
                frame.pts = number
                writer.mux(stream.encode(frame))
            for number in range(round(47 * seconds) if speech else 0):
                beat = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.int16), "s16", "stereo")
                beat.sample_rate, beat.pts = 48000, 1024 * number
                writer.mux(speech.encode(beat))
            for ended in writer.streams:
                writer.mux(ended.encode(None))
        return Path(out.name).read_bytes()


def _frame(codes: Sequence[tuple[int, int, int]], kind: str, width: int, height: int) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, kind)
    deep = max(part.bits for part in frame.format.components) > 8
    for part, plane in enumerate(frame.planes):
        lines = np.zeros((plane.height, plane.line_size // (1 + deep)), np.uint16 if deep else np.uint8)
        if part == 3:
            lines[: plane.height // 2] = 1023 if deep else 255
        else:
            at = np.arange(plane.width) * len(codes) // plane.width
            lines[:, : plane.width] = np.array([code[part] for code in codes])[at]
        plane.update(lines.tobytes())
    return frame


def pixels_of(image: Any, number: int = 3) -> list[tuple[int, ...]]:
    """The colour in the middle of each bar, in the upper half of a Pillow image."""
    at = [(2 * bar + 1) * image.width // (2 * number) for bar in range(number)]
    return [image.getpixel((x, image.height // 4)) for x in at]
