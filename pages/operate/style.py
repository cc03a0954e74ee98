"""Style: the team's words on each axis, and the template that turns prompt and style into what is sent."""

import streamlit as st

from backend.domain.access.roles import Do
from backend.domain.prompt import AXES
from pages.ui import context, rights
from pages.ui.operate import vocabulary_editor
from pages.ui.operate.template import editor as template_editor

rights.draw_needed(context.viewer(), Do.EDIT_WORDS)
left, right = st.columns([3, 2], gap="large")
with left:
    st.markdown("##### Vocabulary")
    axis = st.segmented_control(
        "Axis", AXES, default=AXES[0], key="axis", format_func=str.capitalize, required=True,
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    vocabulary_editor.draw_editor(axis or AXES[0])
with right, st.container(border=True, key="template"):
    st.markdown("##### Prompt template")
    template_editor.draw_editor()
