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
Colour = Literal["gray", "blue", "orange", "green"]
#: state -> what people call it, its icon and its colour
STATES: Mapping[str, tuple[str, str, Colour]] = {
    "draft": ("Draft", "edit_note", "gray"),
    "canary": ("First takes", "science", "blue"),
    "running": ("Running", "timelapse", "blue"),
    "paused": ("Paused", "pause_circle", "orange"),
    "closed": ("Closed", "lock", "gray"),
}


def coming(counts: Mapping[str, int]) -> int:
    """How many takes are still on their way, or wait for somebody."""
    return sum(counts.get(word, 0) for word in ("planned", "processing", "held"))


def state_badge(state: str, counts: Mapping[str, int]) -> tuple[str, str, Colour]:
    """What people call its state, its icon and its colour: of one that runs, also that all takes are here."""
    total, here = sum(counts.values()), counts.get("completed", 0)
    if state != "running" or coming(counts) or not total:
        return STATES[state]
    if here == total:
        return "All takes are here", "task_alt", "green"
    return f"{here:,} of {words.takes(total)} {'is' if here == 1 else 'are'} here", "task_alt", "orange"


def draw_state(state: str, counts: Mapping[str, int]) -> None:
    """A state as a badge: a word with its icon. counts: how far its takes are."""
    word, icon, colour = state_badge(state, counts)
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
                draw_state(about["state"], about["takes"])
                if waits.words:
                    says = f"{waits.step.capitalize()}: {waits.words}"
                    st.badge(says, icon=":material/notifications:", color="orange")
            if about["state"] != "draft":
                st.markdown(text.plain(steps.verdict_words(about)))
            votes, spent = about["votes"], words.spent(about["spent_usd"], about["cap_usd"])
            judged = f"{votes:,} {'vote' if votes == 1 else 'votes'}"
            st.caption(
                text.plain(
                    f"{words.takes_of(about['takes'], not_made=about['not_made'])} · {spent} · {judged}"
                )
            )


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
