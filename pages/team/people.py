"""People: who came, what they may do and why; everybody's tokens. For admins."""

import streamlit as st

from backend.domain.access.roles import Do
from backend.services.team import people_admin, tokens
from pages.ui import context, rights, text
from pages.ui.team import people_list, token_list

rights.draw_page_for(Do.MANAGE_PEOPLE)
deps, viewer = context.deps(), context.viewer()
left, right = st.columns([3, 2], gap="large")
with left:
    found = people_admin.list_people(deps, viewer)
    st.markdown(f"##### People · {len(found):,}")
    if found:
        people_list.draw_people(deps, viewer, found)
    else:
        st.info(
            "Nobody has signed in yet. Whoever does is listed here from then on."
            if deps.settings.has_logins
            else "Nobody signs in here: whoever reaches this machine is an admin. Once sign-in is set up "
            "(docs/operations.md, “Who comes”), people are listed here.",
            icon=":material/group:",
        )
    if deps.settings.login_roles:
        st.caption(f"Rules: {text.plain(deps.settings.login_roles)}")
with right, st.container(border=True, key="tokens"):
    everybodys = tokens.list_tokens(deps, viewer)
    st.markdown(f"##### Everybody's tokens · {len(everybodys):,}")
    token_list.draw_tokens(deps, everybodys)
    if not everybodys:
        st.caption("There are none yet.")
    st.page_link("team/account.py", label="Make one on My account", icon=":material/key:")
