"""Which version of the team's template makes the prompt of this take, and the values of its variables."""

from typing import Any

import streamlit as st

from backend.services.prompting.template_variables import VALUE_MAX_CHARS, Variable, VariableKind
from backend.services.prompting.vocabulary import Vocabulary
from pages.ui import text
from pages.ui.form.prefill import TEMPLATE, variable_key

#: So many of the newest versions are offered.
OFFERED = 20


def pick_template(vocabulary: Vocabulary) -> int | None:
    """Draw the choice, if there is one; returns a version, or None for the one in production."""
    others = [one for one in vocabulary.templates[:OFFERED] if one.version != vocabulary.template.version]
    if not others:
        st.session_state.pop(TEMPLATE, None)
        return None
    notes = {one.version: f"{one.version} · {one.note}" if one.note else str(one.version) for one in others}
    if st.session_state.get(TEMPLATE) not in notes:
        st.session_state[TEMPLATE] = None
    chosen = st.selectbox(
        "Template", list(notes), index=None, key=TEMPLATE, persist_state="session",
        placeholder=f"Production · {vocabulary.template.version}", icon=":material/article:",
        format_func=lambda version: text.plain(notes[version]), label_visibility="collapsed",
        help="How prompt and style become the prompt that is sent",
    )  # fmt: skip
    return None if chosen is None else int(chosen)


def fill_variables(vocabulary: Vocabulary, version: int | None) -> dict[str, Any]:
    """Draw a field for each variable of this version; returns their values."""
    variables = vocabulary.list_variables(version)
    if not variables:
        return {}
    used = vocabulary.template.version if version is None else version
    with st.container(key="variables", horizontal=True, gap="small"):
        return {one.name: _draw(one, variable_key(used, one.name)) for one in variables}


def _draw(one: Variable, key: str) -> Any:
    label = text.plain(one.name.replace("_", " ").capitalize())
    if key not in st.session_state:
        st.session_state[key] = float(one.start) if one.kind == VariableKind.NUMBER else one.start
    match one.kind:
        case VariableKind.CHOICE:
            return st.selectbox(
                label, one.options, key=key, persist_state="session", format_func=text.plain, width=200
            )
        case VariableKind.NUMBER:
            return st.number_input(
                label, min_value=_float(one.low), max_value=_float(one.high), key=key,
                persist_state="session", format="%g", step=1.0, width=160,
            )  # fmt: skip
    return st.text_input(label, key=key, persist_state="session", max_chars=VALUE_MAX_CHARS, width=280)


def _float(value: float | None) -> float | None:
    """The kit wants all numbers of a field to be of one type."""
    return None if value is None else float(value)
