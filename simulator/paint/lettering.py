"""What stands on each picture: that it is simulated, small and low, and nothing else.

Not the prompt and not the seed: whoever compares takes without their names would read them there.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from simulator.paint.noise import F, f32

WORDS = "Simulated take"
#: Letters are at least this high, in pixels, and a certain part of the picture's short side.
SMALLEST = 7
PART = 0.027


class Lettering:
    """The words laid out once; `put_over` puts them on a frame, where they appear softly."""

    def __init__(self, width: int, height: int, *, bars: int) -> None:
        size = max(SMALLEST, round(min(width, height) * PART))
        ink = Image.new("L", (width, height), 0)
        top = height - bars - round(size * 2.8)
        place = (round(size * 2.4), top)
        ImageDraw.Draw(ink).text(place, WORDS, fill=190, font=ImageFont.load_default(size))
        shadow = ink.filter(ImageFilter.GaussianBlur(size * 0.7))
        self._from = max(0, top - 3 * size)
        self._ink: F = f32((np.asarray(ink, np.float32) / 255)[self._from :, :, None])
        dim = 1 - np.clip(np.asarray(shadow, np.float32) / 255 * 1.5, 0, 0.5)
        self._dim: F = f32(dim[self._from :, :, None])

    def put_over(self, image: F, share: float) -> None:
        """Letter this frame, `share` (0..1) of full strength."""
        part = image[self._from :]
        part *= 1 - (1 - self._dim) * share
        part += (1 - part) * (self._ink * share)
