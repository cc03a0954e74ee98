"""What a take was made from, and what it led to: small posters, each with how."""

from collections.abc import Sequence

import streamlit as st

from backend.domain.library.review import OriginHow, short_id
from backend.domain.states import JobState
from backend.models import Job
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery.lineage import get_lineage
from backend.services.gallery.takes import Take
from backend.services.takes.remake.place import PlaceState, find_place
from pages.ui import context, text
from pages.ui.takes import cards

#: How wide a poster is shown, in pixels.
WIDE = 120
#: how -> what stands at the take that this one was made from, and at the one that was made from it
WORDS: dict[OriginHow, tuple[str, str]] = {
    OriginHow.FRAME: ("Starts from", "Went on as"),
    OriginHow.RETRY: ("Retry of", "Retried as"),
    OriginHow.PROMOTED: ("Promoted from", "Promoted to"),
    OriginHow.VARIED: ("Variation of", "Varied as"),
    OriginHow.RERUN: ("Rerun of", "Rerun as"),
}

#: Where an experiment's page is, as the kit finds it.
EXPERIMENT = "library/experiment.py"
#: state of its place -> what comes of a retry
RETRIED: dict[PlaceState, str] = {
    PlaceState.OPEN: "A retry stands in its place there, and counts in its cap.",
    PlaceState.FILLED: "Another take was asked for in its place there; a retry from here stands alone.",
    PlaceState.DROPPED: "Its combination was dropped there; a retry from here stands alone.",
    PlaceState.CLOSED: "It is closed: a retry from here stands alone, and is not judged there.",
}


def draw_place(deps: Deps, viewer: Viewer, job: Job) -> None:
    """The experiment that it was made for, and what comes of a retry; nothing for a take of none."""
    place = find_place(deps, viewer, job.id)
    if place is None:
        return
    with st.container(key="take-place", gap="xxsmall"):
        st.page_link(
            EXPERIMENT, label=f"Of the experiment **{text.plain(place.name)}**", icon=":material/science:",
            query_params={"id": place.experiment_id, "step": "run"},
        )  # fmt: skip
        if job.state in (JobState.FAILED, JobState.HELD):
            st.caption(RETRIED[place.state])


def draw_lineage(deps: Deps, viewer: Viewer, job: Job) -> None:
    """Made from · Led to; nothing for a take that stands alone."""
    found = get_lineage(deps, viewer, job.id)
    for title, others, side in (("Made from", found.made_from, 0), ("Led to", found.led_to, 1)):
        if others:
            _row(title, [(take, WORDS[how][side]) for take, how in others])


def _row(title: str, others: Sequence[tuple[Take, str]]) -> None:
    name = title.lower().replace(" ", "-")
    st.caption(title)
    row = st.container(key=name, horizontal=True, gap="small")
    for place, (take, words) in enumerate(others):
        short = short_id(take.job.id)
        with row.container(key=f"{name}-{place}", width=WIDE + 60, gap="xxsmall"):
            if take.video is not None and take.video.poster_key and take.video.missing_at is None:
                st.image(context.kit_media_link(take.video.poster_key), alt=f"Take {short}", width=WIDE)
            st.page_link(
                cards.DETAIL, label=f"{words} …{short}", icon=":material/link:",
                query_params={"take": take.job.id},
            )  # fmt: skip
