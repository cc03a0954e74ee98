"""Gallery: every take, newest first; found by state, model, person and words; all of it in the URL."""

import streamlit as st

from backend.services.gallery import takes as gallery
from pages.ui import components, context, live
from pages.ui.library import wall
from pages.ui.takes import cards, filters

deps, viewer = context.deps(), context.viewer()
take_filter = filters.draw_filters(deps, viewer)
before = st.query_params.get("before")
page = gallery.list_takes(deps, viewer, take_filter, cursor=before)


def draw_wall() -> None:
    takes = gallery.list_takes(deps, viewer, take_filter, cursor=before)
    about = wall.wall_data(viewer, take_filter, takes, at=before)
    opened = components.draw_wall(about, key="wall")
    if opened:
        st.switch_page(cards.DETAIL, query_params={"take": opened})


filters.draw_newer_pill(deps, viewer, take_filter, page.items, before=before)
if page.items:
    live.draw_live(draw_wall, watch=lambda: live.last_change(deps), moving=live.anything_moves(deps))
    filters.draw_pager(deps, viewer, take_filter, page, before=before)
else:
    filters.draw_empty(viewer, take_filter, before=before)
