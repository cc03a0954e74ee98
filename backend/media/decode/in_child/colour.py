"""The pixels of a video's pictures in the colours that a browser's player shows: in a child process only.

What a file says of its colours is read as Chromium reads it, whose whole numbers are used, too: other
players agree to the eye. Light that is brighter than white is brought down to what a page can show.

Sources: ITU-T H.273 (numbers of matrices, primaries, curves); ITU-R BT.2100 (PQ, HLG); libyuv's
`row_common.cc` (from luma and differences to colours); SMPTE ST 2094-50 (what is brighter than white).
Measured with Chromium 156 on a machine without a graphics card, by drawing its player on a canvas.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

_FINE = Interpolation.AREA | Interpolation.ACCURATE_RND
Pixels = NDArray[np.uint8]  #: rows x columns x (red, green, blue, or alpha too)
Plane = NDArray[Any]
Light = NDArray[np.float32]

UNSPECIFIED = 2
#: Pictures from this height on are HD, whatever their width.
HD_HEIGHT_PX = 720
#: Of these, the container or the stream's head tells all colours or none; a part of them is passed over.
_TELL_ALL = frozenset({"h264", "vp8"})
#: These stand for themselves: a matrix is believed alone, and without one they are as SD is.
_TELL_MATRIX = frozenset({"vp9", "av1"})

#: Matrices, by FFmpeg's scaler's numbers, and the weights of red and blue in their luma.
BT709, BT601, BT2020 = 1, 5, 9
_WEIGHTS = {BT709: (0.2126, 0.0722), BT601: (0.299, 0.114), BT2020: (0.2627, 0.0593)}
#: H.273's number of a matrix -> which of these it is, or is taken for.
_MATRICES = {1: BT709, 4: BT601, 5: BT601, 6: BT601, 7: BT601, 9: BT2020, 10: BT2020}
#: Factors are 64ths, and of these a signed byte holds this many: what is above it is cut, as there.
FACTOR_MAX = 128

#: H.273's number of primaries -> their light in BT.709's. Others are shown as BT.709's are.
_TO_BT709 = {
    5: ((1.04404, -0.04404, 0.0), (0.0, 1.0, 0.0), (0.0, 0.01179, 0.98821)),
    9: ((1.66049, -0.58764, -0.07285), (-0.12455, 1.13290, -0.00835), (-0.01815, -0.10058, 1.11873)),
    12: ((1.22494, -0.22494, 0.0), (-0.04206, 1.04206, 0.0), (-0.01964, -0.07864, 1.09827)),
}
PQ, HLG = 16, 18
#: H.273's number of a curve that is a plain power -> its exponent. All others are shown as sRGB's is.
_POWERS = {4: 2.2, 5: 2.8, 8: 1.0}

#: White on a page, in candela per square metre; and the brightest that is told apart.
WHITE_CD, PEAK_CD = 203.0, 1000.0
PEAK = PEAK_CD / WHITE_CD
#: Where white comes to lie when what is brighter must find room above it.
WHITE_AT = 0.5
#: How far along the bend between white and the brightest its corner lies.
BEND = 0.65

#: Entries of tables: finer than a byte, also where dark light becomes one.
DIM_STEPS, LIGHT_STEPS = 4096, 16384
#: How many pixels are worked on at a time: some 30 MB, whatever the size of the picture.
BAND_PIXELS = 500_000

#: The board on which a page shows what is see-through, as in `player.css`: the side of its squares, and two
#: colours.
SQUARE_PX, BOARD = 10, np.array([(0x17, 0x19, 0x1C), (0x1F, 0x22, 0x26)], np.int32)


@dataclass(frozen=True)
class Colours:
    """How a picture's numbers are meant: matrix, range, and H.273's numbers of the other two."""

    matrix: int
    full: bool = False
    primaries: int = 1
    curve: int = 1

    @property
    def plain(self) -> bool:
        """Are its colours a screen's own already?"""
        powered = self.curve in _POWERS or self.curve in (PQ, HLG)
        return not powered and self.primaries not in _TO_BT709


def read_colours(frame: VideoFrame, codec: str) -> Colours:
    """How a browser takes the colours of this picture. codec: FFmpeg's name of what it was coded with."""
    matrix, primaries, curve = frame.colorspace, frame.color_primaries, frame.color_trc
    full = frame.color_range == 2
    told = [number for number in (matrix, primaries, curve) if number not in (0, UNSPECIFIED)]
    usual = BT709 if frame.height >= HD_HEIGHT_PX else BT601
    if codec in _TELL_MATRIX and matrix == UNSPECIFIED:
        return Colours(BT601)
    if codec in _TELL_ALL and len(told) < 3:
        return Colours(BT601, full=True) if full and not told else Colours(usual)
    return Colours(_MATRICES.get(matrix, usual), full, primaries, curve)


def draw(frame: VideoFrame, codec: str, width: int, height: int) -> Pixels:
    """The picture in this size, as a screen shows it; with alpha where it is see-through."""
    colours = read_colours(frame, codec)
    parts, rgb = frame.format.components, frame.format.is_rgb
    bits, alpha = max(part.bits for part in parts), any(part.is_alpha for part in parts)
    planes = _planes(frame, width, height, rgb=rgb, alpha=alpha, full=colours.full, deep=bits > 8)
    shown = np.empty((height, width, len(planes)), np.uint8)
    rows = max(1, BAND_PIXELS // width)
    for top in range(0, height, rows):
        band = [plane[top : top + rows] for plane in planes]
        pixels = shown[top : top + rows]
        if rgb:
            for part, plane in enumerate((band[2], band[0], band[1])):
                pixels[:, :, part] = _as_byte(plane)
        else:
            _from_yuv(band, colours, bits, pixels)
        if alpha:
            pixels[:, :, 3] = _as_byte(band[3])
        if not colours.plain:
            pixels[:, :, :3] = _on_a_screen(pixels[:, :, :3], colours)
    return shown if alpha and (shown[:, :, 3] < 255).any() else shown[:, :, :3]


def on_checkerboard(pixels: Pixels) -> Pixels:
    """What is see-through, laid on the squares of a page; what is not, as it is."""
    if pixels.shape[2] == 3:
        return pixels
    rows, columns = (np.arange(length) // SQUARE_PX for length in pixels.shape[:2])
    squares = BOARD[(rows[:, None] + columns) % 2]
    covered = pixels[:, :, 3:].astype(np.int32)
    shown: Plane = (pixels[:, :, :3] * covered + squares * (255 - covered) + 127) // 255
    return shown.astype(np.uint8)


def redraw(frame: VideoFrame, codec: str, width: int, height: int, *, matrix: int) -> VideoFrame:
    """The picture for a video that every browser plays: 8 bits, 4:2:0, SDR, upright, on squares.

    width, height: even, before it is turned. matrix: `BT709` or `BT601`, of what comes of it.
    """
    colours, turn = read_colours(frame, codec), frame.rotation % 360
    if turn or not colours.plain or any(part.is_alpha for part in frame.format.components):
        pixels = np.rot90(on_checkerboard(draw(frame, codec, width, height)), turn // 90)
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        width, height, colours = frame.width, frame.height, Colours(matrix, full=True)
    made = frame.reformat(
        width, height, "yuv420p", interpolation=_FINE,
        src_colorspace=colours.matrix, src_color_range=2 if colours.full else 1,
        dst_colorspace=matrix, dst_color_range=1,
    )  # fmt: skip
    made.color_primaries = made.color_trc = 1 if matrix == BT709 else 6
    return made


def _planes(
    frame: VideoFrame, width: int, height: int, *, rgb: bool, alpha: bool, full: bool, deep: bool
) -> list[Plane]:
    """The picture in this size, one plane a component, all as large; its numbers stand for the same."""
    kind = ("gbr" if rgb else "yuv") + ("a" if alpha else "") + ("p" if rgb else "444p")
    spread = 2 if rgb or full else 1
    small = frame.reformat(
        width, height, kind + ("16le" if deep else ""), interpolation=_FINE,
        src_colorspace=1, dst_colorspace=1, src_color_range=spread, dst_color_range=spread,
    )  # fmt: skip
    item = np.dtype("<u2" if deep else "u1")
    return [
        np.frombuffer(memoryview(plane), item).reshape(height, plane.line_size // item.itemsize)[:, :width]
        for plane in small.planes
    ]


def _as_byte(plane: Plane) -> Plane:
    return (plane >> 8).astype(np.uint8) if plane.itemsize > 1 else plane


def _from_yuv(band: list[Plane], colours: Colours, bits: int, into: Pixels) -> None:
    """Luma and differences made red, green and blue, in whole numbers, as libyuv does."""
    red, blue = _WEIGHTS[colours.matrix]
    green, wide = 1 - red - blue, 255 / 255 if colours.full else 255 / 224
    into_red, into_blue = 2 * (1 - red) * wide, 2 * (1 - blue) * wide
    factors = into_red, into_red * red / green, into_blue * blue / green, into_blue
    vr, vg, ug, ub = (min(FACTOR_MAX, round(64 * factor)) for factor in factors)
    luma_factor, luma_base = (16320, 32) if colours.full else (18997, -1160)
    luma = band[0].astype(np.int32)
    luma = luma | luma >> bits if bits > 8 else luma * 257
    y = (luma * luma_factor >> 16) + luma_base
    u, v = (_as_byte(plane).astype(np.int32) - 128 for plane in band[1:3])
    for part, light in enumerate((y + v * vr, y - u * ug - v * vg, y + u * ub)):
        into[:, :, part] = np.clip(light >> 6, 0, 255)


# -- light ------------------------------------------------------------------------------------


def _on_a_screen(coded: Pixels, colours: Colours) -> Pixels:
    """Light of other curves and primaries, and such as is brighter than white, in a screen's own numbers."""
    light = _curve(colours.curve)[coded]
    if colours.curve == HLG:
        shine = light @ np.array([0.2627, 0.678, 0.0593], np.float32)
        light *= (PEAK * np.power(shine, np.float32(0.2)))[..., None]
    if colours.curve in (PQ, HLG):
        light *= _look_up(_dimming(), light.max(axis=-1), PEAK)[..., None]
    if colours.primaries in _TO_BT709:
        light = light @ np.array(_TO_BT709[colours.primaries], np.float32).T
    return _look_up(_srgb(), light, 1)


def _look_up(table: NDArray[Any], values: Light, highest: float) -> NDArray[Any]:
    """A function's values by its table, whose entries stand for 0 to `highest`."""
    at = values * np.float32((len(table) - 1) / highest) + np.float32(0.5)
    found: NDArray[Any] = table[np.clip(at, 0, len(table) - 1).astype(np.int32)]
    return found


@cache
def _curve(curve: int) -> Light:
    """From a coded byte to light, where 1 is white (of HLG: the scene's brightest)."""
    coded = np.arange(256) / 255
    if curve == PQ:
        power = coded ** (32 / 2523)
        light = np.maximum(power - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * power)
        light = light ** (8192 / 1305) * 10_000 / WHITE_CD
    elif curve == HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - c) / a) + b) / 12)
    elif curve in _POWERS:
        light = coded ** _POWERS[curve]
    else:
        light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


@cache
def _srgb() -> NDArray[np.uint8]:
    """From light to the byte that a page has for it."""
    light = np.linspace(0, 1, LIGHT_STEPS)
    coded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return (coded * 255 + 0.5).astype(np.uint8)


@cache
def _dimming() -> Light:
    """By how much light is dimmed whose strongest colour is this, from 0 to `PEAK`.

    All up to white by the same; from there on along a parabola that ends, level with 1, at the brightest.
    """
    corner = (1 - BEND) + BEND / WHITE_AT, (1 - BEND) * WHITE_AT + BEND
    t = np.linspace(0, 1, LIGHT_STEPS)
    bright = (1 - t) ** 2 + 2 * (1 - t) * t * corner[0] + t**2 * PEAK
    shown = (1 - t) ** 2 * WHITE_AT + 2 * (1 - t) * t * corner[1] + t**2
    light = np.linspace(0, PEAK, DIM_STEPS)
    dimmed = np.interp(light, bright, shown) / np.maximum(light, 1)
    return np.where(light <= 1, WHITE_AT, dimmed).astype(np.float32)
