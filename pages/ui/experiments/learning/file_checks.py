"""What machines saw in the files of an experiment: they flag, and don't vote."""

from collections import Counter

import streamlit as st

from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments.doors.export_rows import ExperimentTables
from backend.services.experiments.view import ExperimentView
from pages.ui import text
from pages.ui.experiments import gallery_way, words

#: So many cells are named.
CELLS_SHOWN = 8


def draw_checks(deps: Deps, viewer: Viewer, found: ExperimentView) -> None:
    """How many files were looked at, and the flagged ones by cell; nothing before a file was."""
    rows = [
        row for rows in ExperimentTables(deps, viewer, found.experiment.id).checks().batches for row in rows
    ]
    if not rows:
        return
    files, flagged = {row["video"] for row in rows}, [row for row in rows if row["flagged"]]
    with st.container(border=True, key="file-checks"):
        st.markdown("##### What machines saw in the files")
        seen = f"{len(files):,} {'file was' if len(files) == 1 else 'files were'} looked at"
        if not flagged:
            st.markdown(f"{seen}; nothing is flagged.")
            return
        by_kind = Counter(str(row["name"]).replace("_", " ") for row in flagged)
        told = ", ".join(f"{kind} in {number:,}" for kind, number in by_kind.most_common())
        st.markdown(text.plain(f"{seen}; flagged: {told}. Flags don't vote: look at these takes."))
        labels = words.labels_of(found.cells)
        by_cell = Counter(row["cell"] for row in flagged if row["cell"] in labels)
        with st.container(horizontal=True, key="flagged-cells"):
            for cell, number in by_cell.most_common(CELLS_SHOWN):
                st.button(
                    text.plain(f"{text.shorten(labels[cell], 60)} · {number:,}"), key=f"flagged-{cell}",
                    icon=":material/flag:", on_click=gallery_way.want_one, args=(cell,),
                )  # fmt: skip
