"""The line over the wall: search, filters, saved views, order and size; below it what is filtered by now."""

import streamlit as st

from backend.services.access import Viewer
from backend.services.deps import Deps
from pages.ui.library import chips, fields, groups, views
from pages.ui.library.address import Asked


def draw_bar(deps: Deps, viewer: Viewer, asked: Asked) -> None:
    """Draw all of it, as the address asks for it."""
    fields.show(asked)
    choices = fields.load_choices(deps, viewer, asked)
    with st.container(key="filters", gap="small"):
        with st.container(key="find-line", horizontal=True, vertical_alignment="center"):
            fields.draw_search()
            with st.container(key="find-tools", horizontal=True, vertical_alignment="center"):
                with st.popover("Filters", icon=":material/tune:", key="all-filters"):
                    fields.draw_all(choices)
                views.draw_views(deps, viewer, asked)
                groups.draw_groups(deps, viewer)
                fields.draw_sort()
                fields.draw_size()
        with st.container(key="quick-line", horizontal=True, vertical_alignment="center"):
            fields.draw_quick(viewer)
            fields.draw_blind()
        chips.draw_chips(asked, choices)
    chips.draw_ignored(asked)
