"""`/?model=<id>`: the form opens with a model that was chosen elsewhere."""

import streamlit as st

from backend.services.deps import Deps
from pages.ui import context, text
from pages.ui.form.prefill import MODEL


def choose_from_url(deps: Deps) -> None:
    """Choose the model that the address names, once: whatever is picked later stays picked."""
    model_id = st.query_params.pop("model", None)
    if not model_id:
        return
    try:
        model = deps.catalogue.get(model_id)
    except KeyError:
        context.notify(f"{text.plain(model_id[:80])} is not on offer", ":material/search_off:")
    else:
        if model.usable:
            st.session_state[MODEL] = model_id
            return
        message = f"{text.plain(model.title)} can't be used: {text.plain(model.reason)}"
        context.notify(message, ":material/block:")
    context.show_notices()
