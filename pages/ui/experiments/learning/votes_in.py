"""Votes given elsewhere come in by a file: all of them; or none, and each line at fault is named."""

import streamlit as st

from backend.domain.errors import InvalidRequest
from backend.services.experiments.judging import vote_import
from backend.services.experiments.view import ExperimentView
from pages.ui import context, text

#: How many files were imported: the next one has an empty place.
_ROUND = "votes-in:round"


def draw_votes_in(found: ExperimentView, criterion: str | None) -> None:
    """For who may run the experiment, as long as it is not closed."""
    experiment_id = found.experiment.id
    with st.expander("Votes given elsewhere", icon=":material/upload_file:", key="votes-in"):
        st.caption(
            "A CSV or JSON lines: left, right (ids of takes), choice (left, right or tie), rater, and at, if "
            "it is known. All lines come in or none; lines that are here already count once. Who gave them, "
            "and that they were blind, is the file's word."
        )
        given = st.file_uploader(
            "File of votes", type=["csv", "jsonl"], key=f"votes-in:{st.session_state.get(_ROUND, 0)}",
            max_upload_size=vote_import.FILE_MAX_BYTES // 2**20, label_visibility="collapsed",
        )  # fmt: skip
        st.button(
            "Import votes", key="import-votes", icon=":material/how_to_vote:", disabled=given is None,
            on_click=_import, args=(experiment_id, given.getvalue() if given else b"", criterion),
        )  # fmt: skip
        if faults := st.session_state.get(_faults_key(experiment_id)):
            lines = "\n".join(f"- {text.plain(fault)}" for fault in faults)
            st.error(f"No vote was imported.\n{lines}", icon=":material/error:")


def _faults_key(experiment_id: str) -> str:
    return f"votes-in:faults:{experiment_id}"


def _import(experiment_id: str, content: bytes, criterion: str | None) -> None:
    with context.errors_as_notices():
        st.session_state.pop(_faults_key(experiment_id), None)
        try:
            done = vote_import.import_votes(
                context.deps(), context.viewer(), experiment_id, content, criterion=criterion
            )
        except InvalidRequest as error:
            faults = [f"{where} {why}" for where, why in error.fields.items()]
            st.session_state[_faults_key(experiment_id)] = faults
            return
        st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
        context.notify(done.words, ":material/how_to_vote:")
