"""What files are saved as when many takes are taken along: a template whose fields a take fills."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from string import Formatter
from typing import Any

from backend.domain.errors import InvalidRequest
from backend.domain.text import unknown_names
from backend.media.file_names import NAME_MAX_BYTES, safe_stem, word
from backend.services.export.rows import TakeRow

DEFAULT_TEMPLATE = "{project}_{date}_{model}_{prompt:30}_{id:6}"
TEMPLATE_MAX_CHARS = 300
#: What the files of a contact sheet are called, before their ending.
SHEET_STEM = "contact-sheet"
#: No file system holds a longer name.
FIELD_MAX_CHARS = 200
#: What is written between fields stands alone where a field has nothing to say.
_DOUBLED = re.compile(r"([_\-. ])[_\-. ]*(?=[_\-. ])")

#: field -> what a take fills it with; zone: of days and times.
_FIELDS: Mapping[str, Callable[[TakeRow, tzinfo], Any]] = {
    "project": lambda row, zone: row["project"],
    "date": lambda row, zone: row["created_at"].astimezone(zone).strftime("%Y-%m-%d"),
    "time": lambda row, zone: row["created_at"].astimezone(zone).strftime("%H%M%S"),
    "model": lambda row, zone: row["model"],
    "provider": lambda row, zone: row["provider"],
    "prompt": lambda row, zone: row["prompt"],
    "owner": lambda row, zone: row["owner"],
    "seed": lambda row, zone: row["seed"],
    "ratio": lambda row, zone: (row["ratio"] or "").replace(":", "x"),
    "review": lambda row, zone: row["review"],
    "rating": lambda row, zone: row["rating_mean"] and f"{row['rating_mean']:.1f}",
    "id": lambda row, zone: row["id"],
}


@dataclass(frozen=True)
class Part:
    """A piece of a template: a text, and the field behind it; most: so many characters of that."""

    text: str
    field: str | None
    most: int | None

    def fill(self, row: TakeRow, zone: tzinfo, max_bytes: int) -> str:
        """Of an id the last characters tell takes apart, of all else the first ones tell what it is.

        max_bytes: of whatever may be cut.
        """
        value = _FIELDS[self.field](row, zone) if self.field else None
        text = "" if value is None else str(value)
        if self.field == "id":
            return self.text + word(text[-self.most :] if self.most else text)
        return self.text + word(text, self.most or FIELD_MAX_CHARS, max_bytes)


@dataclass(frozen=True)
class NameTemplate:
    """A template that was read."""

    parts: tuple[Part, ...]

    def fill(self, row: TakeRow, zone: tzinfo) -> str:
        """The name that this take's files get, without their endings; never empty.

        Where it would be too long, the longest fields are cut: what stands behind them is still there.
        """
        for most in range(NAME_MAX_BYTES, 0, -4):
            filled = "".join(part.fill(row, zone, most) for part in self.parts)
            if len(filled.encode(errors="replace")) <= NAME_MAX_BYTES:
                break
        return safe_stem(_DOUBLED.sub("", filled).strip("_-. ")) or f"take-{word(row['id'], 64)}"


def parse_template(text: str | None) -> NameTemplate:
    """The template that is meant; nothing, or blanks alone: the usual one.

    Raises:
        InvalidRequest: of `name`; it has a field that is not known (with the nearest one that is), or can't
            be read.
    """
    text = (text or "").strip() or DEFAULT_TEMPLATE
    if len(text) > TEMPLATE_MAX_CHARS:
        raise _fault(f"has {len(text):,} characters; at most {TEMPLATE_MAX_CHARS} are taken")
    try:
        found = list(Formatter().parse(text))
    except ValueError:
        raise _fault("has a brace without its other one; write {{ and }} for braces themselves") from None
    return NameTemplate(tuple(Part(text, name, _length(name, spec, how)) for text, name, spec, how in found))


def _length(name: str | None, spec: str | None, conversion: str | None) -> int | None:
    """How many characters of a field are asked for; None: all that fits."""
    if name is None:
        return None
    if name not in _FIELDS:
        (why,) = unknown_names([name or "{}"], sorted(_FIELDS)).values()
        raise _fault(f"{{{name[:80]}}} {why}")
    if conversion:
        raise _fault(f"{{{name}!{conversion}}} can't be read; write {{{name}}} or {{{name}:30}}")
    if not spec:
        return None
    if not (spec.isascii() and spec.isdecimal()) or not 1 <= int(spec[:9]) <= FIELD_MAX_CHARS:
        needed = f"needs a whole number of characters from 1 to {FIELD_MAX_CHARS}, as in {{{name}:30}}"
        raise _fault(f"{{{name}:{spec[:40]}}} {needed}")
    return int(spec)


def _fault(why: str) -> InvalidRequest:
    return InvalidRequest({"name": why})
