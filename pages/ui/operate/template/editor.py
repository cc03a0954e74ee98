"""The prompt template as people edit it: its text and variables, what it makes of a sample, its versions."""

from collections.abc import Sequence

import streamlit as st

from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest
from backend.domain.prompt import AXES
from backend.services.prompting import vocabulary_admin
from backend.services.prompting.template_variables import Variable, list_variables
from backend.services.prompting.vocabulary import current_vocabulary
from pages.ui import context, text
from pages.ui.operate.template import variables, versions

_TEXT, _NOTE, _SAMPLE, _SHOWN = "template:text", "template:note", "template:sample", "template:version"
_HELP = (
    "Jinja2. There are `prompt`; `movement`, `fabric`, `camera` and `aesthetic` (their words, or nothing); "
    "and `style`, a list to loop over: `{% for part in style %}{{ part.axis }} {{ part.words }} "
    "{{ part.label }}{% endfor %}`. Any other name is a variable: `{{ garment }}`."
)


def draw_editor() -> None:
    """The editor with its live sample, then the versions; without the editor for who may not draft."""
    found = vocabulary_admin.list_templates(context.deps())
    newest = found[0]
    declared = list_variables(newest.variables)
    if not context.viewer().may(Do.DRAFT_TEMPLATE):
        sample = st.text_input("Try it with", "A red dress in the wind", key=_SAMPLE)
        _sample(newest.text, declared, sample)
        versions.draw_versions(found)
        return
    if st.session_state.get(_SHOWN) != newest.version or _TEXT not in st.session_state:  # or it was left
        st.session_state[_SHOWN], st.session_state[_TEXT] = newest.version, newest.text
        variables.show_declared(declared)
    written = st.text_area("Template", key=_TEXT, height=190, help=_HELP)
    asked = variables.declare(written)
    sample = st.text_input("Try it with", "A red dress in the wind", key=_SAMPLE)
    fits = _sample(written, asked, sample)
    changed = written != newest.text or variables.differ(asked, declared)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Change note", key=_NOTE, max_chars=vocabulary_admin.NOTE_MAX_CHARS)
        st.button(
            f"Save as draft {newest.version + 1}", key="template-save", type="primary",
            icon=":material/save:", disabled=not (fits and changed), on_click=_save, args=(asked,),
        )  # fmt: skip
    if not context.viewer().may(Do.EDIT_WORDS):
        st.caption("A draft is used where somebody chooses it in the form or in an experiment.")
    versions.draw_versions(found)


def _sample(written: str, asked: Sequence[Variable], sample: str) -> bool:
    """What the template makes of a prompt with the first word of each axis, and of the prompt alone."""
    words = current_vocabulary(context.deps())
    styled = {axis: labels[0] for axis in AXES if (labels := words.list_labels(axis))}
    try:
        for chosen in (styled, {}):
            made = vocabulary_admin.preview_template(context.deps(), written, sample, chosen, asked)
            st.caption(
                "With " + ", ".join(text.plain(label) for label in chosen.values()) if chosen else "Alone"
            )
            st.code(made.text or " ", language=None, wrap_lines=True)
    except InvalidRequest as error:
        for name, fault in error.fields.items():
            said = "The template" if name == "template" else f"The variable {name.removeprefix('variables.')}"
            st.error(text.plain(f"{said} {fault}."), icon=":material/error:")
        return False
    return True


def _save(asked: Sequence[Variable]) -> None:
    state = st.session_state
    with context.errors_as_notices():
        written, note = state[_TEXT], state[_NOTE] or ""
        row = vocabulary_admin.save_template(
            context.deps(), context.viewer(), written, note=note, variables=asked
        )
        context.notify_cleaned(written, note)
        state[_NOTE] = ""
        context.notify(
            f"Draft {row.version} is kept. Takes are made as before until it is promoted.", ":material/save:"
        )
