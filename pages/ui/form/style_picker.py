"""One axis of a style in the form: a word of the team or a custom one, with examples of what words do."""

from collections.abc import Sequence

import streamlit as st

from backend.models import VocabularyEntry
from backend.services.prompting.vocabulary import Vocabulary
from pages.ui import context, text

ICONS = {"movement": "directions_run", "fabric": "checkroom", "camera": "videocam", "aesthetic": "palette"}
#: How wide an example is shown, in pixels.
WIDE = 120


def pick_style(vocabulary: Vocabulary, axis: str) -> str | None:
    """Draw the choice of an axis; returns a label of the team, a custom text, or None."""
    words = st.selectbox(
        axis.capitalize(), vocabulary.list_labels(axis), index=None, icon=f":material/{ICONS[axis]}:",
        key=_key(axis), accept_new_options=True, placeholder="Choose or type your own",
        persist_state="session",
    )  # fmt: skip
    shown = [
        word for word in vocabulary.words if word.axis == axis and word.poster_key and not word.retired_at
    ]
    if shown:
        with st.container(key=f"look-{axis}", gap="xsmall"):
            _example(vocabulary, axis, words)
            _examples(axis, shown)
    return words


def _key(axis: str) -> str:
    return f"form:style:{axis}"


def _example(vocabulary: Vocabulary, axis: str, words: str | None) -> None:
    """The example of the word that is chosen, if it has one."""
    chosen = vocabulary.find_word(axis, words) if words else None
    if chosen is not None and chosen.poster_key:
        st.image(context.kit_media_link(chosen.poster_key), alt=f"Example of {chosen.label}", width=WIDE)


def _examples(axis: str, shown: Sequence[VocabularyEntry]) -> None:
    """Every example of the axis, to choose by."""
    with st.popover("Examples", icon=":material/image:", key=f"examples-{axis}", type="tertiary"):
        row = st.container(key=f"examples-of-{axis}", horizontal=True, gap="small")
        for word in shown:
            with row.container(key=f"example-{word.id}", width=WIDE, gap="xxsmall"):
                st.image(context.kit_media_link(word.poster_key), alt=f"Example of {word.label}", width=WIDE)
                st.button(
                    text.plain(word.label), key=f"use-word-{word.id}", on_click=_use, args=(axis, word.label),
                    width="stretch",
                )  # fmt: skip


def _use(axis: str, label: str) -> None:
    st.session_state[_key(axis)] = label
