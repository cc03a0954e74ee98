"""Parts of a page that follow what changes: told by push, and asked for again only while that is down."""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from backend.domain.errors import NotAllowed, StoreUnavailable
from backend.domain.states import ACTIVE_STATES, JobState
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.live.greeting import newest_move
from pages.ui import components, context, shell

#: While nothing is pushed, and something moves, seconds between two looks.
TICK_S = 2.0
#: A part is not drawn anew by itself sooner than this, in seconds.
AGAIN_LEAST_S = 5.0
_NOTICES, _DOWN = "live-notices", "live-down"


@dataclass(frozen=True)
class Drawn:
    """What a part of a page shows: takes, as cards. again_s: in so many seconds its words are out of date."""

    takes: Sequence[Mapping[str, object]]
    again_s: float | None = None


@dataclass(frozen=True)
class Others:
    """Takes that a part would show as well once they are in one of these states. mine: of one's own alone."""

    states: Collection[str]
    mine: bool


def draw_live(
    draw: Callable[[], Drawn],
    *,
    key: str,
    others: Others | None = None,
    watch: Callable[[], Hashable] | None = None,
) -> None:
    """Draw a part of the page now, and anew whenever something of the takes that it shows changes.

    Words and times of a take change in place, and nothing is drawn for that. others: it is also drawn anew
    for these, that it does not show yet. watch: what the rest of the page (buttons, downloads) depends on;
    when that has changed, the whole page is drawn.
    """
    before, viewer, down = watch and watch(), context.viewer(), is_down()

    def _redraw() -> None:
        try:
            if _changed(viewer) or (watch and watch() != before) or is_down() != down:
                st.rerun()
            at = newest_move(context.deps())
            drawn = draw()
            again_s = None if drawn.again_s is None else max(AGAIN_LEAST_S, drawn.again_s)
            more = {"states": sorted(others.states), "mine": others.mine} if others else None
            components.draw_watch(drawn.takes, at=at, others=more, again_s=again_s, key=key)
        except StoreUnavailable:  # the next tick may find it again
            shell.draw_database_away()

    polls = down and anything_moves(context.deps())
    st.fragment(_redraw, run_every=TICK_S if polls else None)()


def draw_coming(*, at: int) -> None:
    """On a page that shows no take: it is drawn anew as soon as there is another one. at: the newest move."""
    more = {"states": sorted(JobState), "mine": False}

    def _redraw() -> None:  # a part, which asks for nothing once the page was left
        if context.is_refreshing():
            st.rerun()
        components.draw_watch([], at=at, others=more, again_s=None, key="live-take-coming")

    st.fragment(_redraw)()


def draw_followed(mark: Callable[[], Hashable], *, seen: Hashable, key: str) -> None:
    """The page is drawn anew once this mark is another one; for what is about no take, so nothing is pushed.

    seen: it, before what it marks was read. It is asked for every `AGAIN_LEAST_S` while somebody looks at the
    tab, and once they look again.
    """
    viewer = context.viewer()

    def _redraw() -> None:
        try:
            if context.is_refreshing() and (_changed(viewer) or mark() != seen):
                st.rerun()
            at = newest_move(context.deps())
            components.draw_watch([], at=at, others=None, again_s=AGAIN_LEAST_S, key=key)
        except StoreUnavailable:  # the next look may find it again
            shell.draw_database_away()

    st.fragment(_redraw)()


def draw_polled(draw: Callable[[], None], *, watch: Callable[[], Hashable], moving: bool) -> None:
    """A part that is about no take, so that nothing is pushed for it: drawn every `TICK_S` while it moves.

    watch: what the rest of the page depends on; when it changes the whole page is drawn anew, which also
    starts or stops the refreshing.
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


def draw_notices(*, moving: int, way: tuple[str, str]) -> None:
    """On every page: the count in its title, notices of what has ended, and whether pushing works.

    way: (path, name) of the page of what is in progress, whose link in the side bar has the count.
    """
    told = st.session_state.get(_NOTICES)
    st.session_state[_DOWN] = bool(told and told.get("down"))
    at = newest_move(context.deps())
    with st.container(key="live"):
        components.draw_notices(at=at, moving=moving, way=way, down=is_down(), key=_NOTICES)


def is_down() -> bool:
    """Is nothing pushed to this page now?"""
    return bool(st.session_state.get(_DOWN))


def _changed(viewer: Viewer) -> bool:
    """Is this somebody else now, with other rights, or nobody? Then the whole page says so."""
    try:
        return context.viewer(anew=True) != viewer
    except NotAllowed:
        return True


def anything_moves(deps: Deps) -> bool:
    """Is any take on its way that whoever looks may see?"""
    return any(state in ACTIVE_STATES for state in gallery.count_open(deps, context.viewer()))
