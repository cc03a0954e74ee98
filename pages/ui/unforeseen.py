"""What people see of an error that nobody foresaw: one sentence, never a traceback."""

import streamlit as st

from backend.logs import log_unforeseen
from backend.services.team.visitors import NoRole, SessionEnded
from pages.ui import shell, text


def show_error(error: Exception) -> bool:
    """Log the error and say so where the page, or a button's callback, broke off.

    Streamlit calls this for whatever leaves a script, a fragment or a callback, `st.stop` and `st.rerun`
    aside; True: it shows nothing of its own.
    """
    if isinstance(error, SessionEnded | NoRole):  # somebody pressed a button of a page that was left open
        shell.draw_way_in(error)
        return True
    st.error(text.plain(log_unforeseen("a page failed", error)), icon=":material/bug_report:")
    return True
