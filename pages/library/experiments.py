"""Experiments: which prompt is better, each with its state, what it spent, and its verdict in words."""

import streamlit as st

from backend.domain.access.roles import Do
from backend.services.experiments import view
from pages.ui import context, rights
from pages.ui.experiments import listing, steps
from pages.ui.experiments.told import told

deps, viewer = context.deps(), context.viewer()
may_plan = viewer.may(Do.EXPERIMENT)
cursor = st.query_params.get("before")
page = view.list_experiments(deps, viewer, limit=listing.PAGE_SIZE, cursor=cursor)
if not page.items and cursor is None:
    listing.draw_empty(may_plan=may_plan)
    rights.draw_needed(viewer, Do.EXPERIMENT)
    st.stop()
if may_plan:
    if st.button("Plan an experiment", key="new-experiment", type="primary", icon=":material/science:"):
        st.switch_page(steps.ONE)
else:
    rights.draw_needed(viewer, Do.EXPERIMENT)
st.caption(f":material/info: {listing.WHY_SEVERAL}.")
listing.draw_list([told(deps, viewer, one) for one in page.items])
if page.next_cursor:
    st.page_link(steps.LIST, label="Older ones", query_params={"before": page.next_cursor})
