"""Presets beside the form: apply one, keep the form as one, delete one."""

import streamlit as st

from backend.domain.access.roles import Do
from backend.models import Preset
from backend.services.takes import presets
from backend.services.takes.request import TakeRequest
from pages.ui import context, text
from pages.ui.form import draft

_NAME, _SHARED, _DELETED = "preset:name", "preset:shared", "preset:deleted"


def draw_presets(request: TakeRequest) -> None:
    """A popover with what can be applied, and room to keep the form as it stands."""
    deps, viewer = context.deps(), context.viewer()
    found = presets.list_presets(deps, viewer)
    with st.popover(
        f"Presets · {len(found)}" if found else "Presets", icon=":material/bookmarks:", key="presets"
    ):
        for preset in found:
            _row(preset, mine=viewer.owns(preset.owner), may_delete=viewer.may(Do.REMOVE_OTHERS_PRESETS))
        if deleted := st.session_state.get(_DELETED):
            with st.container(horizontal=True, vertical_alignment="center", key="preset-deleted"):
                st.caption(f"{text.plain(deleted.name)} is deleted.")
                st.button(
                    "Undo", key="preset-undo", icon=":material/undo:", type="tertiary", on_click=_restore
                )
        if not found:
            st.caption("None yet. Keep this form under a name: model, prompt, style, parameters and photos.")
        st.text_input("Keep this form as", key=_NAME, max_chars=presets.NAME_MAX_CHARS, placeholder="A name")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.toggle("For the whole team", key=_SHARED)
            st.button("Save", key="preset-save", icon=":material/save:", on_click=_save, args=(request,))


def _row(preset: Preset, *, mine: bool, may_delete: bool) -> None:
    whose = "team" if preset.shared else "yours"
    with st.container(horizontal=True, vertical_alignment="center", key=f"preset-{preset.id}"):
        st.button(
            text.plain(preset.name), key=f"preset-apply-{preset.id}", icon=":material/input:",
            type="tertiary", help="Fill the form with it", on_click=_apply, args=(preset.id, preset.name),
        )  # fmt: skip
        st.caption(whose if mine else f"{text.plain(preset.owner)} · team")
        if mine or may_delete:
            st.button(
                "Delete", key=f"preset-delete-{preset.id}", icon=":material/delete:", type="tertiary",
                on_click=_delete, args=(preset.id, preset.name),
            )  # fmt: skip


def _apply(preset_id: str, name: str) -> None:
    deps = context.deps()
    with context.errors_as_notices():
        request, dropped = presets.apply_preset(deps, context.viewer(), preset_id)
        dropped += draft.fill(deps, request)
        context.notify(f"Filled with {text.plain(name)}.", ":material/bookmarks:")
        for words in dropped:
            context.notify(text.plain(words), ":material/info:")


def _save(request: TakeRequest) -> None:
    state = st.session_state
    with context.errors_as_notices():
        name = state.get(_NAME) or ""
        preset = presets.save_preset(
            context.deps(), context.viewer(), name, request, shared=bool(state.get(_SHARED))
        )
        context.notify_cleaned(name)
        state[_NAME] = ""
        context.notify(f"Kept as {text.plain(preset.name)}.", ":material/bookmark_added:")


def _delete(preset_id: str, name: str) -> None:
    with context.errors_as_notices():
        st.session_state[_DELETED] = presets.delete_preset(context.deps(), context.viewer(), preset_id)
        context.notify(f"{text.plain(name)} is deleted. Presets has Undo.", ":material/delete:")


def _restore() -> None:
    with context.errors_as_notices():
        kept = presets.restore_preset(context.deps(), context.viewer(), st.session_state[_DELETED])
        st.session_state.pop(_DELETED)
        context.notify(f"{text.plain(kept.name)} is back.", ":material/undo:")
