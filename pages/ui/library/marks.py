"""What the team wrote of a take: review, tags, note; changed on its own page."""

from collections.abc import Mapping

import streamlit as st

from backend.domain.library.review import ReviewState
from backend.services.gallery.takes import Take
from backend.services.library.changes import NOTE_MAX_CHARS, TAG_MAX_CHARS, TAGS_MAX, TakeChanges
from backend.services.library.edit import edit_take, tag_take
from pages.ui import context, text
from pages.ui.library import words


def draw_marks(take: Take, card: Mapping[str, object]) -> None:
    """Draw review, tags and note as fields for whoever may change them, else as words.

    card: the take's (see `services.live.cards`).
    """
    job, may = take.job, card["may"]
    assert isinstance(may, Mapping)
    tags = [str(tag) for tag in card["tags"]] if isinstance(card["tags"], list | tuple) else []
    now = ReviewState(job.review or ReviewState.NONE)
    if not may["change"]:
        _draw_words(now, tags, job.note)
        return
    offered = [state for state in ReviewState if state in (now, *_open_to(may))]
    as_of = f"{job.id}-{job.edits}"  # another edit, of whomever, draws the fields anew
    left, right = st.columns([2, 3])
    left.selectbox(
        "Review", offered, index=offered.index(now), format_func=lambda state: words.REVIEWS[state],
        key=f"review-{as_of}", on_change=_change, args=(job.id, f"review-{as_of}", "review"), help=_by(take),
    )  # fmt: skip
    right.multiselect(
        "Tags", tags, default=tags, key=f"tags-{as_of}", accept_new_options=True, max_selections=TAGS_MAX,
        on_change=_retag, args=(job.id, f"tags-{as_of}", tags), placeholder="Add a tag",
        help=f"A tag has at most {TAG_MAX_CHARS} characters.",
    )  # fmt: skip
    st.text_area(
        "Note", job.note or "", key=f"note-{as_of}", max_chars=NOTE_MAX_CHARS, height=80,
        on_change=_change, args=(job.id, f"note-{as_of}", "note"), placeholder="For everybody who sees it",
    )  # fmt: skip


def _open_to(may: Mapping[str, object]) -> list[ReviewState]:
    return [state for state in ReviewState if state != ReviewState.APPROVED or may["approve"]]


def _by(take: Take) -> str | None:
    """Who decided, and when."""
    if take.job.review_by is None or take.job.review_at is None:
        return None
    when = text.since(context.deps().clock.now(), take.job.review_at)
    return text.plain(f"By {take.job.review_by}, {when}")


def _change(take_id: str, key: str, field: str) -> None:
    value = st.session_state[key]
    changes = {
        "review": lambda: TakeChanges(review=ReviewState(value)),
        "note": lambda: TakeChanges(note=value.strip() or None),
    }
    with context.errors_as_notices():
        edit_take(context.deps(), context.viewer(), take_id, changes[field]())


def _retag(take_id: str, key: str, drawn: list[str]) -> None:
    now = st.session_state[key]
    given, taken = [tag for tag in now if tag not in drawn], [tag for tag in drawn if tag not in now]
    with context.errors_as_notices():
        tag_take(context.deps(), context.viewer(), take_id, add=given, remove=taken)


def _draw_words(now: ReviewState, tags: list[str], note: str | None) -> None:
    if now != ReviewState.NONE or tags:
        st.caption(text.plain(" · ".join([words.REVIEWS[now], *tags])))
    if note:
        st.text(note)
