"""Ways from an experiment to the gallery, where only the takes of some of its cells stand."""

from collections.abc import Sequence

import streamlit as st

from backend.services.experiments.judging import raters
from pages.ui import context
from pages.ui.experiments import steps
from pages.ui.takes import cards

_WANTED = "experiment:gallery"
#: An address names so many cells at most.
CELLS_MAX = 60


def want(cells: Sequence[str]) -> None:
    """Have the gallery opened with these cells' takes at the next run; callbacks can't leave a page."""
    st.session_state[_WANTED] = list(cells)[:CELLS_MAX]


def want_one(cell: str) -> None:
    """The same, for one."""
    want([cell])


def leave_if_wanted() -> None:
    """At the top of a page: go to the gallery, if somebody has just asked for it."""
    cells = st.session_state.pop(_WANTED, None)
    if cells:
        if experiment_id := st.query_params.get(steps.ID):
            raters.note_sighted(
                context.deps(), context.viewer(), experiment_id
            )  # takes of one cell are named
        st.switch_page(cards.GALLERY, query_params={"cell": cells})
