"""A model's own JSON Schema, read as fields of a form. No model is known by name; no element is drawn."""

import json
import math
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from backend.catalogue.input_schema import field_order
from backend.domain.shape import load_json
from backend.domain.text import clean_text

#: Stand in front, in the model's own order; whatever else a model takes is folded under "Advanced".
FRONT = frozenset(
    {"duration", "aspect_ratio", "resolution", "video_size", "num_frames", "fps", "frames_per_second", "seed",
     "generate_audio", "audio", "loop", "voice", "quality", "style"}
)  # fmt: skip
#: Up to this many choices lie side by side; more fold into a list or a slider.
SIDE_BY_SIDE = 6
#: A range of whole numbers wider than this is typed in, not slid over.
SLIDE_OVER = 2000
#: Texts that may be longer than this get room.
LONG_CHARS = 200
#: Seeds stay below this, whatever a model would take: 31 bits fit everywhere.
SEED_BELOW = 2**31

Kind = Literal["choice", "steps", "list", "flag", "slide", "number", "seed", "line", "text", "json"]


@dataclass(frozen=True)
class Field:
    """One parameter. kind: how it is filled in.

    default: what the model does without it; None: nobody says. A value that equals it is not sent.
    """

    name: str
    label: str
    help: str
    kind: Kind
    default: Any
    required: bool
    front: bool
    options: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    whole: bool = False

    @property
    def start_value(self) -> Any:
        """What the field shows before anybody touched it."""
        if self.kind == "seed":
            return self.new_seed() if self.default is None else self.default
        if self.kind == "json":
            return "" if self.default is None else json.dumps(self.default)
        if self.kind == "flag":
            return bool(self.default)
        if self.default is None and self.required and self.options:
            return self.options[0]
        if self.default is None and self.kind == "slide":
            return self.low
        return "" if self.default is None and self.kind in ("line", "text") else self.default

    def new_seed(self) -> int:
        """A seed that the model takes."""
        low = max(0, math.ceil(self.low or 0))
        below = min(SEED_BELOW, int(self.high) + 1 if self.high is not None else SEED_BELOW)
        return low + secrets.randbelow(max(1, below - low))

    def can_show(self, value: Any) -> bool:
        """Can the field show this value?"""
        match self.kind:
            case "choice" | "steps" | "list":
                return any(value == option and type(value) is type(option) for option in self.options)
            case "flag":
                return isinstance(value, bool)
            case "slide" | "number" | "seed":
                fits = isinstance(value, int | float) and not isinstance(value, bool)
                return (
                    fits
                    and (self.low is None or value >= self.low)
                    and (self.high is None or value <= self.high)
                )
            case "line" | "text":
                return isinstance(value, str)
        return True

    def convert_value(self, value: Any) -> Any:
        """Another model's value in this field's own terms (5 for "5", "8s" for 8); None: it has none."""
        if self.kind == "json":
            return value if isinstance(value, list | dict) else None
        if self.can_show(value):
            return value
        number = _number_in(value)
        if number is None:
            return None
        if self.options:
            return next((option for option in self.options if _number_in(option) == number), None)
        typed = int(number) if self.whole else number
        fits = self.kind in ("slide", "number") and typed == number and self.can_show(typed)
        return typed if fits else None

    def widget_value(self, value: Any) -> Any:
        """A value as the field's widget holds it."""
        if self.kind == "json":
            return json.dumps(value, ensure_ascii=False)
        if self.kind in ("slide", "number", "seed"):
            return int(value) if self.whole else float(value)
        return value

    def sent_value(self, value: Any) -> Any:
        """What is sent for a widget's value; None: nothing. Broken JSON goes on, to be refused by name."""
        if self.kind == "json":
            value = _parsed(value)
        if (
            value is None
            or value == ""
            or (value == self.start_value and self.kind == "slide" and self.default is None)
        ):
            return None
        if value == self.default and type(value) is type(self.default):
            return None
        return (
            None
            if self.kind == "flag" and self.default is None and value is False and not self.required
            else value
        )


def read_fields(schema: Mapping[str, Any]) -> list[Field]:
    """The fields of a model's `params`, in the model's own order."""
    properties = schema.get("properties", {})
    required = set(schema.get("required", []))
    return [_field(name, properties[name], name in required) for name in field_order(schema)]


def _field(name: str, prop: Mapping[str, Any], required: bool) -> Field:
    part = _plain(prop)
    options = tuple(option for option in part.get("enum", ()) if option is not None)
    whole = part.get("type") == "integer"
    low, high = _limits(part, whole)
    kind = _kind(name, part, options, low, high)
    default = prop.get("default", part.get("default"))
    if (
        kind in ("slide", "number")
        and isinstance(default, int)
        and not whole
        and not isinstance(default, bool)
    ):
        default = float(default)
    return Field(
        name=name,
        label=_label(prop.get("title") or part.get("title") or name),
        help=str(prop.get("description") or part.get("description") or ""),
        kind=kind,
        default=default if kind != "choice" or default in options else None,
        required=required,
        front=required or name in FRONT,
        options=options,
        low=low,
        high=high,
        whole=whole,
    )


def _plain(prop: Mapping[str, Any]) -> Mapping[str, Any]:
    """The alternative of a field that a form can show best: choices before anything, never null alone."""
    parts = [prop, *(part for key in ("anyOf", "oneOf", "allOf") for part in prop.get(key, []))]
    typed = [part for part in parts if isinstance(part, Mapping) and part.get("type") not in (None, "null")]
    chosen = next((part for part in parts if isinstance(part, Mapping) and part.get("enum")), None)
    chosen = chosen or (typed[0] if typed else prop)
    kinds = chosen.get("type")
    if isinstance(kinds, Sequence) and not isinstance(kinds, str):
        chosen = {**chosen, "type": next((kind for kind in kinds if kind != "null"), "string")}
    return chosen


def _kind(
    name: str, part: Mapping[str, Any], options: tuple[Any, ...], low: float | None, high: float | None
) -> Kind:
    if options:
        if len(options) <= SIDE_BY_SIDE:
            return "choice"
        return "steps" if all(_is_number(option) for option in options) else "list"
    match part.get("type"):
        case "boolean":
            return "flag"
        case "integer" | "number" if name == "seed":
            return "seed"
        case "integer" | "number":
            narrow = low is not None and high is not None and high - low <= SLIDE_OVER
            return "slide" if narrow else "number"
        case "array" | "object":
            return "json"
    long = part.get("maxLength", 0) > LONG_CHARS or "prompt" in name
    return "text" if long else "line"


def _limits(part: Mapping[str, Any], whole: bool) -> tuple[float | None, float | None]:
    """The smallest and the largest value; an exclusive limit of whole numbers is moved by one."""
    low, high = part.get("minimum"), part.get("maximum")
    if low is None and isinstance(part.get("exclusiveMinimum"), int | float):
        low = part["exclusiveMinimum"] + (1 if whole else 0)
    if high is None and isinstance(part.get("exclusiveMaximum"), int | float):
        high = part["exclusiveMaximum"] - (1 if whole else 0)
    as_number = int if whole else float
    return (None if low is None else as_number(low)), (None if high is None else as_number(high))


def _label(title: str) -> str:
    """ "Aspect Ratio" and "aspect_ratio" are "Aspect ratio"; what is all capitals stays."""
    words = str(title).replace("_", " ").split()
    rest = [word if word.isupper() else word.lower() for word in words[1:]]
    head = words[0] if words else ""
    return " ".join([head[:1].upper() + head[1:], *rest])


def _is_number(option: Any) -> bool:
    if isinstance(option, bool):
        return False
    return isinstance(option, int | float) or (
        isinstance(option, str) and option.rstrip("s").replace(".", "").isdigit()
    )


def _number_in(value: Any) -> float | None:
    """5 of 5, "5" and "5s"; None of anything else."""
    if not _is_number(value):
        return None
    try:
        return float(value.rstrip("s") if isinstance(value, str) else value)
    except ValueError:
        return None


def _parsed(value: Any) -> Any:
    if not isinstance(value, str) or not value.strip():
        return None
    for text in (value, clean_text(value)):
        with suppress(ValueError):
            return load_json(text)
    return value
