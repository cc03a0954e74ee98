"""Further values, and another cap, for an experiment while it runs; its price stands there before."""

from typing import Any

import streamlit as st

from backend.domain.errors import InvalidRequest
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments import extend, retry
from backend.services.experiments.view import ExperimentView
from backend.services.gallery import takes as gallery
from pages.ui import context, text
from pages.ui.experiments import matrix, words
from pages.ui.experiments.plan import fields
from pages.ui.experiments.plan.form import axis_words, typed


def draw_growth(deps: Deps, viewer: Viewer, found: ExperimentView) -> None:
    """Behind a button: what is added, what that costs, and the button that adds it."""
    with st.popover("Grow", icon=":material/add:", key="growing", on_change="rerun") as popover:
        if not popover.open:
            return
        body = _draw_fields(deps, found)
        if not body:
            st.caption("Add values: they are combined with all others. Or set another cap; empty: none.")
            return
        if "cap_usd" in body and body["cap_usd"] is None:
            st.caption(text.plain(words.without_cap(retry.still_to_make(deps, found))))
        try:
            figures = extend.plan_extension(deps, viewer, found.experiment.id, body).figures
        except InvalidRequest as error:
            for field, fault in error.fields.items():
                st.error(text.plain(f"{field} {fault}"), icon=":material/error:")
            return
        label = "Set the cap" if body.get("cap_usd") else "Take the cap away"
        if figures is not None:
            st.caption(text.plain(words.price(figures, is_demo=deps.settings.is_demo)))
            label = words.make_button(figures, is_demo=deps.settings.is_demo)
            if "cap_usd" not in body and figures.at_most_usd:  # the button says the amount
                body["raise_cap_usd"] = figures.at_most_usd
        st.button(text.plain(label), key="experiment-extend", type="primary", on_click=_extend,
                  args=(found.experiment.id, body))  # fmt: skip


def _draw_fields(deps: Deps, found: ExperimentView) -> dict[str, Any]:
    row, body = found.experiment, dict[str, Any]()
    axis = st.selectbox(
        "Further values of", matrix.axes_of(found), key=f"grow-axis:{row.id}", format_func=axis_words
    )
    model = deps.catalogue.recall(str(row.plan["base"]["model"])) if row.plan["base"].get("model") else None
    params = fields.params_of(model) if model else {}
    known = fields.level_choices(deps, axis, params)
    chosen = st.multiselect(
        "Values", list(known), key=f"grow-values:{row.id}:{axis}", accept_new_options=True,
        format_func=lambda value: known.get(value, value), placeholder="Choose or type your own",
    )  # fmt: skip
    if chosen:
        titles = {model.id: model.title for model in gallery.list_usable_models(deps)}
        body["axes"] = {axis: [typed(axis, value, params, titles) for value in chosen]}
    cap = None if row.cap_micros is None else row.cap_micros / 1e6
    # A field with a default can't be emptied: it fills itself in again.
    key = f"grow-cap:{row.id}:{row.cap_micros}"
    st.session_state.setdefault(key, cap)
    wanted = st.number_input(
        "Spends at most (USD)", 0.01, None, value=None, key=key, step=1.0, format="%.2f",
        placeholder="no cap",
    )  # fmt: skip
    if wanted != cap:
        body["cap_usd"] = wanted
    return body


def _extend(experiment_id: str, body: dict[str, Any]) -> None:
    with context.errors_as_notices():
        row = extend.extend_experiment(context.deps(), context.viewer(), experiment_id, body)
        for key in [key for key in st.session_state if str(key).startswith("grow-values:")]:
            st.session_state[key] = []
        said = ["It is added, and made with the rest."] if "axes" in body else []
        if "cap_usd" in body:
            cap = row.cap_micros
            said.append(f"The cap is {text.dollars(cap / 1e6)}." if cap else "It has no cap any more.")
        said += ["Resume it to go on."] if row.state == "paused" else []
        context.notify(text.plain(" ".join(said)), ":material/add:")
