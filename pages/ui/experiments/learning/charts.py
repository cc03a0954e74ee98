"""Charts of what was learnt: each point with its interval, in both lights; a press on one shows its takes."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import altair as alt
import streamlit as st

from backend.services.experiments.planning.naming import level_words
from pages.ui.experiments import words

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
    _draw(rows, key=key, on_pick=on_pick, at=0.5, axis=alt.Axis(format=".0%", title=None, tickCount=6),
          tooltip=[alt.Tooltip("whole:N", title="Cell"), alt.Tooltip("rate:Q", title="Wins", format=".0%"),
                   alt.Tooltip("says:N", title="95 %"), alt.Tooltip("of:N", title="From")],
          alt_text="Win rate of each cell against the average; the table has the numbers")  # fmt: skip


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
    points = alt.Tooltip("rate:Q", title="Points", format="+.0f")
    _draw(rows, key=key, on_pick=on_pick, at=0, axis=alt.Axis(labelExpr=_SIGNED, title=None, tickCount=6),
          tooltip=[alt.Tooltip("whole:N", title="Value"), points,
                   alt.Tooltip("says:N", title="95 %"), alt.Tooltip("of:N", title="From")],
          alt_text="Points of win rate that each value adds, with its interval")  # fmt: skip


def _draw(
    rows: list[dict[str, Any]], *, key: str, on_pick: Callable[[str], None], at: float, axis: alt.Axis,
    tooltip: list[alt.Tooltip], alt_text: str,
) -> None:  # fmt: skip
    light = "dark" if st.context.theme.type == "dark" else "light"
    sure, unsure, line = _COLOURS[light]
    low, high = min(at, *(row["low"] for row in rows)), max(at, *(row["high"] for row in rows))
    scale = alt.Scale(domain=[low - (high - low) * 0.04, high + (high - low) * 0.04], nice=False, zero=False)
    axis.labelColor = line
    names = json.dumps({row["id"]: row["label"] for row in rows})
    names_axis = alt.Axis(
        title=None,
        labelLimit=230,
        labelColor=line,
        labelFlush=False,
        ticks=False,
        domain=False,
        labelExpr=f"({names})[datum.value]",
    )
    y = alt.Y("id:N", sort=[row["id"] for row in rows], axis=names_axis)
    colour = alt.condition("datum.good", alt.value(sure), alt.value(unsure))
    base = alt.Chart(alt.InlineData(values=rows)).encode(y)
    intervals = base.mark_rule(strokeWidth=3, cursor="pointer").encode(
        alt.X("low:Q", axis=axis, scale=scale), x2="high:Q", color=colour, tooltip=tooltip
    )
    points = (
        base.mark_point(size=130, filled=True, opacity=1, cursor="pointer")
        .encode(alt.X("rate:Q", axis=axis, scale=scale), color=colour, tooltip=tooltip)
        .add_params(alt.selection_point(name="pick", fields=["id"], on="click", clear=False))
    )
    even = alt.Chart(alt.InlineData(values=[{"at": at}])).mark_rule(color=line, strokeDash=[4, 4])
    chart = alt.layer(even.encode(alt.X("at:Q", axis=axis, scale=scale)), intervals, points)
    st.altair_chart(
        chart.properties(height=30 + ROW_HIGH * len(rows)), key=key, selection_mode="pick", alt=alt_text,
        on_select=lambda: _picked(key, on_pick),
    )  # fmt: skip


def _picked(key: str, on_pick: Callable[[str], None]) -> None:
    for point in (st.session_state[key]["selection"].get("pick") or [])[:1]:
        if point.get("id"):
            on_pick(str(point["id"]))


def _short(label: str) -> str:
    """A label that fits beside a chart; which cell it is, is told by its id."""
    return label if len(label) <= 60 else f"{label[:40]}…{label[-18:]}"
