"""Gallery: every take, found by anything that is known of it, on one wall; all of it in the address."""

import streamlit as st

from backend.services.gallery import takes as gallery
from backend.services.live.greeting import newest_move
from pages.ui import components, context, live
from pages.ui.library import address, empty, filter_bar, wall
from pages.ui.takes import cards

deps, viewer = context.deps(), context.viewer()
asked = address.read_address(deps, viewer)
filter_bar.draw_bar(deps, viewer, asked)
newest = newest_move(deps)
page = gallery.list_takes(deps, viewer, asked.wanted, limit=wall.FIRST_TAKES)
if page.items:
    opened = components.draw_wall(wall.wall_data(viewer, asked, page, newest_move=newest), key="wall")
    if opened:
        st.switch_page(cards.DETAIL, query_params={"take": opened})
else:
    empty.draw_empty(viewer, asked)
    live.draw_coming(at=newest)
