"""Compare: two to six takes in one player, on one clock; the address names them, so that it can be shared."""

import streamlit as st

from backend.domain.errors import NotFound
from backend.services.gallery import takes as gallery
from backend.services.gallery.takes import Take
from backend.services.library import openings
from pages.ui import components, context, text
from pages.ui.library import wall
from pages.ui.takes import cards

#: More are too small to be judged.
TAKES_MIN, TAKES_MAX = 2, 6

deps, viewer = context.deps(), context.viewer()
parts = ",".join(st.query_params.get_all("takes")).split(",")
asked = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
found: list[Take] = []
unknown: list[str] = []
for take_id in asked[:TAKES_MAX]:
    try:
        found.append(gallery.get_take(deps, viewer, take_id))
    except NotFound:
        unknown.append(take_id)

st.page_link(cards.GALLERY, label="Back to the gallery", icon=":material/arrow_back:")
if len(asked) > TAKES_MAX:
    st.info(
        f"The address names {len(asked)} takes; six at most are compared, so these are the first six.",
        icon=":material/filter_6:",
    )
if unknown:
    names = ", ".join(text.shorten(one, 40) for one in unknown)
    st.info(
        f"Not there, or not yours to see: {text.plain(names)}. The address may be cut off or out of date.",
        icon=":material/search_off:",
    )
if len(found) < TAKES_MIN:
    st.info(
        "Two takes at least are needed. Select two to six in the gallery and compare them there.",
        icon=":material/compare:",
    )
    st.stop()
if unopened := [take.job.id for take in found if take.job.opened_at is None]:
    openings.note_opened(deps, viewer, unopened)
shown = cards.cards_of(found)
components.draw_compare([shown[take.job.id] for take in found], wall.who_looks(viewer), key="compare")
