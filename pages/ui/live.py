"""Parts of a page that refresh by themselves, and only while something moves: idle pages ask for nothing."""

from collections.abc import Callable, Hashable

import streamlit as st

from backend.domain.errors import NotAllowed, StoreUnavailable
from backend.domain.states import ACTIVE_STATES
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from pages.ui import context, shell

#: Seconds between two looks while something moves; the running clocks need none.
TICK_S = 2.0


def draw_live(draw: Callable[[], None], *, watch: Callable[[], Hashable], moving: bool) -> None:
    """Draw a part of the page now, and again every `TICK_S` while something moves.

    watch: what the rest of the page (counts, buttons, whether anything still moves) depends on. When it
    changes the whole page is drawn anew, which also starts or stops the refreshing.
    """
    before, viewer = watch(), context.viewer()

    def _redraw() -> None:
        try:
            if _changed(viewer) or watch() != before:
                st.rerun()
            draw()
        except StoreUnavailable:  # the next tick may find it again
            shell.draw_database_away()

    st.fragment(_redraw, run_every=TICK_S if moving else None)()


def _changed(viewer: Viewer) -> bool:
    """Is this somebody else now, with other rights, or nobody? Then the whole page says so."""
    try:
        return context.viewer(anew=True) != viewer
    except NotAllowed:
        return True


def last_change(deps: Deps) -> Hashable:
    """Changes when a take is added or changes its state: counts and buttons are out of date then."""
    return gallery.last_change(deps, context.viewer())


def anything_moves(deps: Deps) -> bool:
    """Is any take on its way that whoever looks may see?"""
    return any(state in ACTIVE_STATES for state in gallery.count_open(deps, context.viewer()))
