"""The prompt on the picture: small, low, and quiet."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from simulator.paint.noise import F, f32

#: Letters are at least this high, in pixels, and a certain part of the picture's short side.
SMALLEST = 9
PART = 0.043
#: No more of a prompt is lettered than fits into two lines.
LINES = 2


class Lettering:
    """Words laid out once; `over` puts them on a frame, where they appear softly."""

    def __init__(self, prompt: str, note: str, width: int, height: int, *, bars: int) -> None:
        size = max(SMALLEST, round(min(width, height) * PART))
        left = round(size * 1.5)
        font, small = ImageFont.load_default(size), ImageFont.load_default(max(7, round(size * 0.62)))
        ink = Image.new("L", (width, height), 0)
        draw = ImageDraw.Draw(ink)
        lines = _wrapped(prompt, font, width - 2 * left)
        leading = round(size * 1.32)
        top = height - bars - round(size * 1.3) - round(size * 0.9) - leading * len(lines)
        for number, line in enumerate(lines):
            draw.text((left, top + number * leading), line, fill=238, font=font)
        below = top + leading * len(lines) + round(size * 0.25)
        draw.text((left, below), note, fill=150, font=small)
        draw.line(
            (left, top - size * 0.55, left + size * 2.2, top - size * 0.55),
            fill=170,
            width=max(1, size // 12),
        )
        shadow = ink.filter(ImageFilter.GaussianBlur(size * 0.45))
        self._from = max(0, top - 2 * size)
        self._ink: F = f32((np.asarray(ink, np.float32) / 255)[self._from :, :, None])
        dim = 1 - np.clip(np.asarray(shadow, np.float32) / 255 * 1.5, 0, 0.5)
        self._dim: F = f32(dim[self._from :, :, None])

    def put_over(self, image: F, share: float) -> None:
        """Letter this frame, `share` (0..1) of full strength."""
        part = image[self._from :]
        part *= 1 - (1 - self._dim) * share
        part += (1 - part) * (self._ink * share)


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    lines: list[str] = []
    for word in text[:400].split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    if len(lines) > LINES:
        lines = lines[:LINES]
        lines[-1] += " …"
    return [_clipped(line, font, width) for line in lines]


def _clipped(line: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    if font.getlength(line) <= width:
        return line
    line = line.removesuffix(" …")
    while line and font.getlength(f"{line} …") > width:
        line = line.rpartition(" ")[0] or line[:-1]
    return f"{line.rstrip()} …"
