"""The vocabulary as people edit it: one axis at a time, a row a word."""

import streamlit as st

from backend.domain.access.roles import Do
from backend.models import VocabularyEntry
from backend.services.prompting import vocabulary_admin
from backend.services.prompting.vocabulary import current_vocabulary
from backend.services.prompting.vocabulary_admin import WordDraft
from pages.ui import context, text


def draw_editor(axis: str) -> None:
    """Every word of an axis, what is retired below, and room for a new one."""
    words, may = current_vocabulary(context.deps()).list_words(axis), context.viewer().may(Do.EDIT_WORDS)
    used = [word for word in words if word.retired_at is None]
    for place, word in enumerate(used):
        _row(word, first=place == 0, last=place == len(used) - 1, may=may)
    if may:
        _editor(axis, None)
    retired = [word for word in words if word.retired_at is not None]
    if retired:
        with st.expander(f"Archived · {len(retired)}", icon=":material/inventory_2:", key=f"retired-{axis}"):
            st.caption("Takes that were made with them keep them; nobody can pick them any more.")
            for word in retired:
                _retired(word, may=may)


def _row(word: VocabularyEntry, *, first: bool, last: bool, may: bool) -> None:
    with st.container(
        horizontal=True, vertical_alignment="center", border=True, gap="small", key=f"word-{word.id}"
    ):
        if word.poster_key:
            st.image(context.kit_media_link(word.poster_key), alt=f"Example of {word.label}", width=96)
        with st.container(gap=None):
            st.markdown(f"**{text.plain(word.label)}**")
            st.caption(text.plain(word.words))
        if not may:
            return
        for name, icon, by, at_end in (
            ("up", "arrow_upward", -1, first),
            ("down", "arrow_downward", 1, last),
        ):
            st.button(
                f"Move {name}", key=f"word-{name}-{word.id}", type="tertiary", disabled=at_end,
                icon=f":material/{icon}:", help=f"Move {name}", on_click=_move, args=(word.id, by),
            )  # fmt: skip
        _editor(word.axis, word)
        st.button(
            "Archive", key=f"word-retire-{word.id}", icon=":material/inventory_2:", type="tertiary",
            on_click=_retire, args=(word.id, True),
        )  # fmt: skip


def _retired(word: VocabularyEntry, *, may: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"word-{word.id}"):
        st.markdown(f"**{text.plain(word.label)}** · {text.plain(word.words)}")
        if may:
            st.button(
                "Bring back", key=f"word-back-{word.id}", icon=":material/undo:", type="tertiary",
                on_click=_retire, args=(word.id, False),
            )  # fmt: skip


def _editor(axis: str, word: VocabularyEntry | None) -> None:
    """A popover with the fields of a word; of a new one for None."""
    own = word.id if word else f"new-{axis}"
    with st.popover(
        "Edit" if word else "Add a word", icon=":material/edit:" if word else ":material/add:",
        key=f"word-edit-{own}", type="tertiary" if word else "secondary",
    ):  # fmt: skip
        st.text_input(
            "Label",
            word.label if word else "",
            key=f"word-label-{own}",
            max_chars=vocabulary_admin.LABEL_MAX_CHARS,
        )
        st.text_area(
            "Prompt text", word.words if word else "", key=f"word-words-{own}", height=90,
            max_chars=vocabulary_admin.WORDS_MAX_CHARS,
        )  # fmt: skip
        st.text_input(
            "Example", key=f"word-example-{own}", placeholder="A take's id",
            help="The take whose poster shows what the word does. Leave it empty to keep what is there.",
        )  # fmt: skip
        st.button(
            "Save", key=f"word-save-{own}", type="primary", on_click=_save, args=(axis, word and word.id)
        )


def _save(axis: str, word_id: str | None) -> None:
    own, state = word_id or f"new-{axis}", st.session_state
    label, words = state[f"word-label-{own}"], state[f"word-words-{own}"]
    draft = WordDraft(axis, label, words, state[f"word-example-{own}"] or None)
    with context.errors_as_notices():
        vocabulary_admin.save_word(context.deps(), context.viewer(), draft, word_id=word_id)
        context.notify(f"{text.plain(label)} is kept.")
        context.notify_cleaned(label, words)
        if word_id is None:
            for name in ("label", "words", "example"):
                state[f"word-{name}-{own}"] = ""


def _move(word_id: str, by: int) -> None:
    with context.errors_as_notices():
        vocabulary_admin.reorder_word(context.deps(), context.viewer(), word_id, by=by)


def _retire(word_id: str, retired: bool) -> None:
    with context.errors_as_notices():
        vocabulary_admin.retire_word(context.deps(), context.viewer(), word_id, retired=retired)
        context.notify("It can't be picked any more." if retired else "It can be picked again.")
