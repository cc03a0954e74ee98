"""The widget of one parameter, by the kind of its field."""

from typing import Any

import streamlit as st

from backend.catalogue.fields import Field
from pages.ui import text


def is_narrow(field: Field) -> bool:
    """Does it fit beside others in one row?"""
    return field.kind in ("choice", "flag", "seed") or (field.kind == "number" and field.front)


def draw_param(field: Field, key: str) -> Any:
    """Draw one parameter; returns its widget's value."""
    label = text.plain(field.label) + (" \\*" if field.required else "")
    about: dict[str, Any] = {"key": key, "help": text.plain(field.help) or None, "persist_state": "session"}
    match field.kind:
        case "choice":
            return st.segmented_control(
                label, field.options, format_func=lambda option: text.plain(_option_words(field, option)),
                required=field.default is not None or field.required, **about,
            )  # fmt: skip
        case "steps":
            return st.select_slider(
                label, field.options, format_func=lambda option: _option_words(field, option), **about
            )
        case "list":
            return st.selectbox(label, field.options, format_func=str, **about)
        case "flag":
            return st.toggle(label, **about)
        case "slide":
            unit: dict[str, Any] = (
                {"format": "%d s" if field.whole else "%.1f s"} if field.name == "duration" else {}
            )
            step = 1 if field.whole else _step(field)
            return st.slider(label, field.low, field.high, step=step, **unit, **about)
        case "number":
            return st.number_input(
                label, field.low, field.high, value=None, placeholder="as the model likes", **about
            )
        case "seed":
            return _seed(field, label, about)
        case "text" | "json":
            return st.text_area(label + (" (JSON)" if field.kind == "json" else ""), height=80, **about)
        case "line":
            return st.text_input(
                label, placeholder="https://…" if field.name.endswith("_url") else None, **about
            )


def _seed(field: Field, label: str, about: dict[str, Any]) -> Any:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall", width="content"):
        value = st.number_input(label, field.low, field.high, value=None, step=1, width=190, **about)
        st.button(
            "New seed", key=f"new-seed:{about['key']}", icon=":material/casino:",
            help="Another seed, another take",
            on_click=lambda: st.session_state.update({about["key"]: field.new_seed()}),
        )  # fmt: skip
    return value


def _option_words(field: Field, option: Any) -> str:
    return text.param_words(field.name, option)


def _step(field: Field) -> float:
    """Steps of a slider that are round and fine enough."""
    span = (field.high or 0) - (field.low or 0)
    return 0.01 if span <= 2 else 0.1 if span <= 20 else 1.0
