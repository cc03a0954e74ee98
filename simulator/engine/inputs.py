"""What a model's input asks for, in whatever form the model wants it: seconds, pixels, pictures."""

import base64
import binascii
import ipaddress
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import requests

from simulator.engine.ledger import JSON

#: A take without a word about its length is this long.
DURATION_S = 5.0
#: No take is longer: rendering stays a matter of seconds.
LONGEST_S = 15.0
#: Frames a second of every video; film's own rate.
FPS = 24
#: The small ones of tests need no smoothness.
SMALL_FPS = 6
#: Long side and area of a video come from the resolution asked for; more would only cost time.
AREAS = {"360p": 480 * 270, "480p": 640 * 360, "512p": 640 * 360, "540p": 640 * 360}
AREA = 704 * 396
SMALL_AREA = 320 * 180
#: A photo beyond this is refused before it is decoded.
PHOTO_MAX_PIXELS = 80_000_000
#: A photo that is fetched may have this many bytes.
PHOTO_MAX_BYTES = 40 * 1024 * 1024

#: Fields that hold a first and a last picture, by how much they are preferred.
FIRST = ("image_url", "start_image_url", "first_frame_url", "first_frame_image", "image", "image_urls")
LAST = ("end_image_url", "tail_image_url", "last_frame_url", "last_frame_image")


class BadInput(Exception):
    """The model refuses its input: one item of fal's `detail` list."""

    def __init__(self, field: str, kind: str, message: str, value: Any = None) -> None:
        super().__init__(message)
        self.detail: JSON = {"loc": ["body", field], "msg": message, "type": kind, "input": value}


@dataclass(frozen=True)
class Shape:
    """How long and how large a video is to be."""

    duration_s: float
    width: int
    height: int


def check_input(given: JSON, schema: JSON) -> None:
    """Look at what a model would look at first.

    Raises:
        BadInput: a required field is missing, the prompt is empty, a list of pictures is none or has too
            few or too many, or the seed is no integer.
    """
    required = schema.get("required", ["prompt"])
    for name in required:
        if given.get(name) in (None, "") and name != "prompt":
            raise BadInput(name, "missing", "Field required", given)
    if "prompt" in required:
        if "prompt" not in given:
            raise BadInput("prompt", "missing", "Field required", given)
        if not isinstance(given["prompt"], str):
            raise BadInput("prompt", "string_type", "Input should be a valid string", given["prompt"])
        if not given["prompt"].strip():
            message = "String should have at least 1 character"
            raise BadInput("prompt", "string_too_short", message, given["prompt"])
    for name, prop in schema.get("properties", {}).items():
        if prop.get("type") == "array" and given.get(name) is not None:
            _check_list(name, prop, given[name])
    seed = given.get("seed")
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        raise BadInput("seed", "int_type", "Input should be a valid integer", seed)


def _check_list(name: str, prop: JSON, value: Any) -> None:
    if not isinstance(value, list):
        raise BadInput(name, "list_type", "Input should be a valid list", value)
    texts = prop.get("items", {}).get("type") == "string"
    if texts and not all(isinstance(item, str) and item for item in value):
        raise BadInput(name, "string_type", "Input should be a valid string", value)
    least = prop.get("minItems", 1 if texts else 0)
    if len(value) < least:
        raise BadInput(name, "sequence_too_short", f"List should have at least {least} items", value)
    if len(value) > prop.get("maxItems", len(value)):
        raise BadInput(name, "sequence_too_long", f"List should have at most {prop['maxItems']} items", value)


def check_picture(field: str, size: tuple[int, int], size_bytes: int, limits: JSON) -> None:
    """Look at a picture as the model does; BadInput: it is too small, too large, or has too many bytes.

    limits: the seed's `photo_limits` of the field.
    """
    width, height = size
    least = (limits.get("min_width", 0), limits.get("min_height", 0))
    if width < least[0] or height < least[1]:
        wanted = f"Minimum dimensions are {least[0]}x{least[1]} pixels."
        raise BadInput(field, "image_too_small", f"Image dimensions are too small. {wanted}")
    if (
        width > limits.get("max_width", width)
        or height > limits.get("max_height", height)
        or width * height > PHOTO_MAX_PIXELS
    ):
        raise BadInput(field, "image_too_large", "Image dimensions are too large.")
    if size_bytes > limits.get("max_bytes", size_bytes):
        raise BadInput(field, "file_too_large", "File size exceeds the maximum allowed size.")


def load_pictures(given: JSON, fields: Iterable[str], *, own_url: str) -> dict[str, list[bytes]]:
    """field -> the bytes of the pictures there, of these fields and of all lists of pictures.

    A picture comes from a data URI, from the simulator itself, or from this machine: the simulator
    asks nobody else.

    Raises:
        BadInput: one can't be had.
    """
    found = {}
    for field in dict.fromkeys([*fields, *(name for name in given if name.endswith("image_urls"))]):
        value = given.get(field)
        links = value if isinstance(value, list) else [value]
        bodies = [
            _data_uri(field, link) if link.startswith("data:") else _fetched(field, link, own_url)
            for link in links
            if isinstance(link, str) and link
        ]
        if bodies:
            found[field] = bodies
    return found


def duration_s(given: JSON, default: Any = None) -> float:
    """Seconds, from `duration` as "5", "8s" or 5, or from `num_frames` and the frame rate."""
    for value in (given.get("duration"), given.get("duration_seconds")):
        seconds = _seconds(value)
        if seconds is not None:
            return seconds
    frames = _seconds(given.get("num_frames"))
    if frames is not None:
        rate = _seconds(given.get("fps")) or _seconds(given.get("frames_per_second")) or 16.0
        return frames / rate
    return _seconds(default) or DURATION_S


def video_shape(
    given: JSON, *, default: Any = None, small: bool = False, photo_ratio: float | None = None
) -> Shape:
    """Length and size of the video; both sides are multiples of 4, which every encoder likes.

    photo_ratio: width by height of the first picture, for a model that keeps its aspect.
    """
    seconds = 1.0 if small else min(max(duration_s(given, default), 1.0), LONGEST_S)
    area = SMALL_AREA if small else AREAS.get(str(given.get("resolution", "")).lower(), AREA)
    ratio = _ratio(given.get("aspect_ratio")) or photo_ratio or 16 / 9
    ratio = min(max(ratio, 0.4), 2.5)
    height = math.sqrt(area / ratio)
    return Shape(seconds, _even(height * ratio), _even(height))


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) and value > 0 else None
    found = re.fullmatch(r"\s*(\d{1,4}(?:\.\d+)?)\s*s?\s*", str(value))
    return float(found[1]) or None if found else None


def _ratio(value: Any) -> float | None:
    found = re.fullmatch(r"(\d{1,4})\s*[:x/]\s*(\d{1,4})", str(value or ""))
    return int(found[1]) / int(found[2]) if found and int(found[1]) and int(found[2]) else None


def _even(pixels: float) -> int:
    return max(16, round(pixels / 4) * 4)


def _data_uri(field: str, value: str) -> bytes:
    head, comma, data = value.partition(",")
    if not comma:
        raise BadInput(field, "image_load_error", "Failed to load the image: not a data URI.")
    try:
        return base64.b64decode(data, validate=True) if head.endswith(";base64") else unquote_to_bytes(data)
    except (binascii.Error, ValueError) as error:
        raise BadInput(field, "image_load_error", "Failed to load the image: not base64.") from error


def _fetched(field: str, url: str, own_url: str) -> bytes:
    kind, failed = "file_download_error", "Failed to download the file"
    if not (_is_here(url) or url.startswith(own_url + "/")):
        raise BadInput(field, kind, f"{failed}: the simulator asks this machine only.")
    try:
        with requests.Session() as session:
            session.trust_env = False
            with session.get(url, timeout=(3, 10), stream=True, allow_redirects=False) as answer:
                if answer.status_code != 200:
                    raise BadInput(field, kind, f"{failed}: got {answer.status_code}.")
                body = answer.raw.read(PHOTO_MAX_BYTES + 1, decode_content=True)
    except requests.RequestException as error:
        raise BadInput(field, kind, f"{failed}.") from error
    if len(body) > PHOTO_MAX_BYTES:
        raise BadInput(field, "file_too_large", "The file is too large.")
    return bytes(body)


def _is_here(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return False
    if parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
