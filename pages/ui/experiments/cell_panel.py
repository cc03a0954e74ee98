"""The cell that was chosen in the matrix: what it is, and what can be done with it alone."""

from collections import Counter

import streamlit as st

from backend.models import Cell
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments import change
from backend.services.experiments.planning.makeable import look_at_cells
from backend.services.experiments.view import ExperimentView
from pages.ui import context, text
from pages.ui.experiments import gallery_way, steps, words

#: So many takes more are asked for at once.
MORE_MAX = 50
#: state -> when further takes are made, where that is not at once
_MADE_ONCE = {"paused": " once it is resumed", "canary": " once it goes on"}


def draw_cell(deps: Deps, viewer: Viewer, found: ExperimentView, *, may_run: bool) -> None:
    """The cell that the address names; nothing, if it names none."""
    chosen = st.query_params.get(steps.CELL)
    cell = next((one for one in found.cells if one.id == chosen), None)
    if cell is None:
        return
    with st.container(border=True, key="cell", gap="small"):
        label = words.labels_of(found.cells)[cell.id]
        st.markdown(f"##### {text.plain(label)}")
        if cell.dropped_at is not None:
            st.caption(f":material/block: {text.plain(cell.dropped_why or 'It was dropped.')}")
        if cell.request.get("prompt"):
            st.code(str(cell.request["prompt"]), language=None, wrap_lines=True)
        for why, number in _not_made(found, cell).items():
            st.caption(f":material/error: {text.plain(words.not_made(why, number))}")
        with st.container(horizontal=True, vertical_alignment="bottom", key="cell-acts"):
            st.button(
                "Show its takes in the gallery", key="cell-takes", icon=":material/grid_view:",
                on_click=gallery_way.want_one, args=(cell.id,),
            )  # fmt: skip
            if may_run and found.experiment.state != "closed" and cell.dropped_at is None:
                _draw_changes(deps, found, cell)


def _not_made(found: ExperimentView, cell: Cell) -> Counter[str]:
    """Why places of it have no take -> how many."""
    return Counter(trial.why or "" for trial in found.trials.get(cell.id, ()) if trial.state == "blocked")


def _draw_changes(deps: Deps, found: ExperimentView, cell: Cell) -> None:
    refused = look_at_cells(deps, found.experiment, [cell]).refused.get(cell.id)
    if refused is None:
        _draw_more(found, cell)
    st.button(
        "Drop this cell", key="cell-drop", icon=":material/remove:", on_click=_drop,
        args=(found.experiment.id, cell.id), help="Nothing more is made of it; what was sent comes home.",
    )  # fmt: skip
    if refused is not None:
        st.caption(f":material/block: No more takes of it can be made. {text.plain(refused)}")


def _draw_more(found: ExperimentView, cell: Cell) -> None:
    number = st.number_input("More takes", 1, MORE_MAX, key=f"more:{cell.id}", width=110)
    price = cell.estimate_micros
    cost = "" if price is None else f" · {text.dollars(price * number / 1e6)}"
    st.button(
        text.plain(f"Make {words.takes(int(number))} more{cost}"), key="cell-grow", icon=":material/add:",
        on_click=grow,
        args=(found.experiment.id, {cell.id: int(number)}, (price or 0) * int(number) / 1e6),
    )  # fmt: skip


def grow(experiment_id: str, takes: dict[str, int], usd: float) -> None:
    """Have so many more takes of these cells made; the cap rises by `usd`, which the button said."""
    deps, viewer = context.deps(), context.viewer()
    with context.errors_as_notices():
        row = change.change_cells(deps, viewer, experiment_id, takes=takes, raise_cap_usd=usd or None)
        more = sum(takes.values())
        made = "is made" if more == 1 else "are made"
        when = _MADE_ONCE.get(row.state, "")
        context.notify(f"{words.takes(more)} more {made}{when}.", ":material/add:")


def _drop(experiment_id: str, cell_id: str) -> None:
    with context.errors_as_notices():
        change.change_cells(context.deps(), context.viewer(), experiment_id, drop=[cell_id])
        context.notify("The cell is dropped; what was sent comes home.", ":material/remove:")
