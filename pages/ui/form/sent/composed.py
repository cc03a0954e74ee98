"""The prompts and the request as they are sent, to be read before anything is paid."""

from collections.abc import Sequence

import streamlit as st

from backend.catalogue.models import VideoModel
from backend.domain.errors import InvalidRequest
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.prompting.vocabulary import ComposedPrompt, current_vocabulary
from backend.services.takes.check_request import check_request
from backend.services.takes.request import TakeRequest
from pages.ui import text
from pages.ui.form import style_picker

NOTHING_YET = "Write a prompt, or choose a style."
#: More than the two lines of a phone hold.
LINE_MAX_CHARS = 160


def draw_composed(deps: Deps, model: VideoModel, requests: Sequence[TakeRequest]) -> None:
    """Each prompt as it is sent, which words came from where, and what was taken out of pasted texts."""
    for note in requests[0].notes if requests else ():
        st.caption(f":material/cleaning_services: {note}")
    now, made = current_vocabulary(deps), list[ComposedPrompt]()
    try:
        made = [
            now.compose_prompt(asked.prompt, asked.style, asked.template, asked.variables)
            for asked in requests
        ]
    except InvalidRequest as error:
        st.caption(f":red[:material/error: {text.plain(error)}]")
        return
    for number, one in enumerate(made, 1):
        if len(made) > 1:
            st.caption(f"{number} of {len(made)}")
        st.code(one.text or NOTHING_YET, language=None, wrap_lines=True)
    if not made:
        return
    longest = max(len(one.text) for one in made)
    if model.prompt_field is not None and longest:
        st.caption(f"{longest:,} of {model.prompt_max_chars:,} characters")
    if made[0].parts:
        from_where = " · ".join(
            f":material/{style_picker.ICONS[part.axis]}: {text.plain(part.label or 'custom')}"
            for part in made[0].parts
        )
        st.caption(f"{from_where} · template {made[0].template_version}")


def draw_line(deps: Deps, requests: Sequence[TakeRequest]) -> None:
    """On a phone, the beginning of the first prompt as it is sent, above the button that sends it."""
    if not requests:
        return
    try:
        asked = requests[0]
        made = current_vocabulary(deps).compose_prompt(
            asked.prompt, asked.style, asked.template, asked.variables
        )
    except InvalidRequest:
        return  # what is wrong stands where all of it is shown
    if made.text:
        with st.container(key="sent-line"):
            st.text(" ".join(made.text[:LINE_MAX_CHARS].split()))


def draw_payload(deps: Deps, viewer: Viewer, model: VideoModel, request: TakeRequest | None) -> None:
    """Exactly what is posted, of the first prompt."""
    with st.expander("Request (JSON)", icon=":material/data_object:", key="payload"):
        if request is None:
            st.caption("Nothing can be sent yet; see to the prompt first.")
            return
        try:
            checked = check_request(deps, viewer, request)
        except InvalidRequest as error:
            names = ", ".join(name.split(".")[-1] for name in error.fields)
            st.caption(f"Nothing can be sent yet; see to {text.plain(names)} first.")
            return
        st.caption(f"Input of {text.plain(model.id)}")
        st.json(checked.shown_payload())
