"""*Why does it wait?* on a take's own page: what for, since when, the next try, and a look right now."""

from datetime import datetime

import streamlit as st

from backend.services.deps import Deps
from backend.services.gallery.takes import Take
from backend.services.operations.waiting.check_now import check_now
from backend.services.operations.waiting.why import why_waiting
from pages.ui import context, text

CHECK_HELP = "Has it looked at right now, whatever its next try says. Costs nothing."


def draw_waiting(deps: Deps, take: Take, now: datetime, *, told: bool) -> float | None:
    """Why this take waits; nothing for one that has ended. told: what went wrong stands there already.

    Returns in how many seconds its words are out of date; None: nobody can say.
    """
    found = why_waiting(deps, take)
    if found is None:
        return None
    with st.container(border=True, key="waiting", gap="small"):
        st.markdown(f":material/hourglass_top: **Why does it wait?** {text.plain(found.words)}")
        if found.detail and not told:
            st.markdown(text.plain(found.detail))
        with st.container(horizontal=True, vertical_alignment="center"):
            if context.viewer().may_change(take.job.owner):
                st.button(
                    "Check now", key=f"check-now-{take.job.id}", icon=":material/refresh:",
                    disabled=not found.may_check, help=found.why_not or CHECK_HELP, on_click=_check,
                    args=(take.job.id,),
                )  # fmt: skip
            st.caption(text.plain(_when(found.since, found.next_try, now)))
    return (found.next_try - now).total_seconds() if found.next_try else None


def _when(since: datetime, next_try: datetime | None, now: datetime) -> str:
    waited = f"Since {text.clock(max(0.0, (now - since).total_seconds()))}"
    if next_try is None:
        return f"{waited}; nobody can say when it goes on."
    left_s = (next_try - now).total_seconds()
    return f"{waited}; next try {f'in {text.clock(left_s)}' if left_s > 1 else 'now'}."


def _check(job_id: str) -> None:
    with context.errors_as_notices():
        check_now(context.deps(), context.viewer(), job_id)
        context.notify("It is looked at now.", ":material/refresh:")
