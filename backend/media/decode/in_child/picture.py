"""Pictures of videos, drawn in a child process: posters, and photos in full size.

Nothing here runs outside `child`.
"""

import io
import os
from pathlib import Path
from typing import Any

from av.video.frame import VideoFrame
from PIL import Image

from backend.media.decode.in_child.colour import draw, on_checkerboard

#: The widest a poster is: twice a gallery card, for dense screens.
POSTER_WIDTH_PX = 640
#: Colours stay within 3 of 255, and a poster of a sharp picture below 100 kB.
POSTER = {"quality": 90, "method": 3}


def fit_width(width: int, height: int, width_max: int) -> tuple[int, int]:
    """The size in even pixels, at most so wide, in the same shape."""
    scale = min(1.0, width_max / width)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def mean_brightness(frame: VideoFrame, codec: str) -> float:
    """How bright a picture is in the mean, from 0 to 255."""
    return float(on_checkerboard(draw(frame, codec, 32, 32)).mean())


def save_poster(frame: VideoFrame, codec: str, path: Path) -> bool:
    """Draw one picture of a video as WebP, at most `POSTER_WIDTH_PX` wide; says whether it is see-through.

    It is the right way up and in the colours that a player shows; what is see-through lies on squares.
    """
    turn = frame.rotation % 360
    across = frame.height if turn % 180 == 90 else frame.width
    width, height = fit_width(frame.width, frame.height, max(2, POSTER_WIDTH_PX * frame.width // across))
    pixels = draw(frame, codec, width, height)
    image = Image.fromarray(on_checkerboard(pixels))
    write_new(path, encoded(image.rotate(turn, expand=True), "WEBP", **POSTER))
    return bool(pixels.shape[2] == 4)


def save_photo(frame: VideoFrame, codec: str, path: Path) -> None:
    """Draw one picture of a video as PNG, in its own size and the right way up; it stays see-through."""
    image = Image.fromarray(draw(frame, codec, frame.width, frame.height))
    write_new(path, encoded(image.rotate(frame.rotation % 360, expand=True), "PNG", compress_level=1))


def write_new(path: Path, content: bytes) -> None:
    """Write a new file, readable by its owner only; what was there is replaced, links are not followed."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def encoded(image: Image.Image, format_name: str, **options: Any) -> bytes:
    """The picture as a file, with nothing in it besides the pixels."""
    bare = image.copy()
    bare.info = {}
    out = io.BytesIO()
    bare.save(out, format_name, **options)
    return out.getvalue()
