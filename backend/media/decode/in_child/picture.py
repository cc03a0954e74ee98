"""Pictures, drawn in a child process: posters of videos, and of pictures that were made.

Nothing here runs outside `child`.
"""

import io
import os
import warnings
from pathlib import Path
from typing import Any

from av.video.frame import VideoFrame
from PIL import Image, UnidentifiedImageError

from backend.media.decode.sandbox import RejectedFile

#: The widest a poster is: twice a gallery card, for dense screens.
POSTER_WIDTH_PX = 640
#: Pictures larger than this on a side are refused before anything else: no camera makes them.
SIDE_MAX_PX = 30_000

#: The readers that may be tried, by Pillow's names; a JPEG of several pictures calls itself MPO.
PILLOW_FORMATS = ("JPEG", "PNG", "WEBP")
Image.MAX_IMAGE_PIXELS = None  # judged here, before decoding


def fit_width(width: int, height: int, width_max: int) -> tuple[int, int]:
    """The size in even pixels, at most so wide, in the same shape."""
    scale = min(1.0, width_max / width)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def mean_brightness(frame: VideoFrame) -> float:
    """How bright a picture is in the mean, from 0 to 255."""
    grey = _pixels(frame, 32, 32).convert("L").tobytes()
    return sum(grey) / len(grey)


def save_poster(frame: VideoFrame, path: Path) -> None:
    """Draw one picture of a video as WebP, at most `POSTER_WIDTH_PX` wide and the right way up."""
    turn = frame.rotation % 360
    across = frame.height if turn % 180 == 90 else frame.width
    width, height = fit_width(frame.width, frame.height, max(2, POSTER_WIDTH_PX * frame.width // across))
    image = _pixels(frame, width, height)
    if turn:
        image = image.rotate(turn, expand=True)
    write_new(path, _encoded(image, "WEBP", quality=80, method=3))


def save_photo(frame: VideoFrame, path: Path) -> None:
    """Draw one picture of a video as PNG, in its own size and the right way up."""
    image = _pixels(frame, frame.width, frame.height)
    if frame.rotation % 360:
        image = image.rotate(frame.rotation % 360, expand=True)
    write_new(path, _encoded(image, "PNG"))


def _pixels(frame: VideoFrame, width: int, height: int) -> Image.Image:
    small = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA")
    image: Image.Image = small.to_image()  # type: ignore[no-untyped-call]  # av has no types here
    return image


def write_new(path: Path, content: bytes) -> None:
    """Write a new file, readable by its owner only; what was there is replaced, links are not followed."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def examine_still(path: str, poster: str) -> dict[str, Any]:
    """Decode a picture that was made, and draw its poster; returns its size. RejectedFile: not whole."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=PILLOW_FORMATS) as image:
            if max(image.size) > SIDE_MAX_PX:
                raise RejectedFile(f"its size of {image.width} x {image.height} pixels is not possible")
            size = {"width": image.width, "height": image.height}
            small = image.convert("RGBA" if image.has_transparency_data else "RGB")
            small.thumbnail((POSTER_WIDTH_PX, SIDE_MAX_PX))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, MemoryError) as error:
        raise RejectedFile("it is cut or damaged") from error
    write_new(Path(poster), _encoded(small, "WEBP", quality=80, method=3))
    return size


def _encoded(image: Image.Image, format_name: str, **options: Any) -> bytes:
    """The picture as a file, with nothing in it besides the pixels."""
    bare = image.copy()
    bare.info = {}
    out = io.BytesIO()
    bare.save(out, format_name, **options)
    return out.getvalue()
