"""Tables of rows: sorted by a press on a column's head, saved as CSV, and with a row that can be chosen."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import streamlit as st

from pages.ui import components, text

#: So many rows stand without a scrollbar of their own; more scroll in so many pixels.
WHOLE_ROWS, SCROLLED_PX = 15, 420
#: Whole numbers beyond this are another one in a browser. Source: ECMAScript, `Number.MAX_SAFE_INTEGER`.
_WHOLE_MAX = 2**53 - 1


@dataclass(frozen=True)
class Shown:
    """A cell that is read as words and sorted by its value (None: last). is_number: stands at the right."""

    words: str
    value: float | str | None
    is_number: bool = False


def dollars(usd: float | None) -> Shown | None:
    """An amount as a cell; None stays unknown."""
    return None if usd is None else Shown(text.dollars(usd), usd, is_number=True)


def draw_rows(
    rows: Sequence[Mapping[str, object]],
    *,
    key: str,
    name: str,
    ids: Sequence[str] = (),
    height_px: int | None = None,
    wide: Collection[str] = (),
    pinned: bool = False,
    unknown: str = "",
) -> str | None:
    """A table of these rows, under the names of their fields; returns the id of the row that is chosen.

    Moments are told in the reader's own time. name: what it is a table of, for those who hear it and for its
    file. ids: one for each row, which can be chosen then. height_px: more scrolls; without it a short table
    stands in full. wide: columns of long texts. pinned: the first column names the row, and stays where the
    others scroll. unknown: what stands for None.
    """
    if not rows:
        st.caption("No rows.")
        return None
    names = list(dict.fromkeys(field for row in rows for field in row))
    kept = st.session_state.get(key)
    chosen = kept.get("chosen") if kept else None
    about = {
        "name": name,
        "columns": [
            {"name": field, "kind": _kind([row.get(field) for row in rows]), "wide": field in wide}
            for field in names
        ],
        "rows": [[_cell(row.get(field)) for field in names] for row in rows],
        "ids": list(ids),
        "chosen": chosen if chosen in ids else "",
        "height": height_px or (SCROLLED_PX if len(rows) > WHOLE_ROWS else 0),
        "pinned": pinned,
        "unknown": unknown,
    }
    told = components.draw_table(about, key=key)
    return told if told in ids else None


def _kind(cells: Sequence[object]) -> str:
    """How a column is read: as moments, as numbers, or as texts."""
    known = [cell for cell in cells if cell is not None]
    if known and all(isinstance(cell, datetime) for cell in known):
        return "moment"
    return "number" if known and all(map(_is_number, known)) else "text"


def _is_number(cell: object) -> bool:
    if isinstance(cell, Shown):
        return cell.is_number
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _cell(value: object) -> Any:
    """As the browser takes it: a text, a number, milliseconds, or (words, what it is sorted by)."""
    match value:
        case None | str():
            return value
        case Shown():
            return [value.words, _cell(value.value)]
        case datetime():
            return round(value.timestamp() * 1000)
        case bool():
            return "yes" if value else "no"
        case int():
            return value if abs(value) <= _WHOLE_MAX else str(value)
        case float():
            return value if math.isfinite(value) else None
        case list() | dict():
            return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
