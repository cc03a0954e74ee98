"""A take's trash, on its own page: the way in, what is said of one that is there, and the way out."""

import math
from collections.abc import Mapping
from datetime import timedelta

import streamlit as st

from backend.models import Job
from backend.services.library import edit
from pages.ui import context, text

TRASH_HELP = "It leaves the gallery, and can be restored from its trash. Row, cost and history stay for good."


def move_to_trash(job_id: str) -> None:
    """Move a take to the trash."""
    with context.errors_as_notices():
        edit.trash_take(context.deps(), context.viewer(), job_id)


def restore(job_id: str) -> None:
    """Bring a take back from the trash."""
    with context.errors_as_notices():
        edit.restore_take(context.deps(), context.viewer(), job_id)
        context.notify("Restored.", ":material/restore_from_trash:")


def draw_in_trash(job: Job, card: Mapping[str, object]) -> None:
    """That a take is in the trash, since when and for how long, and the way out; nothing for any other."""
    place = st.empty()  # always there, so that nothing below changes its place when this comes or goes
    if job.trashed_at is None or job.emptied_at is not None:
        return
    now, days = context.deps().clock.now(), context.deps().settings.trash_days
    by = f" by {job.trashed_by}" if job.trashed_by else ""
    left = math.ceil((job.trashed_at + timedelta(days=days) - now) / timedelta(days=1))
    kept = f"Its files are kept for {left} more day{'s' * (left != 1)}." if left > 0 else "Its files go next."
    with place.container(horizontal=True, vertical_alignment="center", key="in-trash"):
        says = f"In the trash: moved there{by}, {text.since(now, job.trashed_at)}. {kept}"
        st.info(text.plain(says), icon=":material/delete:")
        if _may(card, "restore"):
            st.button(
                "Restore", key=f"restore-{job.id}", icon=":material/restore_from_trash:",
                on_click=restore, args=(job.id,),
            )  # fmt: skip


def draw_trash_button(job: Job, card: Mapping[str, object]) -> None:
    """The way into the trash, for whoever may and as long as there is one."""
    if _may(card, "trash"):
        st.button(
            "Move to trash", key=f"trash-{job.id}", icon=":material/delete:", help=TRASH_HELP,
            on_click=move_to_trash, args=(job.id,),
        )  # fmt: skip


def _may(card: Mapping[str, object], deed: str) -> bool:
    rights = card["may"]
    assert isinstance(rights, Mapping)
    return bool(rights[deed])
