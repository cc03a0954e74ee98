"""What people see of an error that nobody foresaw: one sentence, never a traceback."""

import streamlit as st

from backend.logs import log_unforeseen
from pages.ui import text


def show_error(error: Exception) -> bool:
    """Log the error and say so where the page, or a button's callback, broke off.

    Streamlit calls this for whatever leaves a script, a fragment or a callback, `st.stop` and `st.rerun`
    aside; True: it shows nothing of its own.
    """
    st.error(text.plain(log_unforeseen("a page failed", error)), icon=":material/bug_report:")
    return True
