"""What a plan comes to, in words beside its editor: cells, takes, price, time, and what it can show."""

import streamlit as st

from backend.services.deps import Deps
from backend.services.experiments.quote import PlanFigures
from pages.ui import text
from pages.ui.experiments import words

#: So many refused combinations are named; the rest is counted.
REFUSED_SHOWN = 8


def draw_figures(deps: Deps, found: PlanFigures) -> None:
    """The figures of a plan, and in words what they mean."""
    with st.container(horizontal=True, gap="small", key="plan-numbers"):
        st.metric(
            "Cells", f"{found.cells:,}", border=True,
            help="A cell is one combination of what is varied, or one row of a file.",
        )  # fmt: skip
        st.metric("Takes", f"{found.takes:,}", border=True)
        st.metric("Price", text.plain(words.amount(found)), border=True)
    st.markdown(text.plain(found.power.words))
    for icon, line in lines(deps, found):
        st.caption(f":material/{icon}: {text.plain(line)}")


def lines(deps: Deps, found: PlanFigures) -> list[tuple[str, str]]:
    """(icon, sentence) for what a plan costs, how long it lasts, and what is there already."""
    said = [("payments", words.price(found, is_demo=deps.settings.is_demo))]
    if found.usual_s:
        said.append(("timelapse", f"The last take is usually home after {text.clock(found.usual_s)}."))
    elif found.usual_s is None:
        said.append(("timelapse", "No timing yet for these takes."))
    if found.reused:
        one = found.reused == 1
        said.append(
            ("recycling", f"{found.reused:,} {'is' if one else 'are'} stored already, made of the same "
             f"inputs: {'it is' if one else 'they are'} used, and cost nothing.")
        )  # fmt: skip
    return said


def draw_nothing_yet(*, is_empty: bool) -> None:
    """In the place of figures. is_empty: nothing is varied yet."""
    st.metric("Takes", "–", border=True)
    st.caption(
        "Say what is varied, with two values at least: what that makes and costs stands here."
        if is_empty
        else "What stands beside the fields is to be mended first; then the price stands here."
    )


def draw_refused(found: PlanFigures, *, key: str) -> None:
    """Combinations that a model refuses, by name; they are left out only when somebody says so."""
    if found.faults:
        number = len(found.faults)
        st.error(
            f"**{number:,} {'combination is' if number == 1 else 'combinations are'} refused by the model.** "
            "Change the values, or leave these out.",
            icon=":material/block:",
        )
        for one in found.faults[:REFUSED_SHOWN]:
            st.caption(text.plain(one.words))
        if number > REFUSED_SHOWN:
            st.caption(f"and {number - REFUSED_SHOWN:,} more")
    if found.faults or st.session_state.get(key):
        st.toggle("Leave out what the model refuses", key=key, persist_state="session")
