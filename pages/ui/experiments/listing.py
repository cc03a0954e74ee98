"""The list of experiments, and what stands in its place while there are none."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import streamlit as st

from pages.ui import text
from pages.ui.experiments import example, steps, words

#: What everybody should know before the first one.
WHY_SEVERAL = "Videos of one prompt differ; so judge prompts by several takes"
#: So many stand on a page.
PAGE_SIZE = 50
#: state -> what people call it, its icon and its colour
STATES: Mapping[str, tuple[str, str, Literal["gray", "blue", "orange"]]] = {
    "draft": ("Draft", "edit_note", "gray"),
    "canary": ("First takes", "science", "blue"),
    "running": ("Running", "timelapse", "blue"),
    "paused": ("Paused", "pause_circle", "orange"),
    "closed": ("Closed", "lock", "gray"),
}


def draw_state(state: str) -> None:
    """A state as a badge: a word with its icon."""
    word, icon, colour = STATES[state]
    st.badge(word, icon=f":material/{icon}:", color=colour)


def draw_list(found: Sequence[Mapping[str, Any]]) -> None:
    """Each with its state, takes, spent of cap, and its verdict in words. found: as the API answers."""
    for about in found:
        waits = steps.waiting_step(about)
        with st.container(border=True, key=f"experiment-{about['id']}", gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.page_link(
                    steps.ONE, label=f"**{text.plain(about['name'])}**",
                    query_params={steps.ID: about["id"]},
                )  # fmt: skip
                draw_state(about["state"])
                if waits.words:
                    says = f"{waits.step.capitalize()}: {waits.words}"
                    st.badge(says, icon=":material/notifications:", color="orange")
            if about["state"] != "draft":
                st.markdown(text.plain(steps.verdict_words(about)))
            votes, spent = about["votes"], words.spent(about["spent_usd"], about["cap_usd"])
            judged = f"{votes:,} {'vote' if votes == 1 else 'votes'}"
            st.caption(text.plain(f"{words.takes_of(about['takes'])} · {spent} · {judged}"))


def draw_empty(*, may_plan: bool) -> None:
    """The idea in one sentence, an example, and one button."""
    with st.container(key="empty", border=True, gap="small"):
        st.markdown(f"#### {WHY_SEVERAL}")
        example.draw_example()
        if not may_plan:
            st.caption("Nobody has planned an experiment yet; once there is one, you judge its takes here.")
        elif st.button(
            "Plan an experiment", key="first-experiment", type="primary", icon=":material/science:"
        ):
            st.switch_page(steps.ONE)
