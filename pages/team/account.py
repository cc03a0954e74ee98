"""My account: who one is, where one is signed in, and the tokens of one's programs."""

import streamlit as st

from backend.services.team import tokens
from pages.ui import context
from pages.ui.team import myself, token_form, token_list

deps, viewer = context.deps(), context.viewer()
left, right = st.columns([2, 3], gap="large")
with left:
    myself.draw_myself(deps, viewer)
    myself.draw_sessions(deps, viewer)
with right, st.container(border=True, key="tokens"):
    st.markdown("##### Tokens of your programs")
    st.caption(
        "A token opens the HTTP API. One of yours acts as you: it can never do more than you may, and its "
        "takes are yours."
        if viewer.person_id
        else "A token opens the HTTP API. Takes that are made with it are filed under its name."
    )
    token_form.draw_token_form(deps, viewer)
    mine = [one for one in tokens.list_tokens(deps, viewer) if tokens.is_mine(viewer, one)]
    token_list.draw_tokens(deps, mine)
    if not mine:
        st.caption("There are none yet.")
