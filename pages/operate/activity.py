"""Activity: what is in progress, and what needs a person's decision."""

from collections.abc import Mapping, Sequence

import streamlit as st

from backend.domain.access.roles import Do
from backend.domain.states import ACTIVE_STATES, JobState
from backend.domain.take_filter import TakeFilter
from backend.services.gallery import takes as gallery
from backend.services.gallery.takes import Take
from pages.ui import context, live, mine, money, rights, shell
from pages.ui.takes import actions, cards

#: How many of each are shown; the rest stand in the gallery.
SHOWN = 50
Cards = Sequence[Mapping[str, object]]
deps, viewer = context.deps(), context.viewer()
only_mine = mine.draw_mine(viewer)
owners = viewer.owner_names if only_mine else None


def draw_take(take: Take, card: Mapping[str, object]) -> None:
    job = take.job
    with st.container(border=True, key=f"take-{job.id}", gap="small"):
        cards.draw_status(card)
        if job.state == JobState.HELD:
            cards.draw_trouble(job)
        with st.container(horizontal=True, key=f"do-{job.id}"):
            actions.draw_decisions(take)
            if st.button("Open", key=f"open-{job.id}", icon=":material/open_in_full:", type="tertiary"):
                st.switch_page(cards.DETAIL, query_params={"take": job.id})
        if job.state == JobState.HELD and viewer.may_change(job.owner):
            st.caption(actions.TWICE)


def draw_takes(takes: Sequence[Take]) -> Cards:
    shown = cards.cards_of(takes)
    for take in takes:
        draw_take(take, shown[take.job.id])
    return list(shown.values())


def draw_head(title: str, takes: Sequence[Take], *, of: int) -> None:
    """A column's name and how many there are; where more wait than are shown, how many are shown."""
    st.markdown(f"##### {title} · {shell.count_words(of, gallery.COUNT_LIMIT)}")
    if of > len(takes):
        st.caption(f"The newest {len(takes)} of them; all are in the gallery.")


def draw_held(held: Sequence[Take], of: int) -> Cards:
    draw_head("Needs you", held, of=of)
    st.caption(
        "These may have been accepted and paid for, and nobody can tell from here. Nothing is sent again "
        "without you. A video that comes anyway is kept."
    )
    return draw_takes(held)


def draw_moving(moving: Sequence[Take], of: int) -> Cards:
    draw_head("In progress", moving, of=of)
    return draw_takes(moving)


def draw_nothing() -> None:
    with st.container(border=True, key="empty", horizontal_alignment="center"):
        st.space("small")
        st.markdown("#### All quiet: nothing in progress", text_alignment="center")
        if viewer.may(Do.START) and st.button(
            "Generate a take", key="generate-one", type="primary", icon=":material/auto_awesome_motion:"
        ):
            st.switch_page(cards.GENERATE)
        st.space("small")


def draw_columns() -> live.Drawn:
    context.show_notices()
    held, moving = (
        gallery.list_takes(deps, viewer, TakeFilter(owners=owners, states=states), limit=SHOWN).items
        for states in (frozenset({JobState.HELD}), ACTIVE_STATES)
    )
    counts = gallery.count_open(deps, viewer, mine=only_mine)
    parts = [
        (draw_held, held, counts.get(JobState.HELD, 0)),
        (draw_moving, moving, sum(counts.get(state, 0) for state in ACTIVE_STATES)),
    ]
    money.draw_figures(deps, viewer, mine=only_mine)
    others = [take.job.owner for take in (*held, *moving) if not viewer.may_change(take.job.owner)]
    if others:
        rights.draw_needed(viewer, viewer.change_of(others[0]))
    filled = [(part, takes, max(of, len(takes))) for part, takes, of in parts if takes]
    if not filled:
        draw_nothing()
    shown: Cards = []
    for column, (part, takes, of) in zip(st.columns(max(1, len(filled)), gap="large"), filled, strict=False):
        with column:
            shown = [*shown, *part(takes, of)]
    return live.Drawn(shown)


live.draw_live(
    draw_columns, key="live-takes", others=live.Others(ACTIVE_STATES | {JobState.HELD}, mine=only_mine)
)
