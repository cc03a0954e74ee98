"""In the place of a wall without takes: why there is nothing to see, and a way on."""

import streamlit as st

from backend.domain.access.roles import Do
from backend.services.access import Viewer
from pages.ui.library import address, chips
from pages.ui.library.address import Asked
from pages.ui.takes import cards


def draw_empty(viewer: Viewer, asked: Asked) -> None:
    """Say why, and what to do."""
    with st.container(key="empty", horizontal_alignment="center", border=True, gap="small"):
        st.space("small")
        if asked.texts.keys() - {"sort", "trashed"}:
            st.markdown("#### Nothing matches", text_alignment="center")
            st.button("Clear filters", key="clear-empty", icon=":material/close:", on_click=chips.clear)
        elif asked.wanted.trashed:
            st.markdown("#### The trash is empty", text_alignment="center")
            st.button("Back to the takes", key="leave-trash", on_click=address.drop, args=("trashed", "1"))
        else:
            _draw_beginning(viewer)
        st.space("small")


def _draw_beginning(viewer: Viewer) -> None:
    st.markdown("#### No takes yet", text_alignment="center")
    says = "Takes show here as soon as they are asked for, and stay."
    st.markdown(says, text_alignment="center", width="content")
    if viewer.may(Do.START) and st.button(
        "Generate your first", key="first-take", type="primary", icon=":material/auto_awesome_motion:"
    ):
        st.switch_page(cards.GENERATE)
