"""A file in place of what is varied by hand: its rows, as they are."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from backend.domain.errors import InvalidRequest
from backend.services.deps import Deps
from backend.services.experiments.doors import files
from pages.ui import context, text
from pages.ui.experiments.plan.form import PlanForm, axis_words

#: So many rows are shown; the rest is counted.
ROWS_SHOWN = 8
#: A cell's words are cut there.
CELL_CHARS = 120
_ROUND, _ROWS, _ROWS_FROM, _FAULTS = "plan:round", "plan:rows", "plan:rows-from", "plan:file-faults"


def fill_rows(form: PlanForm) -> None:
    """Have the plan hold the rows of a file, or none. Before it is drawn."""
    state = st.session_state
    state[_ROWS], state[_ROWS_FROM] = list(form.rows), form.rows_from
    state[_ROUND] = state.get(_ROUND, 0) + 1
    state.pop(_FAULTS, None)


def held_axes() -> set[str] | None:
    """What every row of the file says, so that the rest of the plan needn't; None: there is no file."""
    rows = st.session_state.get(_ROWS)
    return set.intersection(*map(set, rows)) if rows else None


def draw_file(deps: Deps, base: Mapping[str, Any]) -> tuple[tuple[dict[str, Any], ...], str]:
    """The file. base: what holds where a row says nothing. Returns its rows, and what it is called."""
    rows, name = st.session_state.get(_ROWS) or [], st.session_state.get(_ROWS_FROM) or ""
    if rows:
        with st.container(horizontal=True, vertical_alignment="center", key="plan-file"):
            st.markdown(f":material/table: **{text.plain(name)}** · {len(rows):,} rows")
            st.button(
                "Remove the file", key="plan-file-remove", icon=":material/close:", on_click=_remove_file
            )
        _draw_rows(rows)
        return tuple(rows), name
    with st.expander("From a CSV or Parquet file", icon=":material/upload_file:", key="plan-from-file"):
        st.caption(
            "A row each for prompts that belong together. Columns: prompt or the names of variables, "
            "style.…, params.…, model, image; at most 5,000 rows."
        )
        given = st.file_uploader(
            "File", type=["csv", "parquet"], key=f"plan:file:{st.session_state.get(_ROUND, 0)}",
            label_visibility="collapsed",
        )  # fmt: skip
        if given is not None and given.file_id != st.session_state.get("plan:file-seen"):
            st.session_state["plan:file-seen"] = given.file_id
            _take_in(deps, given.name, given.getvalue(), base)
        for fault in st.session_state.get(_FAULTS, ()):
            st.error(text.plain(fault), icon=":material/error:")
    return (), ""


def _draw_rows(rows: list[dict[str, Any]]) -> None:
    """The first rows, by the kit's table of words, which loads nothing."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, ["---"] * len(names)]
    lines[0] = [text.plain(axis_words(name)) for name in names]
    lines += [[_cell(row.get(name)) for name in names] for row in rows[:ROWS_SHOWN]]
    with st.container(key="plan-rows"):
        st.markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))
        if len(rows) > ROWS_SHOWN:
            st.caption(f"and {len(rows) - ROWS_SHOWN:,} more rows")


def _cell(value: Any) -> str:
    return "" if value is None else text.plain(text.shorten(str(value), CELL_CHARS))


def _take_in(deps: Deps, name: str, content: bytes, base: Mapping[str, Any]) -> None:
    """Read a file; what is wrong with it is shown, all at once."""
    try:
        found = files.rows_of_file(deps, name, content, base)
    except InvalidRequest as error:
        st.session_state[_FAULTS] = [f"{field} {fault}" for field, fault in error.fields.items()]
        return
    for note in found.notes:
        context.notify(text.plain(note), ":material/info:")
    st.session_state[_ROWS], st.session_state[_ROWS_FROM] = [dict(row) for row in found.rows], name
    st.session_state.pop(_FAULTS, None)
    st.rerun()


def _remove_file() -> None:
    for key in (_ROWS, _ROWS_FROM, _FAULTS):
        st.session_state.pop(key, None)
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
