"""Deliveries that were not believed: how many for which reason, and when. Nothing of them was kept."""

import streamlit as st

from backend.services.deps import Deps
from backend.services.lifecycle.refused_deliveries import list_refused
from pages.ui.figures import tables


def draw_refusals(deps: Deps) -> None:
    """A row for each reason; nothing where none was refused."""
    found = list_refused(deps)
    if not found:
        return
    st.markdown("###### Refused")
    tables.draw_rows(
        [
            {"Reason": row.reason, "Number": row.number, "First": row.first_at, "Last": row.last_at}
            for row in found
        ],
        key="refused-table", name="Refused deliveries",
    )  # fmt: skip
    st.caption("They changed nothing, and nothing of what they brought was kept.")
