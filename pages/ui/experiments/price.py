"""Step two: what the plan costs, and the one button with the amount. Nothing was paid before it."""

import streamlit as st

from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments import control, plan, quote
from backend.services.experiments.view import ExperimentView
from pages.ui import context, text
from pages.ui.experiments import steps, words
from pages.ui.experiments.plan import figures


def draw_price(deps: Deps, viewer: Viewer, view: ExperimentView, *, may_run: bool) -> None:
    """Of a draft: the figures and the button; of any other: what it was."""
    row = view.experiment
    if row.state != "draft":
        st.info(f"It was started. Spent so far: {text.plain(words.spent_of(view))}.")
        st.page_link(
            steps.ONE, label="How its takes come along", icon=":material/arrow_forward:",
            query_params={steps.ID: row.id, steps.STEP: str(steps.Step.RUN)},
        )  # fmt: skip
        return
    priced = quote.price_plan(deps, viewer, plan.parse_plan(row.plan)) if may_run else None
    if priced is None:
        st.caption("Its owner or a reviewer starts it; then its takes come here.")
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        figures.draw_figures(deps, priced.figures)
    with right, st.container(border=True, key="pay", gap="small"):
        label = words.make_button(priced.figures, is_demo=deps.settings.is_demo)
        st.button(
            text.plain(label), key="experiment-start", type="primary", icon=":material/play_arrow:",
            width="stretch", on_click=_start, args=(row.id,),
        )  # fmt: skip
        for icon, says in _what_happens(view, priced.figures):
            st.caption(f":material/{icon}: {text.plain(says)}")


def _what_happens(view: ExperimentView, found: quote.PlanFigures) -> list[tuple[str, str]]:
    row = view.experiment
    said = []
    if row.canary:
        first = words.takes(min(row.canary, found.takes))
        said.append(("science", f"First {first} alone; you look at them, and say when it goes on."))
    if row.cap_micros is None:
        said.append(("all_inclusive", "There is no cap: it spends what its takes cost."))
    else:
        said.append(("shield", f"It never spends more than {text.dollars(row.cap_micros / 1e6)}."))
    said.append(("low_priority", f"{row.at_once} at once at most, so that others' takes don't wait."))
    return said


def _start(experiment_id: str) -> None:
    with context.errors_as_notices():
        made = control.start(context.deps(), context.viewer(), experiment_id)
        steps.go(steps.Step.CANARY if made.state == "canary" else steps.Step.RUN)
        context.notify("It has begun. You can close this tab.", ":material/science:")
