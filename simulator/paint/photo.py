"""A camera move over a photo, and from one photo to another."""

import math
from dataclasses import replace

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from simulator.paint.camera import Pose
from simulator.paint.look import Look
from simulator.paint.noise import F, f32

#: Photos are kept this much larger than the picture, so that a move stays sharp and inside them.
ROOM = 1.35


class Photos:
    """One picture to move over, or two to move between.

    Raises:
        OSError, ValueError: a picture can't be read.
    """

    def __init__(self, first: str | None, last: str | None, width: int, height: int) -> None:
        self._size = (width, height)
        self._pictures = [_fitted(path, width, height) for path in (first, last) if path]
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        # a slant from one corner to the other, by which the second photo comes in
        self._slant: F = (x / width * 0.6 + y / height * 0.4)[..., None].astype(np.float32)

    def picture_at(self, pose: Pose, share: float, t: float) -> F:
        """One moment: `share` of the way from the first to the last picture."""
        image = self._seen(self._pictures[0], pose)
        if len(self._pictures) == 1:
            return image
        eased = share * share * (3 - 2 * share)
        other = self._seen(self._pictures[1], replace(pose, zoom=max(1.0, 1.18 - 0.18 * eased)))
        mix = np.clip(eased * 1.9 - self._slant * 0.9, 0, 1)
        return f32(image + (other - image) * (mix * mix * (3 - 2 * mix)))

    def plain_look(self, look: Look) -> Look:
        """The look, less what belongs to painted scenes."""
        return replace(look, bloom=0.10, grain=min(look.grain, 0.03))

    def _seen(self, picture: Image.Image, pose: Pose) -> F:
        """The part of the picture that the camera sees; it never leaves the picture."""
        width, height = self._size
        zoom = max(1.02, pose.zoom if pose.zoom > 1 else 1 + (pose.zoom - 0.6) * 0.6)
        cos, sin = math.cos(pose.roll), math.sin(pose.roll)
        reach = 1 + abs(sin) * max(width, height) / min(width, height)
        scale = picture.width / width / max(zoom, reach)
        half_w, half_h = picture.width / 2, picture.height / 2
        room_x = max(0.0, half_w - width * scale / 2 * reach)
        room_y = max(0.0, half_h - height * scale / 2 * reach)
        cx = half_w + min(room_x, max(-room_x, pose.dx * height * scale * 0.22))
        cy = half_h + min(room_y, max(-room_y, pose.dy * height * scale * 0.22))
        a, b = scale * cos, -scale * sin
        matrix = (a, b, cx - a * width / 2 - b * height / 2, -b, a, cy + b * width / 2 - a * height / 2)
        seen = picture.transform(self._size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
        return f32(np.asarray(seen, np.float32) / 255)


def _fitted(path: str, width: int, height: int) -> Image.Image:
    """The picture in the video's shape: cropped when it is close to it, else whole before its own blur."""
    with Image.open(path) as photo:
        picture = ImageOps.exif_transpose(photo).convert("RGB")
    size = (round(width * ROOM), round(height * ROOM))
    filled = ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
    ratio = (picture.width / picture.height) / (width / height)
    if 0.75 < ratio < 1.34:
        return filled
    behind = filled.filter(ImageFilter.GaussianBlur(size[1] / 16)).point(lambda value: value * 0.55)
    whole = ImageOps.contain(picture, size, Image.Resampling.LANCZOS)
    behind.paste(whole, ((size[0] - whole.width) // 2, (size[1] - whole.height) // 2))
    return behind
