"""What a take was made from, and what it led to: small posters, each with how."""

from collections.abc import Sequence

import streamlit as st

from backend.domain.library.review import OriginHow, short_id
from backend.models import Job
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery.lineage import get_lineage
from backend.services.gallery.takes import Take
from pages.ui import context
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
