"""Pictures, drawn and re-drawn in a child process: posters of videos, photos that people upload.

Nothing here runs outside `child`.
"""

import io
import os
import warnings
from pathlib import Path
from typing import Any

from av.video.frame import VideoFrame
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from backend.media.decode.sandbox import RejectedFile

#: The widest a poster is: twice a gallery card, for dense screens.
POSTER_WIDTH_PX = 640
#: Pictures larger than this on a side are refused before anything else: no camera makes them.
SIDE_MAX_PX = 30_000
#: Visibly the same as the original, at a third of its bytes.
JPEG_QUALITY = 92

#: The readers that may be tried, by Pillow's names; a JPEG of several pictures calls itself MPO.
PILLOW_FORMATS = ("JPEG", "PNG", "WEBP")
_PROFILE_TO = ImageCms.createProfile("sRGB")
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


def clean_upload(source: str, target: str, max_pixels: int) -> dict[str, Any]:
    """Re-draw an uploaded photo without anything but its pixels; RejectedFile: it can't be used."""
    with open(source, "rb") as file:
        image = _opened(file, max_pixels)
        try:
            with warnings.catch_warnings(action="ignore"):
                image.load()
                image = _upright_srgb(image)
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise RejectedFile("the picture is damaged or cut; save it again and upload that") from error
    if image.mode == "RGB":
        content = _encoded(image, "JPEG", quality=JPEG_QUALITY, subsampling=0)
        kind = {"extension": "jpg", "content_type": "image/jpeg"}
    else:
        content, kind = _encoded(image, "PNG"), {"extension": "png", "content_type": "image/png"}
    write_new(Path(target), content)
    return {**kind, "width": image.width, "height": image.height}


def _opened(file: Any, max_pixels: int) -> Image.Image:
    """The picture with its header read and its pixels not yet decoded."""
    try:
        with warnings.catch_warnings(action="ignore"):
            image = Image.open(file, formats=PILLOW_FORMATS)
    except UnidentifiedImageError as error:
        raise RejectedFile("it is no JPEG, PNG or WebP picture; save it as one of these") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise RejectedFile("the picture is damaged or cut; save it again and upload that") from error
    if image.width * image.height > max_pixels or max(image.size) > SIDE_MAX_PX:
        size = f"{image.width} x {image.height}"
        raise RejectedFile(f"{size} pixels are too many; at most {max_pixels / 1e6:.0f} megapixels are taken")
    if image.format in {"PNG", "WEBP"} and getattr(image, "is_animated", False):
        raise RejectedFile("it is a moving picture; upload a still one")
    return image


def _upright_srgb(image: Image.Image) -> Image.Image:
    """The pixels as they are meant to be seen: turned upright, in sRGB, `RGB` or (see-through) `RGBA`."""
    profile = image.info.get("icc_profile")
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits a pixel: keep the upper eight
        image = image.point(lambda value: value / 256).convert("L")
    see_through = "A" in image.getbands() or "transparency" in image.info
    if profile and image.mode in {"RGB", "RGBA", "CMYK", "L"}:
        image = _in_srgb(image, profile)
    image = image.convert("RGBA" if see_through else "RGB")
    if see_through and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    return image


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Colours converted; a profile that can't be used is passed over, as viewers do."""
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, _PROFILE_TO, outputMode=mode) or image
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image


def _encoded(image: Image.Image, format_name: str, **options: Any) -> bytes:
    """The picture as a file, with nothing in it besides the pixels."""
    bare = image.copy()
    bare.info = {}
    out = io.BytesIO()
    bare.save(out, format_name, **options)
    return out.getvalue()
