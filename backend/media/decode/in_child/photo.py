"""Photos that people give and pictures that models make, drawn anew in a child process from their pixels.

Nothing here runs outside `child`.
"""

import io
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from backend.media.decode.in_child.colour import on_checkerboard
from backend.media.decode.in_child.picture import POSTER, POSTER_WIDTH_PX, encoded, write_new
from backend.media.decode.in_child.read_photo import DAMAGED, FAULTS, READING_SHARE, ReadPhoto, read_photo
from backend.media.decode.sandbox import RejectedFile, report_progress

#: Visibly the same as the original, at a third of its bytes.
JPEG_QUALITY = 92
#: More megapixels than models make; a child's memory holds them.
STILL_MAX_PIXELS = 100_000_000
#: How the work after reading goes on, for the progress that is shown: scaled, then in its colours.
SCALED_SHARE, DRAWN_SHARE = READING_SHARE + 0.2, READING_SHARE + 0.3
_SRGB = ImageCms.createProfile("sRGB")


def clean_upload(source: str, target: str, max_pixels: int, kept_pixels: int) -> dict[str, Any]:
    """Draw an uploaded photo anew, upright and in sRGB; RejectedFile: it can't be used.

    max_pixels: more are refused. kept_pixels: a photo of more is scaled to that.
    """
    with warnings.catch_warnings(action="ignore"):
        read = read_photo(source, max_pixels)
        try:
            image = _drawn(read, kept_pixels)
        except FAULTS as error:
            raise RejectedFile(DAMAGED) from error
    about = {"found_size": read.size, "pictures": read.pictures, "moving": read.moving}
    return {**_written(image, target), **about}


def examine_still(path: str, poster: str) -> dict[str, Any]:
    """Decode a picture that was made, and draw its poster; returns its size. RejectedFile: not whole."""
    try:
        with warnings.catch_warnings(action="ignore"):
            read = read_photo(path, STILL_MAX_PIXELS)
            width, height = read.size
            image = _drawn(read, POSTER_WIDTH_PX * POSTER_WIDTH_PX * height // width)
    except (RejectedFile, *FAULTS) as error:
        raise RejectedFile("it is cut, damaged, or has more than 100 megapixels") from error
    shown = Image.fromarray(on_checkerboard(np.asarray(image)))
    write_new(Path(poster), encoded(shown, "WEBP", **POSTER))
    return {"width": width, "height": height}


def draw_smaller(source: str, target: str, width: int, height: int) -> dict[str, Any]:
    """Draw a photo of ours anew in a smaller size. RejectedFile: it is not what was kept."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(source, formats=("JPEG", "PNG")) as image:
            image.draft("RGB", (width, height))
            small = _scaled(_plain(image), (width, height))
    except FAULTS as error:
        raise RejectedFile(DAMAGED) from error
    return _written(small, target)


def _drawn(read: ReadPhoto, kept_pixels: int) -> Image.Image:
    """The pixels as they are meant to be seen. Each step frees what it was given: a large photo takes most
    of the memory that there is. Scaled first, so that the other steps have less to do."""
    image = _plain(read.take())
    image = _scaled(image, size_within(image.size, kept_pixels))
    report_progress(SCALED_SHARE)
    image = _in_srgb(image, read.icc_profile)
    if read.turn is not None:
        image = image.transpose(read.turn)
    report_progress(DRAWN_SHARE)
    return image


def size_within(size: tuple[int, int], pixels: int) -> tuple[int, int]:
    """The largest size of the same shape with at most so many pixels; never a larger one."""
    width, height = size
    share = math.sqrt(pixels / (width * height))
    return size if share >= 1 else (max(1, int(width * share)), max(1, int(height * share)))


def _plain(image: Image.Image) -> Image.Image:
    """In one of the colour models `RGB`, `L`, `CMYK` or, where something is see-through, `RGBA`."""
    if image.mode.startswith("I"):  # 16 bits a pixel: keep the upper eight
        image = image.point(lambda value: value / 256).convert("L")
    if image.has_transparency_data:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        see_through = image.getchannel("A").getextrema() != (255, 255)
        return image if see_through else image.convert("RGB")
    if image.mode in {"RGB", "L", "CMYK"}:
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _scaled(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """In another size. See-through pixels count by how much of them is seen."""
    if image.size == size:
        return image
    if image.mode == "RGBA":
        image = image.convert("RGBa")
    image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return image.convert("RGBA") if image.mode == "RGBa" else image


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """In `RGB` or `RGBA`; a profile that can't be used is passed over, as viewers do."""
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.profileToProfile(image, source, _SRGB, outputMode=mode) or image
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return image if image.mode == mode else image.convert(mode)


def _written(image: Image.Image, target: str) -> dict[str, Any]:
    """Write it as a file with nothing in it besides the pixels; returns what the file is."""
    image.info = {}
    out = io.BytesIO()
    if image.mode == "RGBA":
        image.save(out, "PNG")
        kind = {"extension": "png", "content_type": "image/png"}
    else:
        image.save(out, "JPEG", quality=JPEG_QUALITY, subsampling=0)
        kind = {"extension": "jpg", "content_type": "image/jpeg"}
    write_new(Path(target), out.getvalue())
    return {**kind, "width": image.width, "height": image.height}
