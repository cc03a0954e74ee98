"""Every cell of a plan before it is paid: the prompt as it is sent, what a take of it costs, its values."""

from collections.abc import Sequence

import streamlit as st

from backend.services.experiments.planning.cells import PlannedCell
from backend.services.experiments.planning.naming import level_words
from pages.ui import prices
from pages.ui.experiments.plan.form import axis_words
from pages.ui.figures import tables


def draw_prompts(cells: Sequence[PlannedCell]) -> None:
    """A row for each cell, once somebody opens it."""
    opened = st.expander(
        f"Every prompt as it is sent · {len(cells):,}", icon=":material/outgoing_mail:", key="plan-prompts",
        on_change="rerun",
    )  # fmt: skip
    if not opened.open:
        return
    with opened:
        tables.draw_rows(
            [prompt_row(cell) for cell in cells], key="plan-prompts-table", name="Every prompt as it is sent",
            height_px=340, wide=("Prompt as sent",),
        )  # fmt: skip


def prompt_row(cell: PlannedCell) -> dict[str, object]:
    """One cell in words; what its model refuses stands in the place of its price."""
    refused = "; ".join(f"{field} {fault}" for field, fault in cell.faults.items())
    return {
        "Prompt as sent": cell.checked.composed.text if cell.checked else "",
        "A take": tables.Shown(
            f"refused: {refused}" if refused else prices.quote_words(cell.quote),
            None if refused else cell.quote.at_most_usd,
        ),
        **{axis_words(axis): level_words(axis, label) for axis, label in cell.levels.items()},
    }
