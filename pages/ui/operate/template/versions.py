"""Every version of the template: what used it, what it changes, and which one is in production."""

import html
from collections.abc import Sequence

import streamlit as st

from backend.domain.access.roles import Do
from backend.models import Template
from backend.services.prompting import vocabulary_admin
from backend.services.prompting.vocabulary import current_vocabulary
from backend.services.prompting.word_diff import word_diff
from pages.ui import context, text

_FROM, _TO = "template:from", "template:to"
_TAGS = {"same": ("", ""), "gone": ("<del>", "</del>"), "new": ("<ins>", "</ins>")}
#: So many are listed; the picker of what changed has them all.
LISTED = 30


def draw_versions(versions: Sequence[Template]) -> None:
    """The versions, the newest first, then what changed from one to another, word by word."""
    used = current_vocabulary(context.deps()).template
    with st.expander(f"Versions · {len(versions)}", icon=":material/history:", key="template-versions"):
        uses = vocabulary_admin.list_uses(context.deps())
        for row in versions[:LISTED]:
            _draw_version(row, used, uses.get(row.version, vocabulary_admin.Uses(0, 0)))
        if len(versions) > LISTED:
            st.caption(f"and {len(versions) - LISTED:,} older ones")
        _draw_changes(versions, used)


def _draw_version(row: Template, used: Template, uses: vocabulary_admin.Uses) -> None:
    now = context.deps().clock.now()
    note = f" · {text.plain(row.note)}" if row.note else ""
    with st.container(
        horizontal=True, vertical_alignment="center", key=f"version-{row.version}", gap="small"
    ):
        st.markdown(
            f"**{row.version}** · {text.plain(row.by)}, {text.since(now, row.at)}{note} · {uses.words()}"
        )
        if row.version == used.version:
            st.badge("Production", icon=":material/check:", color="green")
            return
        newer = row.version > used.version
        st.badge("Draft" if newer else "Earlier", color="gray")
        if context.viewer().may(Do.EDIT_WORDS):
            st.button(
                "Use in production" if newer else "Roll back to it", key=f"promote-template-{row.version}",
                icon=":material/publish:" if newer else ":material/undo:", type="tertiary",
                on_click=_promote, args=(row.version,), help="Takes are made with it from then on",
            )  # fmt: skip


def _draw_changes(versions: Sequence[Template], used: Template) -> None:
    """Two versions, and what only one of them has: struck through, or underlined."""
    if len(versions) < 2:
        st.code(used.text, language="jinja2", wrap_lines=True)
        return
    by_version = {row.version: row for row in versions}
    other = next(version for version in by_version if version != used.version)
    for key, first in ((_FROM, used.version), (_TO, other)):
        if st.session_state.get(key) not in by_version:
            st.session_state[key] = first
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        begin, end = (
            st.selectbox(
                label, list(by_version), key=key, format_func=lambda one: _label(one, used), width=160
            )
            for label, key in (("What changed from", _FROM), ("to", _TO))
        )
    before, after = by_version[begin], by_version[end]
    st.html(f'<p class="word-diff" data-testid="word-diff">{_marked(before.text, after.text)}</p>')
    if (before.variables or []) != (after.variables or []):
        st.caption(f"Variables before: {_variables(before)}. After: {_variables(after)}.")


def _label(version: int, used: Template) -> str:
    return f"{version} · production" if version == used.version else str(version)


def _marked(before: str, after: str) -> str:
    """Both texts in one, as HTML; what people wrote in it is text."""
    marked = []
    for piece in word_diff(before, after):
        opened, closed = _TAGS[piece.kind]
        marked.append(f"{opened}{html.escape(piece.text)}{closed}")
    return "".join(marked)


def _variables(row: Template) -> str:
    named = [f"{one['name']} ({one['kind']})" for one in row.variables or []]
    return text.plain(", ".join(named) or "none")


def _promote(version: int) -> None:
    with context.errors_as_notices():
        vocabulary_admin.promote_template(context.deps(), context.viewer(), version)
        context.notify(f"Version {version} is in production: takes are made with it.", ":material/publish:")
