"""What was spent as figures, as a table with its files, and how far bills lie from estimates."""

from typing import Any

import streamlit as st

from backend.services.money import spend_files
from backend.services.money.spend_query import Dimension
from backend.services.money.spending import Picks, SpendReport, Spent, Waste
from pages.ui import context, text
from pages.ui.figures import tables
from pages.ui.spend import choices

#: Rows that a browser is given at once; the files have all.
ROWS_MAX = 1_000
#: Bills that are so far from their estimates are pointed at.
DRIFT_SEEN = 0.1
#: Why something was wasted, as people read it.
_WASTED_BY = {
    Waste.LOST: "failed or cancelled",
    Waste.TWICE: "made twice",
    Waste.NEVER_OPENED: "paid and never opened",
}
_PARQUET = "application/vnd.apache.parquet"


def draw_figures(report: SpendReport, picks: Picks) -> None:
    """Estimated, billed, open and wasted, and what a take cost for each that was approved or picked.

    How many takes have no price stands below, never as $0; why something was wasted, below all of them.
    """
    spent = report.total
    unknown = f"+{spent.unpriced:,} unpriced" if spent.unpriced else ""
    takes = f"{spent.takes:,} {'take' if spent.takes == 1 else 'takes'}"
    share = spent.wasted_micros / spent.billed_micros if spent.billed_micros else 0.0
    wasted = f"{share:.0%} of what was billed" if spent.wasted_micros else "all of it was of use"
    with st.container(key="spend-figures", horizontal=True):
        _figure("Estimated", spent.estimated_usd, ", ".join(filter(None, (takes, unknown))))
        _figure("Billed", spent.billed_usd, unknown or "by the provider")
        _figure("Open", spent.open_usd, "counts without a bill")
        _figure("Wasted", spent.wasted_usd, wasted, bad=spent.wasted_micros > 0)
        for label, number in (("Per pick", picks.picked), ("Per approved", picks.approved)):
            if number:
                _figure(label, spent.counted_usd / number, f"{number:,} of {takes}")
    parts = [f"{_WASTED_BY[why]} {text.dollars(usd)}" for why, usd in sorted(report.waste_usd.items())]
    if parts:
        st.caption(text.plain(f"Wasted: {' · '.join(parts)}."))


def draw_table(report: SpendReport) -> None:
    """A row for each group, and the same rows as files."""
    names = {one: str(one).capitalize() for one in report.query.dimensions}
    rows = [
        {title: _name(one, group.names[one]) for one, title in names.items()}
        | _amounts(group.spent, has_unpriced=report.total.unpriced > 0)
        for group in report.groups[:ROWS_MAX]
    ]
    tables.draw_rows(rows, key="spend-table", name="What was spent", pinned=True, unknown="?")
    if len(report.groups) > ROWS_MAX:
        st.caption(f"The first {ROWS_MAX:,} of {len(report.groups):,} rows; the files have all of them.")
    with st.container(key="spend-files", horizontal=True):
        st.download_button(
            "CSV", lambda: spend_files.as_csv(report), spend_files.file_name(report, "csv"), "text/csv",
            key="spend-csv", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            "Parquet", lambda: spend_files.as_parquet(report), spend_files.file_name(report, "parquet"),
            _PARQUET, key="spend-parquet", icon=":material/download:", on_click="ignore",
        )  # fmt: skip


def draw_drift(report: SpendReport) -> None:
    """By model: what was estimated and what was billed, of the takes that have both."""
    compared = [group for group in report.groups if group.spent.drift is not None]
    if not compared:
        st.caption("No take of these days has both an estimate and a bill.")
        return
    rows = [
        {
            "Model": context.model_title(group.names[Dimension.MODEL]),
            "Takes": group.spent.compared,
            "Estimated": tables.dollars(group.spent.compared_usd[0]),
            "Billed": tables.dollars(group.spent.compared_usd[1]),
            "Billed/estimated": tables.Shown(drift_words(group.spent.drift or 0.0), group.spent.drift or 0.0),
        }
        for group in compared
    ]
    tables.draw_rows(rows, key="drift-table", name="Bills against estimates", pinned=True)


def drift_words(drift: float) -> str:
    """Bills over estimates, and what that means where it is far from 1.

    >>> drift_words(1.0), drift_words(2.0), drift_words(0.5)
    ('×1.00', '×2.00 ▲ dearer', '×0.50 ▼ cheaper')
    """
    far = "" if abs(drift - 1) < DRIFT_SEEN else " ▲ dearer" if drift > 1 else " ▼ cheaper"
    return f"×{drift:.2f}{far}"


def _name(dimension: Dimension, value: str) -> str | tables.Shown:
    """What a group is called; days and months stand in their order, not in that of their names."""
    shown = choices.shown_as(dimension, value)
    return tables.Shown(shown, value) if dimension in (Dimension.DAY, Dimension.MONTH) else shown


def _amounts(spent: Spent, *, has_unpriced: bool) -> dict[str, Any]:
    return {
        "Takes": spent.takes,
        **({"Unpriced": spent.unpriced} if has_unpriced else {}),
        "Estimated": tables.dollars(spent.estimated_usd),
        "Billed": tables.dollars(spent.billed_usd),
        "Open": tables.dollars(spent.open_usd),
        "Wasted": tables.dollars(spent.wasted_usd),
    }


def _figure(label: str, usd: float | None, below: str, *, bad: bool = False) -> None:
    st.metric(
        label, "?" if usd is None else text.plain(text.dollars(usd)), delta=text.plain(below),
        delta_color="orange" if bad else "off", delta_arrow="off", border=True,
    )  # fmt: skip
