"""What is varied: a table with a row for each value, help to fill it, or the rows of a file in its place."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from backend.catalogue.fields import Field
from backend.domain.errors import InvalidRequest
from backend.services.deps import Deps
from backend.services.experiments.doors import files
from pages.ui import context, text
from pages.ui.experiments.plan import fields
from pages.ui.experiments.plan.form import PlanForm, axes_on_offer, axis_words

AXIS, VALUE = "Vary", "Value"
#: An empty table begins with so many rows.
EMPTY_ROWS = 3
#: Rows that stand without a scrollbar of their own.
WHOLE_ROWS = 9
_TABLE, _ROUND, _ROWS, _ROWS_FROM, _FAULTS = (
    "plan:table", "plan:round", "plan:rows", "plan:rows-from", "plan:file-faults",
)  # fmt: skip
_ADD_AXIS, _ADD_VALUES = "plan:add-axis", "plan:add-values"

Levels = tuple[tuple[str, str], ...]


def table_key() -> str:
    """Where the table keeps what was changed in it since it was filled."""
    return f"plan:levels:{st.session_state.get(_ROUND, 0)}"


def fill_levels(form: PlanForm) -> None:
    """Have the table hold what a plan varies, or the rows of its file."""
    state = st.session_state
    state[_TABLE] = [{AXIS: axis, VALUE: value} for axis, value in form.levels]
    state[_ROUND] = state.get(_ROUND, 0) + 1
    state[_ROWS], state[_ROWS_FROM] = list(form.rows), form.rows_from
    state.pop(_FAULTS, None)


def draw_levels(deps: Deps, form: PlanForm, params: Mapping[str, Field]) -> Levels:
    """The table and what helps to fill it. form: what the plan holds besides. Returns the levels."""
    kept: list[dict[str, str]] = st.session_state.setdefault(_TABLE, [])
    held = tuple((str(row.get(AXIS) or ""), str(row.get(VALUE) or "")) for row in kept)
    offered = axes_on_offer(_with(form, held), params)
    empty: list[dict[str, str | None]] = [{AXIS: None, VALUE: None}] * EMPTY_ROWS
    edited = st.data_editor(
        kept or empty, key=table_key(), num_rows="dynamic", placeholder="",
        hide_index=True, height="content" if len(kept) < WHOLE_ROWS else 360,
        column_config={
            AXIS: st.column_config.SelectboxColumn(
                options=offered, format_func=lambda axis: axis_words(str(axis)), width="medium",
                help="What differs between cells",
            ),
            VALUE: st.column_config.TextColumn(width="large", help="One value a row; paste many at once"),
        },
    )  # fmt: skip
    levels = tuple((str(row.get(AXIS) or ""), str(row.get(VALUE) or "")) for row in edited)
    _draw_adder(deps, offered, params, levels)
    return levels


def draw_file(deps: Deps, base: Mapping[str, Any]) -> tuple[tuple[dict[str, Any], ...], str]:
    """A file in place of the table. base: what holds where a row says nothing.

    Returns its rows, and what it is called.
    """
    rows, name = st.session_state.get(_ROWS) or [], st.session_state.get(_ROWS_FROM) or ""
    if rows:
        with st.container(horizontal=True, vertical_alignment="center", key="plan-file"):
            st.markdown(f":material/table: **{text.plain(name)}** · {len(rows):,} rows")
            st.button(
                "Remove the file", key="plan-file-remove", icon=":material/close:", on_click=_remove_file
            )
        st.dataframe(rows, hide_index=True, height=220, key="plan-rows")
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


def _draw_adder(deps: Deps, offered: Sequence[str], params: Mapping[str, Field], levels: Levels) -> None:
    """Several values of an axis at once; those that are known are offered."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="plan-adder"):
        axis = st.selectbox(
            "Add values of", offered, key=_ADD_AXIS, format_func=axis_words, width=190,
            persist_state="session",
        )  # fmt: skip
        known = fields.level_choices(deps, axis, params)
        st.multiselect(
            "Values", list(known), key=f"{_ADD_VALUES}:{axis}", accept_new_options=True,
            format_func=lambda value: known.get(value, value), placeholder="Choose or type your own",
        )  # fmt: skip
        st.button(
            "Add", key="plan-add", icon=":material/add:", on_click=_add, args=(axis, levels),
        )  # fmt: skip


def _add(axis: str, levels: Levels) -> None:
    chosen = st.session_state.get(f"{_ADD_VALUES}:{axis}") or []
    if not chosen:
        context.notify(
            f"Choose values of {text.plain(axis_words(axis).lower())} first, then add them.",
            ":material/help:",
        )
        return
    here = tuple(one for one in levels if any(one))
    form = PlanForm(levels=here).with_levels(axis, chosen)
    st.session_state[_TABLE] = [{AXIS: one, VALUE: value} for one, value in form.levels]
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    st.session_state[f"{_ADD_VALUES}:{axis}"] = []


def _with(form: PlanForm, levels: Levels) -> PlanForm:
    return PlanForm(base=form.base, levels=levels)
