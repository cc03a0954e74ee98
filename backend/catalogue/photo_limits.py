"""The photos that a model takes: in which fields, one or several, and of what size, shape and kind.

A field without known limits takes anything: what the provider would accept is never refused here. What is
only too large is made smaller when it is sent.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from backend.catalogue import input_schema, photo_limits_in_prose

#: The names models use for their first frame, the most usual first.
IMAGE_FIELDS = (
    "image_url",
    "start_image_url",
    "first_frame_url",
    "first_image_url",
    "start_frame_url",
    "input_image_url",
)
#: The names models use for their last frame.
END_IMAGE_FIELDS = ("end_image_url", "tail_image_url", "last_frame_url", "last_image_url", "end_frame_url")
#: What fields that take one photo's link are called.
SINGLE_PHOTO_PATTERN = re.compile(r"(?:^|_)(?:image|frame|photo)_url$")
#: What fields that take a list of photos' links are called.
PHOTO_LIST_PATTERN = re.compile(r"(?:^|_)(?:(?:image|frame|photo)s?_urls|images|photos)$")
#: A photo's kinds, as people call them.
TYPE_NAMES = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WebP"}
MB = 1024 * 1024


@dataclass(frozen=True)
class PhotoLimits:
    """What a photo must be for one field; None: not known, so nothing is refused for it.

    Sides in pixels, ratios as width by height, types as MIME. source: who says so.
    """

    min_width: int | None = None
    min_height: int | None = None
    max_width: int | None = None
    max_height: int | None = None
    min_ratio: float | None = None
    max_ratio: float | None = None
    max_bytes: int | None = None
    types: tuple[str, ...] = ()
    source: str = ""

    def find_fault(self, model_title: str, *, width: int, height: int, content_type: str) -> str | None:
        """What is wrong with such a photo and what to do, with numbers; None: it fits or can be made to."""
        faults = [
            self._pixels(model_title, width, height),
            self._shape(model_title, width, height),
            self._type(model_title, content_type),
        ]
        return "; ".join(fault for fault in faults if fault) or None

    def scaled_size(self, width: int, height: int, share: float = 1.0) -> tuple[int, int]:
        """In which size such a photo is sent: its own, or the largest of the same shape that fits.

        share: a smaller one still, by this share of each side.
        """
        most_wide, most_tall = self.max_width or width, self.max_height or height
        fits = min(1.0, most_wide / width, most_tall / height) * share
        wide, tall = max(1, round(width * fits)), max(1, round(height * fits))
        ratio = width / height
        if self.max_ratio is not None and ratio <= self.max_ratio < wide / tall:  # by rounding alone
            wide = max(1, int(tall * self.max_ratio))
        if self.min_ratio is not None and ratio >= self.min_ratio > wide / tall:
            tall = max(1, int(wide / self.min_ratio))
        return wide, tall

    def scaling_note(self, model_title: str, *, width: int, height: int, size_bytes: int) -> str | None:
        """What is done to such a photo when it is sent, for people; None when it is sent as it is."""
        size = self.scaled_size(width, height)
        if size != (width, height):
            return f"is sent to {model_title} as {size[0]} × {size[1]} px, scaled from {width} × {height}"
        if self.max_bytes is not None and size_bytes > self.max_bytes:
            return f"is sent to {model_title} scaled to at most {_mb(self.max_bytes)} MB"
        return None

    def as_text(self) -> str:
        """What a photo must be, in a line: "At least 300 × 300 px · 0.4 to 2.5 times as wide as tall".

        "" when it may be anything. What we see to ourselves, by making it smaller, is not in there.
        """
        least = _area(self.min_width, self.min_height)
        parts = [
            f"at least {least} px" if least else "",
            f"{_range(self.min_ratio, self.max_ratio)} times as wide as tall" if self._shaped else "",
        ]
        line = " · ".join(part for part in parts if part)
        return line[:1].upper() + line[1:]

    @property
    def _shaped(self) -> bool:
        return self.min_ratio is not None or self.max_ratio is not None

    def _pixels(self, who: str, width: int, height: int) -> str | None:
        sent_wide, sent_tall = self.scaled_size(width, height)
        if sent_wide >= (self.min_width or 0) and sent_tall >= (self.min_height or 0):
            return None
        least = f"needs at least {_area(self.min_width, self.min_height)}"
        if (sent_wide, sent_tall) == (width, height):
            return f"is {width} × {height} px; {who} {least}: take a larger one"
        most = _area(self.max_width, self.max_height)
        return f"is {width} × {height} px; {who} takes at most {most} and {least}: crop it"

    def _shape(self, who: str, width: int, height: int) -> str | None:
        ratio = width / max(height, 1)
        if (self.min_ratio or 0) <= ratio <= (self.max_ratio or math.inf):
            return None
        is_now = f"is {width} × {height} px, {ratio:.2f} times as wide as tall"
        return f"{is_now}; {who} takes {_range(self.min_ratio, self.max_ratio)} times: crop it"

    def _type(self, who: str, content_type: str) -> str | None:
        if not self.types or content_type in self.types:
            return None
        kind = TYPE_NAMES.get(content_type, content_type)
        return f"is a {kind}; {who} takes {_kinds(self.types)}: save it as that"


def parse_limits(given: Any) -> PhotoLimits:
    """Limits as data, {"min_width": 300, …}; what is not understood is left out, never guessed."""
    if not isinstance(given, Mapping):
        return PhotoLimits()
    known = {field.name: given[field.name] for field in fields(PhotoLimits) if field.name in given}
    types = known.pop("types", ())
    source = known.pop("source", "")
    numbers = {name: value for name, value in known.items() if _is_limit(value)}
    listed = types if isinstance(types, list | tuple) else ()
    return PhotoLimits(**numbers, types=tuple(str(kind) for kind in listed), source=str(source))


def field_limits(properties: Mapping[str, Any], extra_limits: Any = None) -> dict[str, dict[str, Any]]:
    """field -> the limits of its photos, as data, for every field that has some.

    extra_limits: those that we know of besides, in the same form; what the schema states goes over them.
    """
    notes = extra_limits if isinstance(extra_limits, Mapping) else {}
    found = {}
    for name in (*IMAGE_FIELDS, *properties):
        if name in properties and _takes_photos(name, properties[name]):
            known = merge_limits(notes.get(name), photo_limits_in_prose.read_description(properties[name]))
            if known:
                found[name] = known
    return found


def merge_limits(below: Any, above: Any) -> dict[str, Any]:
    """Two sets of limits as one: those of `above` count where both say something."""
    low, high = _plain(parse_limits(below)), _plain(parse_limits(above))
    sources = dict.fromkeys(said["source"] for said in (high, low) if said.get("source"))
    joined = {**low, **high}
    return {**joined, "source": "; ".join(sources)} if sources else joined


def single_photo_fields(properties: Mapping[str, Any], end_field: str | None) -> list[str]:
    """The fields, besides the first photo's, that take one photo by its link; `end_field`: the last's."""
    return [
        name
        for name, prop in properties.items()
        if (name == end_field or SINGLE_PHOTO_PATTERN.search(name)) and input_schema.is_text(prop)
    ]


def photo_list_fields(properties: Mapping[str, Any]) -> list[str]:
    """The fields that take a list of photos by their links."""
    return [
        name
        for name, prop in properties.items()
        if PHOTO_LIST_PATTERN.search(name) and list_alternative(prop) is not None
    ]


def list_alternative(prop: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The alternative of a field that is a list of texts; None: it has none."""
    for part in (prop, *input_schema.flat_alternatives(prop)):
        items = part.get("items")
        if part.get("type") == "array" and isinstance(items, Mapping) and input_schema.is_text(items):
            return None if "enum" in items else part
    return None


def _takes_photos(name: str, prop: Any) -> bool:
    if not isinstance(prop, Mapping):
        return False
    one = name in IMAGE_FIELDS or name in END_IMAGE_FIELDS or SINGLE_PHOTO_PATTERN.search(name)
    return bool(one and input_schema.is_text(prop)) or bool(photo_list_fields({name: prop}))


def _plain(known: PhotoLimits) -> dict[str, Any]:
    """Limits as JSON holds them, without what is not known; {} when nothing is."""
    said = {name: value for name, value in asdict(known).items() if value not in (None, (), "")}
    if "types" in said:
        said["types"] = list(said["types"])
    return said if set(said) - {"source"} else {}


def _is_limit(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and value > 0


def _area(width: int | None, height: int | None) -> str:
    if width and height:
        return f"{width} × {height}"
    return f"{width} wide" if width else f"{height} tall" if height else ""


def _range(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"at least {low:g}" if low is not None else f"at most {high:g}"
    return f"{low:g} to {high:g}"


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / MB:g}" if size_bytes % MB == 0 else f"{math.ceil(size_bytes / MB * 10) / 10:g}"


def _kinds(types: tuple[str, ...]) -> str:
    names = [TYPE_NAMES.get(kind, kind.removeprefix("image/").upper()) for kind in types]
    return " or ".join(part for part in (", ".join(names[:-1]), names[-1] if names else "") if part)
