"""Charts of layers, of which the last one's points or bars can be pressed. Source: Vega-Lite's own pages."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import streamlit as st

#: A part of a chart or of a layer, as Vega-Lite has it.
Spec = dict[str, Any]
#: What is pressed, and in which layer.
_PICK, _PRESSED = "pick", "pressed"


def light() -> Literal["light", "dark"]:
    """In which light the reader looks."""
    return "dark" if st.context.theme.type == "dark" else "light"


def told(field: str, title: str, **more: str) -> Spec:
    """A line of what stands beside the pointer."""
    return {"field": field, "title": title, "type": "quantitative" if more else "nominal", **more}


def draw_chart(
    layers: Sequence[Spec], *, key: str, height: int, fields: Sequence[str], alt: str,
    on_pick: Callable[[Mapping[str, Any]], None],
) -> None:  # fmt: skip
    """Layers over each other, each with its own data; on_pick is called with these fields of what is pressed.

    The data stays in the layers: of what stands above them the kit makes tables, and loads pandas for it.
    """
    *below, last = layers
    chosen = {"type": "point", "fields": list(fields), "on": "click", "clear": False}
    spec = {
        "layer": [*below, {**last, "name": _PRESSED}],
        "params": [{"name": _PICK, "select": chosen, "views": [_PRESSED]}],
        "height": height,
    }
    st.vega_lite_chart(
        spec, key=key, on_select=lambda: _picked(key, on_pick), selection_mode=_PICK, alt=alt
    )  # fmt: skip


def _picked(key: str, on_pick: Callable[[Mapping[str, Any]], None]) -> None:
    for point in (st.session_state[key]["selection"].get(_PICK) or [])[:1]:
        on_pick(point)
