"""The variables that a template in the editor asks for: their kinds, what they start with, their limits."""

from collections.abc import Sequence
from difflib import get_close_matches

import streamlit as st

from backend.domain.errors import InvalidRequest
from backend.services.prompting import template
from backend.services.prompting.template_variables import (
    VALUE_MAX_CHARS,
    Variable,
    VariableKind,
    check_variables,
)
from pages.ui import text

_KINDS = {VariableKind.TEXT: "Text", VariableKind.CHOICE: "Choice", VariableKind.NUMBER: "Number"}


def show_declared(variables: Sequence[Variable]) -> None:
    """Have the editor begin with these."""
    for one in variables:
        values = {"kind": one.kind, "options": "\n".join(one.options), "low": one.low, "high": one.high}
        is_number = one.kind == VariableKind.NUMBER
        values |= {"number": float(one.start) if is_number else 0.0, "start": "" if is_number else one.start}
        for part, value in values.items():
            st.session_state[_key(one.name, part)] = value


def declare(written: str) -> list[Variable]:
    """Draw a row for each name that the template asks for besides prompt and style; what they declare."""
    names = template.undeclared_names(written)
    if names:
        st.caption("Variables, which the form asks for. Each has a value to start with.")
    return [_draw(name) for name in names]


def differ(asked: Sequence[Variable], declared: Sequence[Variable]) -> bool:
    """Would these be other variables than those, once they are kept?"""
    try:
        kept = check_variables(asked)
    except InvalidRequest:
        return True
    return {one.name: one for one in kept} != {one.name: one for one in declared}


def _draw(name: str) -> Variable:
    state = st.session_state
    first = {"kind": VariableKind.TEXT, "options": "", "start": "", "number": 0.0, "low": None, "high": None}
    for part, value in first.items():
        state.setdefault(_key(name, part), value)
    with st.container(key=f"variable-{name}", horizontal=True, vertical_alignment="top", gap="small"):
        kind = st.selectbox(
            text.plain(name), list(_KINDS), key=_key(name, "kind"), format_func=_KINDS.__getitem__, width=110,
        )  # fmt: skip
        variable = _DRAWN[kind](name)
    if near := get_close_matches(name, sorted(template.ALLOWED_NAMES), n=1, cutoff=0.75):
        st.caption(f":material/help: {text.plain(name)} is a variable of its own. Is {near[0]} meant?")
    return variable


def _text(name: str) -> Variable:
    start = st.text_input(
        "Starts with", key=_key(name, "start"), max_chars=VALUE_MAX_CHARS, placeholder="Nothing"
    )
    return Variable(name, start=start or "")


def _choice(name: str) -> Variable:
    written = st.text_area(
        "Options, one a line; the first to start with", key=_key(name, "options"), height=100
    )
    return Variable(name, VariableKind.CHOICE, options=tuple((written or "").splitlines()))


def _number(name: str) -> Variable:
    labels = {"number": "Starts with", "low": "At least", "high": "At most"}
    start, low, high = (
        st.number_input(label, key=_key(name, part), format="%g", value=None, width=110)
        for part, label in labels.items()
    )
    return Variable(name, VariableKind.NUMBER, 0.0 if start is None else start, low=low, high=high)


_DRAWN = {VariableKind.TEXT: _text, VariableKind.CHOICE: _choice, VariableKind.NUMBER: _number}


def _key(name: str, part: str) -> str:
    return f"template:variable:{name}:{part}"
