"""Models: everything that the providers offer, what it costs, how long it takes, and what can't be used."""

import streamlit as st

from pages.ui import context, live
from pages.ui.operate import models_table, price_editor

deps, viewer = context.deps(), context.viewer()

live.draw_polled(
    lambda: models_table.draw_head(deps, viewer),
    watch=lambda: models_table.last_change(deps),
    moving=models_table.is_refreshing(deps),
)
above = st.container()  # for the price of a model that no row below shows
model_filter = models_table.draw_filters(deps)
found = models_table.find_models(deps, model_filter)
drawn = models_table.draw_rows(deps, viewer, found)
if not found:
    models_table.draw_empty()
if price_editor.edited_model() not in drawn:
    with above:
        price_editor.draw_editor(deps, viewer)
st.caption(
    "Prices are those of the provider's pages and list, from a model's cheapest take to its dearest; what a "
    "take comes to stands on its button. How long one takes is learnt from your takes of the last 30 days."
)
