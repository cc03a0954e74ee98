"""Experiments that stand still, on Operations: since when, what to do, and who can."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from backend.domain.text import join_sentences
from backend.services.operations.watch.standing import StandingExperiment
from pages.ui import text

#: Where an experiment's page is, as the kit finds it.
EXPERIMENT = "library/experiment.py"


def draw_standing(found: Sequence[StandingExperiment], now: datetime) -> None:
    """Each with the way to it; nothing while all go on."""
    for number, each in enumerate(found):
        key = f"standing-{number}"
        with st.container(key=key, border=True, horizontal=True, vertical_alignment="center"):
            since = f"it last moved {text.since(now, each.since)}."
            says = join_sentences(since, each.why, f"{each.owner}, a reviewer or an admin can do that.")
            name = text.plain(each.name)
            st.markdown(f":material/science: **The experiment “{name}” stands still:** {text.plain(says)}")
            st.page_link(
                EXPERIMENT, label="Open it", icon=":material/open_in_full:",
                query_params={"id": each.id, "step": "run"},
            )  # fmt: skip
