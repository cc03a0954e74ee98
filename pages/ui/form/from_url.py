"""`/?model=<id>` and `/?from=<take>&parts=prompt,look`: the form opens with what was chosen elsewhere."""

import streamlit as st

from backend.domain.errors import NotFound
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.takes.remake.parts import Part, take_parts
from backend.services.takes.request import parse_request
from pages.ui import context, text
from pages.ui.form import draft, model_picker
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


def fill_from_url(deps: Deps, viewer: Viewer) -> None:
    """Fill the form with the take that the address names, or with parts of it, once; it can be undone."""
    take_id, named = st.query_params.pop("from", None), st.query_params.pop("parts", None)
    if not take_id:
        return
    try:
        job = gallery.get_take(deps, viewer, take_id).job
    except NotFound as error:
        st.warning(text.plain(error), icon=":material/search_off:")
        return
    parts = _parts(named)
    held = dict(draft.held_request().body)
    held["model"] = st.session_state.get(MODEL) or held.get("model") or model_picker.usual_model(deps, viewer)
    request, left_out = take_parts(deps, parse_request(held), job, parts)
    left_out += draft.fill(deps, request) if parts else []
    for words in dict.fromkeys(left_out):
        context.notify(f"Not taken over: {text.plain(words)}", ":material/info:")
    context.show_notices()


def _parts(named: str | None) -> list[Part]:
    """The parts that the address names; whatever is none is said to be none."""
    if named is None:
        return [Part.EVERYTHING]
    words = [word.strip() for word in named.split(",") if word.strip()]
    for word in words:
        if word not in list(Part):
            known = ", ".join(Part)
            message = f"{text.plain(word[:40])} is no part of a take; there are {known}"
            context.notify(message, ":material/help:")
    return [Part(word) for word in words if word in list(Part)]
