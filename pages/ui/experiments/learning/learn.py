"""Step six: the verdict in words, then win rates, what to buy next, what single values do, and who judged."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments import findings
from backend.services.experiments.judging import criteria
from backend.services.experiments.view import ExperimentView
from pages.ui import live, text
from pages.ui.experiments import gallery_way, words
from pages.ui.experiments.learning import (
    charts,
    costs,
    downloads,
    file_checks,
    next_step,
    raters_table,
    votes_in,
)
from pages.ui.experiments.plan.form import axis_words
from pages.ui.figures import tables

#: Codes of verdicts -> how they are shown.
_ICONS = {
    "too_early": ":material/hourglass_top:", "as_good": ":material/verified:", "better": ":material/trophy:",
    "alike": ":material/drag_handle:", "takes_missing": ":material/movie:", "stopped": ":material/block:",
}  # fmt: skip
#: Effects are told apart from nothing where their interval leaves it out.
_METHOD = (
    "A win rate is how often a fresh take of a cell is preferred to one of the average cell by a random "
    "member of the team. Intervals hold in 95 of 100 cases, and lean towards even: a true 65 % is told as "
    "about 62 % from 100 votes. Preferences that go in circles are not modelled."
)


def draw_learn(deps: Deps, viewer: Viewer, found: ExperimentView, *, may_run: bool) -> None:
    """Everything that was learnt; words first, numbers behind them."""
    row = found.experiment
    criterion = _pick_criterion(deps, viewer, row.id)
    mark = partial(findings.current_mark, deps, viewer, row.id, criterion)
    seen = mark()
    finding = findings.current_finding(deps, viewer, row.id, criterion)
    labels = words.labels_of(found.cells)
    with st.container(border=True, key="verdict", gap="small"):
        verdict = finding["verdict"]
        st.markdown(f"### {_ICONS.get(verdict['code'], '')} {text.plain(verdict['words'])}")
        st.caption(text.plain(_from_what(finding)))
        if flagged := _flagged(finding):
            st.caption(f":material/flag: {text.plain(flagged)}")
        next_step.draw_next(found, finding, labels, may_run=may_run)
    if not finding["votes"]:
        st.info(
            "Nobody has judged yet. What is known of cost, time and failures stands below; who is better, "
            "votes tell.",
            icon=":material/compare:",
        )
    else:
        _draw_win_rates(finding)
        _draw_effects(found, finding["effects"])
        raters_table.draw_raters(deps, viewer, row.id, finding, may_run=may_run)
    file_checks.draw_checks(deps, viewer, found)
    costs.draw_costs(deps, viewer, found, criterion)
    downloads.draw_downloads(deps, viewer, found, criterion)
    if may_run and row.state != "closed":
        votes_in.draw_votes_in(found, criterion)
    st.caption(f":material/info: {_METHOD} Method {text.plain(finding['method'])}.")
    if row.state not in ("draft", "closed"):  # others judge meanwhile
        live.draw_followed(mark, seen=seen, key="votes-come")


def _pick_criterion(deps: Deps, viewer: Viewer, experiment_id: str) -> str | None:
    """Of which question; None: there is only the first."""
    asked = [one for one in criteria.list_criteria(deps, viewer, experiment_id) if one.kind == criteria.PAIR]
    if len(asked) < 2:
        return None
    questions = {one.id: one.question for one in asked}
    chosen = st.segmented_control(
        "Question", list(questions), key=f"criterion:{experiment_id}", default=asked[0].id, required=True,
        format_func=lambda one: text.plain(questions[one]),
    )  # fmt: skip
    return str(chosen)


def _from_what(finding: Mapping[str, Any]) -> str:
    """What was counted: votes, and the takes that they are about."""
    votes, ties = finding["votes"], finding["ties"]
    said = f"{votes:,} {'vote' if votes == 1 else 'votes'}"
    said += f", {ties:,} of them ties" if ties else ""
    made = sum(one["takes"] for one in finding["cells"])
    cells = len(finding["cells"])
    return f"From {said}, on {words.takes(made)} of {cells:,} {'cell' if cells == 1 else 'cells'}."


def _flagged(finding: Mapping[str, Any]) -> str:
    """Whose votes count in the verdict, and perhaps shouldn't."""
    flagged = [one for one in finding["agreement"]["raters"] if one["flagged"]]
    if not flagged:
        return ""
    names = ", ".join(one["rater"] for one in flagged)
    votes = sum(one["votes"] for one in flagged)
    are = "is flagged, and their" if len(flagged) == 1 else "are flagged, and their"
    return f"{names} {are} {votes:,} of {finding['votes']:,} votes count: look below at who judged."


def _draw_win_rates(finding: Mapping[str, Any]) -> None:
    with st.container(border=True, key="win-rates"):
        st.markdown("##### How often a fresh take wins against the average cell")
        charts.draw_win_rates(finding["cells"], key="chart-cells", on_pick=gallery_way.want_one)
        coloured = (
            "Coloured: as good as any. " if any(one["as_good_as_any"] for one in finding["cells"]) else ""
        )
        if not finding["joined"]:
            st.caption(
                ":material/link_off: Some cells never met the others: the average of each is that of the "
                "cells that votes join it to, and of one that met none nothing is known. What single values "
                "do is not told either, until they have met."
            )
        st.caption(f"{coloured}A press shows the cell's takes in the gallery: names, too.")
        with st.expander("As a table", icon=":material/table:", key="cells-table"):
            tables.draw_rows(_cell_rows(finding["cells"]), key="finding-cells", name="Win rates of cells")
            better = _better_pairs(finding)
            st.markdown(text.plain(better) if better else "No cell is better than another for sure yet.")


def _cell_rows(cells: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "Cell": one["label"],
            "Wins": tables.Shown(
                words.percent(one["win_rate"]["vs_average"]), one["win_rate"]["vs_average"], is_number=True
            ),
            "95 %": f"{words.percent(one['win_rate']['low'])} – {words.percent(one['win_rate']['high'])}",
            "As good as any": "yes" if one["as_good_as_any"] else "", "Takes": one["takes"],
            "Votes": one["votes"],
        }
        for one in sorted(cells, key=lambda one: -one["win_rate"]["vs_average"])
    ]  # fmt: skip


def _better_pairs(finding: Mapping[str, Any]) -> str:
    labels = {one["id"]: one["label"] for one in finding["cells"]}
    said = []
    for pair in finding["pairs"]:
        if pair["better"]:
            winner, loser = (pair["a"], pair["b"]) if pair["better"] == "a" else (pair["b"], pair["a"])
            share = pair["win_rate"] if pair["better"] == "a" else 1 - pair["win_rate"]
            said.append(f"{labels[winner]} beats {labels[loser]} in {words.percent(share)} of fresh takes")
    return "; ".join(said[:12])


def _draw_effects(found: ExperimentView, effects: Sequence[Mapping[str, Any]]) -> None:
    if not effects:
        return
    with st.container(border=True, key="effects"):
        st.markdown("##### What single values do")
        st.caption("Points of win rate against the average of their axis, each with its 95 % interval.")
        for axis in dict.fromkeys(one["axis"] for one in effects):
            st.markdown(f"**{text.plain(axis_words(axis))}**")
            charts.draw_effects(
                [one for one in effects if one["axis"] == axis], key=f"chart-effects:{axis}",
                on_pick=partial(_show_level, found, axis),
            )  # fmt: skip


def _show_level(found: ExperimentView, axis: str, level: str) -> None:
    gallery_way.want([cell.id for cell in found.cells if cell.levels.get(axis) == level])
