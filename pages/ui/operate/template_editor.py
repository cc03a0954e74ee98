"""The prompt template as people edit it: its text, what it makes of a sample, and its versions."""

from collections.abc import Sequence
from difflib import ndiff

import streamlit as st

from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest
from backend.domain.prompt import AXES
from backend.models import Template
from backend.services.prompting import vocabulary_admin
from backend.services.prompting.vocabulary import current_vocabulary
from pages.ui import context, text

_TEXT, _NOTE, _SAMPLE, _SHOWN = "template:text", "template:note", "template:sample", "template:version"
_HELP = (
    "Jinja2. There are `prompt`; `movement`, `fabric`, `camera` and `aesthetic` (their words, or nothing); "
    "and `style`, a list to loop over: `{% for part in style %}{{ part.axis }} {{ part.words }} "
    "{{ part.label }}{% endfor %}`."
)


def draw_editor() -> None:
    """The editor with its live sample, then the versions; without the editor for who may not edit."""
    versions = vocabulary_admin.list_templates(context.deps())
    if not context.viewer().may(Do.EDIT_WORDS):
        _sample(versions[0].text, st.text_input("Try it with", "A red dress in the wind", key=_SAMPLE))
        _versions(versions, may=False)
        return
    if st.session_state.get(_SHOWN) != versions[0].version:
        st.session_state[_SHOWN], st.session_state[_TEXT] = versions[0].version, versions[0].text
    written = st.text_area("Template", key=_TEXT, height=190, help=_HELP)
    sample = st.text_input("Try it with", "A red dress in the wind", key=_SAMPLE)
    fits = _sample(written, sample)
    changed = written != versions[0].text
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Change note", key=_NOTE, max_chars=vocabulary_admin.NOTE_MAX_CHARS)
        st.button(
            f"Save as draft {versions[0].version + 1}", key="template-save", type="primary",
            icon=":material/save:", disabled=not (fits and changed), on_click=_save,
        )  # fmt: skip
    _versions(versions, may=True)


def _sample(written: str, sample: str) -> bool:
    """What the template makes of a prompt with the first word of each axis, and of the prompt alone."""
    words = current_vocabulary(context.deps())
    styled = {axis: labels[0] for axis in AXES if (labels := words.list_labels(axis))}
    try:
        for chosen in (styled, {}):
            made = vocabulary_admin.preview_template(context.deps(), written, sample, chosen)
            st.caption(
                "With " + ", ".join(text.plain(label) for label in chosen.values()) if chosen else "Alone"
            )
            st.code(made.text or " ", language=None, wrap_lines=True)
    except InvalidRequest as error:
        st.error(text.plain(f"The template {error.fields['template']}."), icon=":material/error:")
        return False
    return True


def _versions(versions: Sequence[Template], *, may: bool) -> None:
    """Every version, and of each but the one in production what it would change."""
    used, uses = current_vocabulary(context.deps()).template, vocabulary_admin.list_uses(context.deps())
    with st.expander(f"Versions · {len(versions)}", icon=":material/history:", key="template-versions"):
        now = context.deps().clock.now()
        for row in versions:
            with st.container(horizontal=True, vertical_alignment="center", key=f"version-{row.version}"):
                note = f" · {text.plain(row.note)}" if row.note else ""
                used_by = uses.get(row.version, vocabulary_admin.Uses(0, 0)).words()
                st.markdown(
                    f"**{row.version}** · {text.plain(row.by)}, {text.since(now, row.at)}{note} · {used_by}"
                )
                if row.version == used.version:
                    st.badge("Production", icon=":material/check:", color="green")
                else:
                    st.badge("Draft" if row.version > used.version else "Earlier", color="gray")
                    if may:
                        st.button(
                            "Use in production", key=f"promote-template-{row.version}",
                            icon=":material/publish:", type="tertiary", on_click=_promote,
                            args=(row.version,),
                        )  # fmt: skip
            if row.version == used.version:
                st.code(row.text, language="jinja2", wrap_lines=True)
            else:
                _draw_changes(used, row)


def _draw_changes(used: Template, other: Template) -> None:
    """The one in production and another one, side by side; lines that only one of them has are marked."""
    left, right = st.columns(2)
    lines = [line for line in ndiff(used.text.splitlines(), other.text.splitlines()) if line[0] != "?"]
    for column, title, without in (
        (left, f"Production · {used.version}", "+"),
        (right, f"Version {other.version}", "-"),
    ):
        with column:
            st.caption(title)
            shown = "\n".join(line for line in lines if line[0] != without)
            st.code(shown, language="diff", wrap_lines=True)


def _save() -> None:
    state = st.session_state
    with context.errors_as_notices():
        written, note = state[_TEXT], state[_NOTE] or ""
        row = vocabulary_admin.save_template(context.deps(), context.viewer(), written, note=note)
        context.notify_cleaned(written, note)
        state[_NOTE] = ""
        context.notify(
            f"Draft {row.version} is kept. Takes are made as before until it is promoted.", ":material/save:"
        )


def _promote(version: int) -> None:
    with context.errors_as_notices():
        vocabulary_admin.promote_template(context.deps(), context.viewer(), version)
        context.notify(f"Version {version} is in production: takes are made with it.", ":material/publish:")
