"""Models: everything that the providers offer, what it costs, how long it takes, and what can't be used."""

import streamlit as st

from pages.ui import context, live, offers

deps, viewer = context.deps(), context.viewer()

live.live(
    lambda: offers.standing(deps, viewer),
    watch=lambda: offers.pulse(deps),
    moving=offers.is_refreshing(deps),
)
wanted = offers.filters(deps)
found = offers.listed(deps, wanted)
if found:
    offers.rows(deps, found)
else:
    offers.nothing()
st.caption(
    "Prices are the provider's own, a unit each; what a take comes to stands beside its button. How long a "
    "model takes is learnt from your own takes of the last 30 days."
)
