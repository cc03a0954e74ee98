"""How many units of its price a take is, by its parameters."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from backend.catalogue.pricing.bill import MAX_AMOUNT
from backend.catalogue.pricing.rules import (
    Count,
    Frames,
    Megapixels,
    OneUnit,
    PriceRule,
    Seconds,
    Tokens,
    ValueMap,
)

#: Seconds as text: "5", "8s", "7.5s".
SECONDS_PATTERN = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*s?", re.ASCII)
#: What stands for "the model chooses".
AUTO = "auto"

#: Gives what the model will see for a field.
GetValue = Callable[[str], Any]


class Uncountable(Exception):
    """How many units a take is can't be told from its parameters; says why."""


@dataclass(frozen=True)
class Units:
    """So many units. shown: "6 s"; notes: what they come from.

    is_bound: the model may choose fewer, never more.
    """

    number: float
    shown: str
    notes: tuple[str, ...] = ()
    is_bound: bool = False


def count_units(rule: PriceRule, value: GetValue) -> Units:
    """How many units a take is. Raises Uncountable: its parameters don't tell; never a guess."""
    count: Count = rule.count
    match count:
        case OneUnit():
            return Units(1.0, f"1 {rule.unit}")
        case Seconds():
            return _of_seconds(count, value)
        case ValueMap():
            return _of_map(count, value)
        case Frames():
            frames = _frames(count.field, value)
            seconds = frames / count.fps
            return Units(seconds, f"{_number(seconds)} s", (f"{_number(frames)} frames",))
        case Megapixels():
            return _of_megapixels(count, value)
        case Tokens():
            return _of_tokens(count, value)


def read_seconds(value: Any) -> float | None:
    """A positive number of seconds, out of 5, "5" and "5s"; None for anything else."""
    if isinstance(value, str):
        match = SECONDS_PATTERN.fullmatch(value.strip())
        value = float(match[1]) if match else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value <= MAX_AMOUNT else None


def show_value(value: Any) -> str:
    """A parameter's value in a few words, whatever it is."""
    if isinstance(value, str):
        return value[:40]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "of another kind" if value is not None else "not given"
    return f"{value:.10g}" if abs(value) < MAX_AMOUNT else "beyond all bounds"


def _of_seconds(count: Seconds, value: GetValue) -> Units:
    shots = value(count.shots) if count.shots else None
    if isinstance(shots, list) and shots:
        lengths = [read_seconds(_shot_length(shot, count)) for shot in shots]
        known = [length for length in lengths if length is not None]
        if len(known) < len(shots):
            raise Uncountable("a shot has no length that can be read")
        return Units(sum(known), f"{_number(sum(known))} s", (f"{len(shots)} shots",))
    seconds, is_bound = _seconds(value(count.field), count.field, count.auto_at_most)
    return Units(seconds, f"{_number(seconds)} s", is_bound=is_bound)


def _shot_length(shot: Any, count: Seconds) -> Any:
    given = shot.get(count.field) if isinstance(shot, Mapping) else None
    return count.shot_default if given is None else given


def _seconds(given: Any, field: str, auto_at_most: float | None) -> tuple[float, bool]:
    """(seconds, are they an upper bound?)"""
    if given == AUTO and auto_at_most is not None:
        return auto_at_most, True
    seconds = read_seconds(given)
    if seconds is None:
        raise Uncountable(_why(field, given))
    return seconds, False


def _of_map(count: ValueMap, value: GetValue) -> Units:
    given = value(count.field)
    number = count.values.get(show_value(given))
    if number is None:
        raise Uncountable(_why(count.field, given))
    seconds = read_seconds(given) if "duration" in count.field else None
    return Units(number, _number(number), (f"{_number(seconds)} s" if seconds else show_value(given),))


def _of_megapixels(count: Megapixels, value: GetValue) -> Units:
    frames, size = _frames(count.frames, value), value(count.size)
    width, height = _size(size, count)
    pixels = width * height * frames
    # whole numbers where they are whole: 1e6 × 112 must not become 113 megapixels
    number = math.ceil(pixels / 1_000_000) if count.round == "up" else pixels / 1_000_000
    return Units(
        number, f"{_number(number)} megapixels", (f"{_number(frames)} frames", f"{width} × {height}")
    )


def _size(size: Any, count: Megapixels) -> tuple[int, int]:
    if isinstance(size, str) and size in count.sizes:
        width, height = count.sizes[size]
        return width, height
    sides = [size.get("width"), size.get("height")] if isinstance(size, Mapping) else []
    known = [
        side for side in sides if isinstance(side, int) and not isinstance(side, bool) and 0 < side < 1e6
    ]
    if len(known) == 2:
        return known[0], known[1]
    raise Uncountable(_why(count.size, size))


def _of_tokens(count: Tokens, value: GetValue) -> Units:
    resolution, shape = value("resolution"), value("aspect_ratio")
    by_shape = count.pixels.get(resolution) if isinstance(resolution, str) else None
    if by_shape is None:
        raise Uncountable(_why("resolution", resolution))
    pixels = by_shape.get(shape) if isinstance(shape, str) else None
    if pixels is None:
        raise Uncountable(_why("aspect_ratio", shape))
    seconds, is_bound = _seconds(value(count.field), count.field, count.auto_at_most)
    frames = count.fps * seconds + count.extra_frames
    number = pixels * frames / 1024 / count.per
    notes = (f"{_number(seconds)} s", resolution, shape if shape != AUTO else "largest frame")
    return Units(number, f"{_number(number)} × {count.per:,} tokens", notes, is_bound or shape == AUTO)


def _frames(field: str, value: GetValue) -> float:
    given = value(field)
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given <= 1e9:
        raise Uncountable(_why(field, given))
    return given


def _why(field: str, given: Any) -> str:
    name = field.replace("_", " ")
    if given is None:
        return f"{name} is not said"
    if given == AUTO:
        return f"the model chooses its {name} itself"
    return f"no price is known for {name} {show_value(given)}"


def _number(number: float) -> str:
    return f"{number:,.2f}".rstrip("0").rstrip(".") if number >= 0.01 else f"{number:g}"
