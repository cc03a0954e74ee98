"""The plan of an experiment that is there, in words; from here another one like it is planned."""

from typing import Any

import streamlit as st

from backend.services.experiments.planning.naming import level_words
from backend.services.experiments.view import ExperimentView
from pages.ui import components, context, text
from pages.ui.components import FactRow
from pages.ui.experiments import words
from pages.ui.experiments.plan import editor
from pages.ui.experiments.plan.form import axis_words

#: Values of an axis that are named; the rest is counted.
VALUES_SHOWN = 12


def draw_kept_plan(found: ExperimentView, *, may_run: bool) -> None:
    """What was planned."""
    row, body = found.experiment, found.experiment.plan
    left, right = st.columns([3, 2], gap="large")
    with left:
        base = body.get("base") or {}
        if base.get("prompt"):
            st.caption("Prompt")
            st.code(str(base["prompt"]), language=None, wrap_lines=True)
        st.caption("What is varied")
        levels: dict[str, dict[str, None]] = {}
        for cell in found.cells:
            for axis, level in cell.levels.items():
                levels.setdefault(axis, {})[level_words(axis, level)] = None
        rows: list[FactRow] = [
            {"label": axis_words(axis), "value": _few(list(values))} for axis, values in levels.items()
        ]
        components.draw_facts(rows, key="plan-axes")
    with right:
        components.draw_facts(_facts(found), key="plan-facts")
        if may_run:
            st.button(
                "Change the plan" if row.state == "draft" else "Plan another one like it", key="plan-copy",
                icon=":material/content_copy:", on_click=_copy, args=(row.id, row.state == "draft"),
            )  # fmt: skip


def _few(values: list[str]) -> str:
    more = f" and {len(values) - VALUES_SHOWN:,} more" if len(values) > VALUES_SHOWN else ""
    return " · ".join(text.shorten(value, 60) for value in values[:VALUES_SHOWN]) + more


def _facts(found: ExperimentView) -> list[FactRow]:
    row = found.experiment
    base: dict[str, Any] = row.plan.get("base") or {}
    asked: list[tuple[str, str]] = [
        ("Model", context.model_title(str(base.get("model") or "")) if base.get("model") else "varied"),
        ("Cells", f"{len(found.cells):,}"),
        ("Takes of each", f"{row.repeats:,}"),
        ("Seeds", row.seeds),
        ("Stored takes", "reused" if row.reuse else "not reused"),
        ("Spent", words.spent_of(found)),
        ("First takes", f"{row.plan.get('canary', row.canary)}"),
        ("In progress at once", f"{row.at_once}"),
        ("Judges", "everybody" if row.open_to_team else "who is invited"),
        ("Person", row.owner),
    ]
    return [{"label": label, "value": value} for label, value in asked]


def _copy(experiment_id: str, is_draft: bool) -> None:
    with context.errors_as_notices():
        editor.open_from(context.deps(), context.viewer(), experiment_id, replaces=is_draft)
