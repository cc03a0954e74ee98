"""What takes cost, how long they took and how often they failed, by each value that was varied."""

from collections.abc import Callable

import streamlit as st

from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments.judging import criteria
from backend.services.experiments.planning.naming import level_words
from backend.services.experiments.reports import level_figures
from backend.services.experiments.reports.level_figures import LevelFigures, Mean
from backend.services.experiments.view import ExperimentView
from pages.ui import text
from pages.ui.experiments import words
from pages.ui.experiments.plan.form import axis_words
from pages.ui.figures import tables


def draw_costs(deps: Deps, viewer: Viewer, found: ExperimentView, criterion: str | None) -> None:
    """The price of a good take in words, and a row for each value."""
    question = criterion or criteria.list_criteria(deps, viewer, found.experiment.id)[0].id
    with st.container(border=True, key="costs"):
        st.markdown("##### Cost, time and failures")
        st.markdown(text.plain(level_figures.good_takes(deps, found, question).words))
        rows = [_row(one) for one in level_figures.figures_by_level(deps, found)]
        tables.draw_rows(rows, key="level-figures", name="Cost, time and failures by value")


def _row(one: LevelFigures) -> dict[str, object]:
    failed = tables.Shown("–", None)
    if one.ended:
        share = f"{words.percent(one.failed_low)} – {words.percent(one.failed_high)}"
        failed = tables.Shown(f"{one.failed} ({share})", one.failed / one.ended)
    cost = _mean(one.cost_usd, text.dollars)
    if 0 < one.ended == one.reused:
        cost = tables.Shown("nothing: reused", 0.0)
    return {
        "Varied": axis_words(one.axis), "Value": level_words(one.axis, one.level),
        "Takes": one.ended, "Failed (95 %)": failed,
        "Cost of a take": cost,
        "Time of a take": _mean(one.latency_s, lambda seconds: f"{seconds:.0f} s"),
    }  # fmt: skip


def _mean(mean: Mean | None, shown: Callable[[float], str]) -> tables.Shown:
    """A mean with its interval, where there is one."""
    if mean is None:
        return tables.Shown("?", None)
    said = shown(mean.value)
    if mean.n > 1 and mean.high - mean.low >= 1e-9:
        said = f"{said} ({shown(max(0.0, mean.low))} – {shown(mean.high)})"
    return tables.Shown(said, mean.value)
