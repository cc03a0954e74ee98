"""*Mine*: one click on every list for what one has made oneself, kept in the URL."""

from collections.abc import Callable

import streamlit as st

from backend.services.access import Viewer

#: The parameter of the URL, and the key of its switch.
KEY = "mine"


def draw_mine(viewer: Viewer, *, at_first: bool = False, on_change: Callable[[], None] | None = None) -> bool:
    """The switch; is only one's own to be shown? Not drawn for who sees nothing else anyhow.

    at_first: what holds until somebody presses it.
    """
    if not viewer.sees_all:
        return True
    return st.toggle(
        "Mine", at_first, key=KEY, bind="query-params", on_change=on_change or "rerun",
        help="Only what you have made",
    )  # fmt: skip
