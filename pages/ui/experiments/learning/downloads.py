"""What is taken along of an experiment: the report to hand on, and its tables as files."""

import streamlit as st

from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments.doors import export
from backend.services.experiments.reports import report
from backend.services.experiments.view import ExperimentView
from pages.ui import context

#: table -> what people call it
_TABLES = {
    "takes": "Takes", "trials": "Trials", "votes": "Votes", "scores": "Scores", "checks": "Machine checks",
    "preferences": "Preference pairs",
}  # fmt: skip
#: format -> what people call it
_FORMATS = {"parquet": "Parquet", "csv": "CSV", "jsonl": "JSON lines"}


def draw_downloads(deps: Deps, viewer: Viewer, found: ExperimentView, criterion: str | None) -> None:
    """The files are made once they are asked for."""
    row = found.experiment

    def write_report(asker: Viewer) -> bytes:
        return report.write_report(deps, asker, row.id, criterion=criterion)

    def write_table(asker: Viewer) -> bytes:
        return b"".join(export.export_table(deps, asker, row.id, table=table, format=kind).chunks)

    with st.container(horizontal=True, vertical_alignment="bottom", key="experiment-files"):
        st.download_button(
            "Report", context.file_for_asker(write_report), "report.html", "text/html",
            key="experiment-report", icon=":material/description:", on_click="ignore",
            help="One HTML file that needs nothing else: verdict, intervals, posters, method.",
        )  # fmt: skip
        table = st.selectbox(
            "Table", list(_TABLES), key="export-table", format_func=_TABLES.__getitem__, width=180,
            persist_state="session",
        )  # fmt: skip
        kind = st.selectbox(
            "Format", list(_FORMATS), key="export-format", format_func=_FORMATS.__getitem__, width=130,
            persist_state="session",
        )  # fmt: skip
        st.download_button(
            "Export", context.file_for_asker(write_table), f"{row.id}-{table}.{kind}",
            export.FORMATS[kind], key="experiment-export", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
    if row.state != "closed":
        st.caption(
            "They show which take is of which cell: whoever takes them along no longer judges blind, and "
            "what they vote from then on is kept apart."
        )
