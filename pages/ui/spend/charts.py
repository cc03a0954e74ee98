"""Bars of what was spent: billed, wasted and open, or crossed with what else takes are told apart by."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Literal

import streamlit as st

from backend.services.money.spend_query import Dimension, SpendQuery
from backend.services.money.spending import SpendGroup, SpendReport, Spent
from pages.ui import text
from pages.ui.figures import charts
from pages.ui.figures.charts import Spec, told
from pages.ui.spend import choices

#: So many bars across, and so many colours; what is left is one more.
BARS_MAX, COLOURS_MAX = 15, 7
#: Longer ranges have no bar for a day without takes.
DAYS_MAX = 400
OTHERS = "(others)"
#: Pixels of a line of its own, and of the legend and the axis around all of them.
LINE_PX, AROUND_PX = 30, 110
#: Of bars that stand side by side.
DAYS_PX = 280
#: The legend's columns, and pixels of each line of it beyond the first: they are not taken from the bars.
LEGEND_COLUMNS, LEGEND_LINE_PX = 3, 18
#: What a bar is made of, from its foot, and the colours of each in either light.
_PARTS = ("Billed", "Wasted", "Open")
_PART_COLOURS = {"light": ("#0B6B7A", "#C6362B", "#869496"), "dark": ("#4FB3C2", "#E5685C", "#6F7B80")}
#: Told apart also where somebody sees no red or green. Source: Okabe and Ito, "Color Universal Design".
_COLOURS = {
    "light": ("#0B6B7A", "#E69F00", "#56A5D8", "#A3489B", "#009E73", "#C8501E", "#5B6BBF", "#A8A8A0"),
    "dark": ("#4FB3C2", "#F0B84A", "#8CC7EC", "#D08AC8", "#4CC49C", "#EE8558", "#9BA8EE", "#77797C"),
}
#: Words beside the bars.
_LABELS = {"light": "#55585D", "dark": "#B9BCC1"}
_IN_TIME = {Dimension.DAY: "%-d %b", Dimension.MONTH: "%b %Y"}


def draw_chart(report: SpendReport, only: Mapping[Dimension, str]) -> None:
    """Bars, of which each can be pressed to see it alone. only: what is filtered for now."""
    query, rows = report.query, bar_rows(report, only)
    if not any(row["usd"] > 0 for row in rows):
        st.caption("Nothing of it has a price that is known, or cost anything.")
        return
    key = f"spend-chart:{query.by}:{query.crossed}:{query.since}:{query.until}:{sorted(only.items())}"
    layer, height = _bars(query, rows)
    charts.draw_chart(
        [layer], key=key, height=height, fields=["of", "part"], on_pick=lambda point: _pick(query, point),
        alt=f"What was spent by {' and '.join(query.dimensions)}; the table below has the numbers",
    )  # fmt: skip


def bar_rows(report: SpendReport, only: Mapping[Dimension, str]) -> list[dict[str, Any]]:
    """A row for each piece of a bar; what can't be seen apart any more is together as `OTHERS`."""
    query = report.query
    bars = None if query.by in _IN_TIME else _dearest(report.groups, query.by, BARS_MAX)
    parts = _dearest(report.groups, query.crossed, COLOURS_MAX) if query.crossed else None
    sums: dict[tuple[str, str], Spent] = defaultdict(Spent)
    for day in _days(query) if report.groups else ():
        sums[day, parts[0] if parts else ""] = Spent()
    for group in report.groups:
        of, part = group.names[query.by], group.names[query.crossed] if query.crossed else ""
        of = of if bars is None or of in bars else OTHERS
        sums[of, part if parts is None or part in parts else OTHERS] += group.spent
    rows = []
    for (of, part), spent in sums.items():
        names = {query.by: of, **({query.crossed: part} if query.crossed else {})}
        lit = all(only.get(one, name) == name for one, name in names.items())
        pieces = [(_shown(query.crossed, part), spent.counted_usd)] if query.crossed else _pieces(spent)
        rows += [
            {"of": of, "part": part, "shown": _shown(query.by, of), "series": series, "usd": usd, "lit": lit,
             "money": text.dollars(usd)}
            for series, usd in pieces
        ]  # fmt: skip
    return rows


def _pick(query: SpendQuery, point: Mapping[str, Any]) -> None:
    """A bar was pressed: it alone is shown; once more: everything again."""
    said = zip(query.dimensions, (point.get("of"), point.get("part")), strict=False)
    chosen = {one: str(value) for one, value in said if value not in (None, "", OTHERS)}
    if chosen:
        choices.toggle_filters(chosen)


def _pieces(spent: Spent) -> list[tuple[str, float]]:
    return list(zip(_PARTS, (spent.useful_usd, spent.wasted_usd, spent.open_usd), strict=True))


def _shown(dimension: Dimension, name: str) -> str:
    return name if name == OTHERS else choices.shown_as(dimension, name)


def _dearest(groups: Sequence[SpendGroup], dimension: Dimension, limit: int) -> list[str]:
    sums: dict[str, Spent] = defaultdict(Spent)
    for group in groups:
        sums[group.names[dimension]] += group.spent
    return sorted(sums, key=lambda name: (-sums[name].counted_micros, name))[:limit]


def _days(query: SpendQuery) -> list[str]:
    """Every day of the range, so that those without takes are seen, too."""
    if query.by is not Dimension.DAY or query.since is None or query.until is None:
        return []
    first = date.fromisoformat(query.since)
    number = (date.fromisoformat(query.until) - first).days + 1
    return [(first + timedelta(days=day)).isoformat() for day in range(number if number <= DAYS_MAX else 0)]


def _bars(query: SpendQuery, rows: list[dict[str, Any]]) -> tuple[Spec, int]:
    """(a layer of bars, the chart's height)."""
    colours, label = _colours(query, rows), _LABELS[charts.light()]
    series = list(colours)
    channel, along, height = _axis_of_groups(query, rows)
    along["axis"]["labelColor"] = label
    height += LEGEND_LINE_PX * ((len(series) - 1) // LEGEND_COLUMNS)
    money = {"format": "$,.2~f", "title": None, "tickCount": 5, "labelColor": label}
    legend = {
        "title": None, "orient": "top", "columns": LEGEND_COLUMNS, "labelLimit": 130, "labelColor": label,
    }  # fmt: skip
    encoding = {
        channel: along,
        "y" if channel == "x" else "x": {
            "field": "usd", "type": "quantitative", "stack": "zero", "axis": money,
        },
        "color": {
            "field": "series", "type": "nominal", "legend": legend,
            "scale": {"domain": series, "range": list(colours.values())},
        },
        "opacity": {"condition": {"test": "datum.lit", "value": 1}, "value": 0.25},
        "order": {"field": "place", "type": "quantitative"},
        "tooltip": [
            told("shown", query.by.capitalize()),
            told("series", query.crossed.capitalize() if query.crossed else "What"),
            told("money", "Amount"),
        ],
    }  # fmt: skip
    pieces = [{**row, "place": series.index(row["series"])} for row in rows]
    mark = {"type": "bar", "cursor": "pointer"}
    return {"data": {"values": pieces}, "mark": mark, "encoding": encoding}, height


def _colours(query: SpendQuery, rows: list[dict[str, Any]]) -> dict[str, str]:
    """What a bar is made of, from its foot -> its colour: the dearest first, and what is left last."""
    light = charts.light()
    if query.crossed is None:
        return dict(zip(_PARTS, _PART_COLOURS[light], strict=True))
    sums: dict[str, float] = defaultdict(float)
    for row in rows:
        sums[row["series"]] += row["usd"]
    dearest = sorted(sums, key=lambda name: (name == OTHERS, -sums[name], name))
    *told_apart, rest = _COLOURS[light]
    return {name: rest if name == OTHERS else told_apart[n] for n, name in enumerate(dearest)}


def _axis_of_groups(
    query: SpendQuery, rows: list[dict[str, Any]]
) -> tuple[Literal["x", "y"], Spec, int]:  # fmt: skip
    """(where the bars stand, along what, the chart's height): days from left to right, others as lines."""
    if query.by in _IN_TIME:
        axis = {
            "title": None, "labelAngle": 0, "labelOverlap": True,
            "labelExpr": f"utcFormat(toDate(datum.value), '{_IN_TIME[query.by]}')",
        }  # fmt: skip
        days = sorted({row["of"] for row in rows})
        return "x", {"field": "of", "type": "ordinal", "sort": days, "axis": axis}, DAYS_PX
    sums: dict[str, float] = defaultdict(float)
    for row in rows:
        sums[row["shown"]] += row["usd"] if row["of"] != OTHERS else 0.0
    names = sorted(sums.keys() - {OTHERS}, key=lambda name: (-sums[name], name))
    axis = {"title": None, "labelLimit": 150, "labelOverlap": False}  # none is left out
    lines = {"field": "shown", "type": "nominal", "sort": [*names, OTHERS], "axis": axis}
    return "y", lines, AROUND_PX + LINE_PX * len({row["of"] for row in rows})
