"""Which version of the team's template makes the prompt of this take: the one in production, or a draft."""

import streamlit as st

from backend.services.prompting.vocabulary import Vocabulary
from pages.ui import text
from pages.ui.form.prefill import TEMPLATE

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
