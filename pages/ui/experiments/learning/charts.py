"""Charts of what was learnt: each point with its interval, in both lights; a press on one shows its takes."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backend.services.experiments.planning.naming import level_words
from pages.ui.experiments import words
from pages.ui.figures import charts
from pages.ui.figures.charts import Spec, told

#: A row of a chart is so high, in pixels.
ROW_HIGH = 34
#: More cells than these are too small to be read; the table has them all.
CELLS_MAX = 40
#: Points with their sign; nought has none.
_SIGNED = "format(datum.value, datum.value ? '+.0f' : '.0f')"
_COLOURS = {"light": ("#0B6B7A", "#9AA3A6", "#55585D"), "dark": ("#4FB3C2", "#6F7B80", "#B9BCC1")}


def draw_win_rates(cells: Sequence[Mapping[str, Any]], *, key: str, on_pick: Callable[[str], None]) -> None:
    """How often a fresh take of each cell is preferred to one of the average cell. cells: of a finding.

    on_pick: called with the id of the cell that is pressed.
    """
    best = sorted(cells, key=lambda cell: -cell["win_rate"]["vs_average"])[:CELLS_MAX]
    called = words.tell_apart([cell["label"] for cell in best])
    rows = [
        {
            "id": cell["id"], "label": _short(label), "whole": cell["label"],
            "rate": cell["win_rate"]["vs_average"], "low": cell["win_rate"]["low"],
            "high": cell["win_rate"]["high"], "good": cell["as_good_as_any"],
            "says": f"{words.percent(cell['win_rate']['low'])} to {words.percent(cell['win_rate']['high'])}",
            "of": f"{words.takes(cell['takes'])}, {cell['votes']:,} vote{'s' if cell['votes'] != 1 else ''}",
        }
        for cell, label in zip(best, called, strict=True)
    ]  # fmt: skip
    _draw(rows, key=key, on_pick=on_pick, at=0.5, axis={"format": ".0%"},
          tooltip=[told("whole", "Cell"), told("rate", "Wins", format=".0%"), told("says", "95 %"),
                   told("of", "From")],
          alt="Win rate of each cell against the average; the table has the numbers")  # fmt: skip


def draw_effects(effects: Sequence[Mapping[str, Any]], *, key: str, on_pick: Callable[[str], None]) -> None:
    """What each level adds, in points of win rate, with its interval. effects: of one axis of a finding."""
    best = sorted(effects, key=lambda one: -one["points"])
    named = [level_words(one["axis"], one["level"]) for one in best]
    rows = [
        {
            "id": one["level"], "label": _short(label), "whole": whole, "rate": one["points"],
            "low": one["low"], "high": one["high"], "good": one["low"] > 0 or one["high"] < 0,
            "says": f"{one['low']:+.0f} to {one['high']:+.0f} points", "of": words.takes(one["takes"]),
        }
        for one, whole, label in zip(best, named, words.tell_apart(named), strict=True)
    ]  # fmt: skip
    _draw(rows, key=key, on_pick=on_pick, at=0, axis={"labelExpr": _SIGNED},
          tooltip=[told("whole", "Value"), told("rate", "Points", format="+.0f"), told("says", "95 %"),
                   told("of", "From")],
          alt="Points of win rate that each value adds, with its interval")  # fmt: skip


def _draw(
    rows: list[dict[str, Any]], *, key: str, on_pick: Callable[[str], None], at: float, axis: Spec,
    tooltip: list[Spec], alt: str,
) -> None:  # fmt: skip
    sure, unsure, line = _COLOURS[charts.light()]
    low, high = min(at, *(row["low"] for row in rows)), max(at, *(row["high"] for row in rows))
    domain = [low - (high - low) * 0.04, high + (high - low) * 0.04]
    across: Spec = {
        "type": "quantitative", "axis": {"title": None, "tickCount": 6, "labelColor": line, **axis},
        "scale": {"domain": domain, "nice": False, "zero": False},
    }  # fmt: skip
    seen: Spec = {
        "y": _names_axis(rows, line), "tooltip": tooltip,
        "color": {"condition": {"test": "datum.good", "value": sure}, "value": unsure},
    }  # fmt: skip
    even = {
        "data": {"values": [{"at": at}]}, "mark": {"type": "rule", "color": line, "strokeDash": [4, 4]},
        "encoding": {"x": {"field": "at", **across}},
    }  # fmt: skip
    intervals = {
        "data": {"values": rows}, "mark": {"type": "rule", "strokeWidth": 3, "cursor": "pointer"},
        "encoding": {**seen, "x": {"field": "low", **across}, "x2": {"field": "high"}},
    }  # fmt: skip
    points = {
        "data": {"values": rows},
        "mark": {"type": "point", "size": 130, "filled": True, "opacity": 1, "cursor": "pointer"},
        "encoding": {**seen, "x": {"field": "rate", **across}},
    }
    charts.draw_chart(
        [even, intervals, points], key=key, height=30 + ROW_HIGH * len(rows), fields=["id"], alt=alt,
        on_pick=lambda point: on_pick(str(point["id"])) if point.get("id") else None,
    )  # fmt: skip


def _names_axis(rows: list[dict[str, Any]], colour: str) -> Spec:
    """A line for each row, by its id, under its label."""
    names = json.dumps({row["id"]: row["label"] for row in rows})
    axis = {
        "title": None, "labelLimit": 230, "labelColor": colour, "labelFlush": False, "ticks": False,
        "domain": False, "labelExpr": f"({names})[datum.value]",
    }  # fmt: skip
    return {"field": "id", "type": "nominal", "sort": [row["id"] for row in rows], "axis": axis}


def _short(label: str) -> str:
    """A label that fits beside a chart; which cell it is, is told by its id."""
    return label if len(label) <= 60 else f"{label[:40]}…{label[-18:]}"
