"""What a take is put into: its project, one that is there or a new one by its name, and collections."""

import streamlit as st

from backend.domain.access.roles import Do
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.library import groups
from backend.services.library.groups import GroupKind
from backend.services.takes.request import COLLECTIONS_MAX
from pages.ui import context, text
from pages.ui.form.prefill import COLLECTIONS, PROJECT


def pick_project(deps: Deps, viewer: Viewer) -> str | None:
    """Draw the choice of a project; returns its id, or None. A new name makes a new one."""
    names = groups.list_names(deps, viewer, GroupKind.PROJECT)
    if st.session_state.get(PROJECT) not in names:
        st.session_state[PROJECT] = None
    chosen = st.selectbox(
        "Project", list(names), index=None, key=PROJECT, persist_state="session",
        format_func=lambda project_id: text.plain(names.get(project_id, project_id)),
        accept_new_options=viewer.may(Do.ORGANISE), placeholder="No project", on_change=_make_new,
        label_visibility="collapsed", icon=":material/folder:", width=220,
    )  # fmt: skip
    return chosen if chosen in names else None


def pick_collections(deps: Deps, viewer: Viewer) -> list[str]:
    """Draw the choice of collections, where there are any; returns their ids."""
    names = groups.list_names(deps, viewer, GroupKind.COLLECTION)
    st.session_state[COLLECTIONS] = [one for one in st.session_state.get(COLLECTIONS) or [] if one in names]
    if not names:
        return []
    return st.multiselect(
        "Collections", list(names), key=COLLECTIONS, persist_state="session",
        format_func=lambda its: text.plain(names.get(its, its)), placeholder="No collection",
        label_visibility="collapsed", max_selections=COLLECTIONS_MAX, width=220,
    )  # fmt: skip


def _make_new() -> None:
    """Make the project that was typed, if there is none of that name."""
    deps, viewer, typed = context.deps(), context.viewer(), st.session_state.get(PROJECT)
    names = groups.list_names(deps, viewer, GroupKind.PROJECT)
    if not typed or typed in names:
        return
    same = next((one for one, name in names.items() if name.casefold() == typed.strip().casefold()), None)
    st.session_state[PROJECT] = same
    if same is None:
        with context.errors_as_notices():
            made = groups.create_group(deps, viewer, GroupKind.PROJECT, typed)
            st.session_state[PROJECT] = made.id
            context.notify(f"Project {text.plain(made.name)} is made.", ":material/create_new_folder:")
