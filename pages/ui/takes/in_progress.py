"""Beside the form: what to expect, and the takes that are in progress or were just made."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from backend.catalogue.models import VideoModel
from backend.domain.access.roles import Do
from backend.domain.states import ACTIVE_STATES, ENDED_STATES, JobState
from backend.domain.take_filter import TakeFilter
from backend.models import Job
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.gallery.durations import usual_time
from backend.services.gallery.takes import Take
from pages.ui import context, live, rights, text
from pages.ui.takes import actions, cards, files

#: At most so many takes stand beside the form; the gallery has them all.
SHOWN = 6
_MADE = "made"


def draw_expected_time(deps: Deps, model: VideoModel, params: Mapping[str, Any] | None = None) -> None:
    """How long it will usually render, of the length that is asked for."""
    usual = usual_time(deps, model.id, params)
    words = f"usually {usual.range_words}" if usual else "No timing yet"
    learnt = "" if usual is None or usual.learnt else " (estimate)"
    st.caption(f":material/timer: {words}{learnt}")


def remember_takes(jobs: Sequence[Job]) -> None:
    """These takes were made here: they stay in sight after they ended."""
    fresh = [job.id for job in jobs]
    made = [known for known in st.session_state.get(_MADE, []) if known not in fresh]
    st.session_state[_MADE] = [*fresh, *made][:SHOWN]


def draw_only_looking(deps: Deps, viewer: Viewer) -> None:
    """In the place of the form, for who may not start takes: what they may do, and what is in progress."""
    st.info(text.plain(rights.needed_words(viewer, Do.START)), icon=":material/lock:")
    st.markdown("You can look at every take, search and download them, see what they cost, and the models.")
    st.page_link(cards.GALLERY, label="See the takes", icon=":material/grid_view:")
    others = live.Others(ACTIVE_STATES, mine=False)
    live.draw_live(lambda: draw_takes(deps, viewer, mine=False), key="live-takes", others=others)


def draw_takes(deps: Deps, viewer: Viewer, *, mine: bool) -> live.Drawn:
    """The takes in progress, all or this person's, and those just made here, newest first."""
    context.show_notices()
    takes = _takes(deps, viewer, mine=mine)
    shown = cards.cards_of(takes)
    for take in takes:
        with st.container(border=True, key=f"take-{take.job.id}", gap="small"):
            cards.draw_status(shown[take.job.id])
            if take.job.state == JobState.STORED:
                files.draw_main_file(take, compact=True)
            if take.job.state in ENDED_STATES | {JobState.HELD}:
                cards.draw_trouble(take.job)
            with st.container(horizontal=True, key=f"do-{take.job.id}"):
                if st.button("Open", key=f"open-made-{take.job.id}", icon=":material/open_in_full:"):
                    st.switch_page(cards.DETAIL, query_params={"take": take.job.id})
                actions.draw_decisions(take)
            if take.job.state == JobState.HELD and viewer.may_change(take.job.owner):
                st.caption(actions.TWICE)
    return live.Drawn(list(shown.values()))


def _takes(deps: Deps, viewer: Viewer, *, mine: bool) -> Sequence[Take]:
    wanted = TakeFilter(owners=viewer.owner_names if mine else None, states=ACTIVE_STATES)
    found = {take.job.id: take for take in gallery.list_takes(deps, viewer, wanted, limit=SHOWN).items}
    for job_id in st.session_state.get(_MADE, []):
        found.setdefault(job_id, gallery.get_take(deps, viewer, job_id))
    return sorted(found.values(), key=lambda take: take.job.id, reverse=True)[:SHOWN]
