"""The gallery's filters and pages, kept in the URL, so that what is looked at can be shared."""

from collections.abc import Sequence

import streamlit as st

from backend.domain.access.roles import Do
from backend.domain.states import ACTIVE_STATES, JobState
from backend.domain.take_filter import TakeFilter
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.gallery.takes import Take, TakePage
from pages.ui import context, mine
from pages.ui.takes import cards

#: What people look for by state: word -> the states it means. The words stand in the URL as they are.
GROUPS: dict[str, frozenset[JobState]] = {
    "moving": ACTIVE_STATES,
    "ready": frozenset({JobState.STORED}),
    "held": frozenset({JobState.HELD}),
    "failed": frozenset({JobState.FAILED}),
    "stopped": frozenset({JobState.CANCELLED}),
}
#: The newest take that was seen on the first page: later ones are new.
_TOP = "gallery_top"
_KEYS = ("q", "state", "model", "person", mine.KEY)


#: What each holds when nothing is asked for; None: the others.
_EMPTY: dict[str, object] = {"q": "", "state": [], mine.KEY: False}


def draw_filters(deps: Deps, viewer: Viewer) -> TakeFilter:
    """Draw the filters in one line; returns what they ask for."""
    with st.container(key="filters", horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Search prompts", key="q", type="search", placeholder="Search prompts", icon=":material/search:",
            label_visibility="collapsed", width=240, bind="query-params", on_change=_to_first_page,
        )  # fmt: skip
        groups = st.pills(
            "State", list(GROUPS), key="state", selection_mode="multi", label_visibility="collapsed",
            bind="query-params", on_change=_to_first_page,
        )  # fmt: skip
        model = st.selectbox(
            "Model", gallery.list_used_models(deps, viewer), key="model", index=None, placeholder="Any model",
            format_func=context.model_title, label_visibility="collapsed", width=210, bind="query-params",
            on_change=_to_first_page,
        )  # fmt: skip
        only_mine = mine.draw_mine(viewer, on_change=_to_first_page) and viewer.sees_all
        person = st.selectbox(
            "Person", gallery.list_owners(deps, viewer), key="person", index=None, placeholder="Anybody",
            label_visibility="collapsed", width=150, bind="query-params", on_change=_to_first_page,
            disabled=only_mine,
        )  # fmt: skip
        if words or groups or model or person or only_mine:
            st.button(
                "Clear all", key="clear-filters", icon=":material/close:", type="tertiary", on_click=_clear
            )
    states = frozenset().union(*(GROUPS[word] for word in groups)) if groups else None
    owners = viewer.owner_names if only_mine else (person,) if person else None
    return TakeFilter(owners=owners, states=states, model=model, text=(words or "").strip() or None)


def draw_newer_pill(
    deps: Deps, viewer: Viewer, take_filter: TakeFilter, shown: Sequence[Take], *, before: str | None
) -> None:
    """On a later page: how many takes have come since the first page was seen, instead of a jump."""
    if not before:
        st.session_state[_TOP] = shown[0].job.id if shown else ""
        return
    top = st.session_state.setdefault(_TOP, deps.clock.new_id())
    number = gallery.count_newer(deps, viewer, take_filter, than=top)
    if number:
        st.button(
            f"{number}{'+' if number == 100 else ''} new", key="new-takes", icon=":material/arrow_upward:",
            type="primary", on_click=_to_first_page,
        )  # fmt: skip


def draw_pager(
    deps: Deps, viewer: Viewer, take_filter: TakeFilter, page: TakePage, *, before: str | None
) -> None:
    """Newer and older pages, by keyset: a page costs the same however many there are."""
    if not before and not page.next_cursor:
        return
    with st.container(key="pager", horizontal=True, horizontal_alignment="center"):
        newer = (
            gallery.newer_cursor(deps, viewer, take_filter, than=page.items[0].job.id)
            if before and page.items
            else None
        )
        st.button(
            "Newer",
            key="newer",
            icon=":material/chevron_left:",
            disabled=not before,
            on_click=_to_page,
            args=(newer,),
        )
        st.button(
            "Older", key="older", icon=":material/chevron_right:", icon_position="right",
            disabled=page.next_cursor is None, on_click=_to_page, args=(page.next_cursor,),
        )  # fmt: skip


def draw_empty(viewer: Viewer, take_filter: TakeFilter, *, before: str | None) -> None:
    """Say why there is nothing to see, and what to do."""
    with st.container(key="empty", horizontal_alignment="center", border=True, gap="small"):
        st.space("small")
        if before:
            st.markdown("#### Nothing older", text_alignment="center")
            st.button(
                "Back to the newest", key="first-page", icon=":material/first_page:", on_click=_to_first_page
            )
        elif take_filter != TakeFilter():
            st.markdown("#### Nothing matches", text_alignment="center")
            st.button("Clear filters", key="clear-empty", icon=":material/close:", on_click=_clear)
        else:
            st.markdown("#### No takes yet", text_alignment="center")
            st.markdown(
                "Takes show here as soon as they are asked for, and stay.",
                text_alignment="center",
                width="content",
            )
            if viewer.may(Do.START) and st.button(
                "Generate your first", key="first-take", type="primary", icon=":material/auto_awesome_motion:"
            ):
                st.switch_page(cards.GENERATE)
        st.space("small")


def _to_first_page() -> None:
    _to_page(None)


def _to_page(cursor: str | None) -> None:
    if cursor:
        st.query_params["before"] = cursor
    else:
        st.query_params.pop("before", None)


def _clear() -> None:
    for key in _KEYS:
        st.session_state[key] = _EMPTY.get(key)
    _to_first_page()
