"""What whoever looks may not do is not offered, and one sentence says who may, and whom to ask."""

import streamlit as st

from backend.domain.access.roles import LEAST, Do
from backend.services.access import Viewer
from backend.services.team import people_admin
from pages.ui import context, text

#: Whom to ask is looked up this often at the most, in seconds.
ADMINS_EVERY_S = 30
#: So many admins are named.
NAMED = 3


def needed_words(viewer: Viewer, do: Do) -> str:
    """One sentence: which role is needed for it, and whom to ask."""
    return f"To {do}, the role {LEAST[do]} is needed; you are a {viewer.role}: ask {_whom()}."


def draw_needed(viewer: Viewer, do: Do) -> None:
    """The sentence in the place of buttons; nothing for whoever may do it."""
    if not viewer.may(do):
        st.caption(f":material/lock: {text.plain(needed_words(viewer, do))}")


def draw_page_for(do: Do) -> None:
    """At the top of a page: it goes on for who may do this, and says one sentence to everybody else."""
    viewer = context.viewer()
    if not viewer.may(do):
        st.info(text.plain(needed_words(viewer, do)), icon=":material/lock:")
        st.stop()


@st.cache_data(ttl=ADMINS_EVERY_S, show_spinner=False)
def _whom() -> str:
    names = people_admin.admin_names(context.deps())[:NAMED]
    return f"an admin ({', '.join(names)})" if names else "an admin"
