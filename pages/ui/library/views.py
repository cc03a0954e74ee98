"""Saved views beside the wall: what an address asks for, kept under a name for oneself or the team."""

import streamlit as st

from backend.domain.access.roles import Do
from backend.models import SavedView
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.library import views
from pages.ui import context, text
from pages.ui.library import address
from pages.ui.library.address import Asked

_NAME, _SHARED = "views:name", "views:shared"
#: What is asked about which view: (its id, "delete" or "rename").
_ASKED, _NEW_NAME = "views:asked", "views:new-name"


def draw_views(deps: Deps, viewer: Viewer, asked: Asked) -> None:
    """Those that there are, and a way to keep what is asked for now."""
    with st.popover("Views", icon=":material/bookmarks:", key="views"):
        found = views.list_views(deps, viewer)
        if not found:
            st.caption("Keep the filters of now under a name, to find the same takes with one click.")
        for view in found:
            _draw_one(viewer, view)
        if viewer.may(Do.RATE):
            _draw_save(viewer, asked)


def _draw_one(viewer: Viewer, view: SavedView) -> None:
    own = viewer.owns(view.owner)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        whose = "" if own and not view.shared else " · team" if own else f" · {text.plain(view.owner)}"
        st.button(
            f"{text.plain(view.name)}{whose}", key=f"view-{view.id}", type="tertiary", width="stretch",
            on_click=_open, args=(view,),
        )  # fmt: skip
        if own or viewer.may(Do.CHANGE_OTHERS):
            st.button("Rename …", key=f"ask-rename-view-{view.id}", on_click=_ask, args=(view.id, "rename"))
            st.button("Delete …", key=f"ask-delete-view-{view.id}", on_click=_ask, args=(view.id, "delete"))
    match st.session_state.get(_ASKED):
        case (view.id, "delete"):
            st.write(f"Delete the view {text.plain(view.name)}? No take changes.")
            with st.container(horizontal=True):
                st.button("Delete it", key="delete-view", type="primary", on_click=_delete, args=(view,))
                st.button("Keep it", key="keep-view", on_click=_ask, args=(None, ""))
        case (view.id, "rename"):
            st.session_state.setdefault(_NEW_NAME, view.name)
            with st.form("rename-view-form", border=False):
                st.text_input("New name", key=_NEW_NAME, max_chars=views.NAME_MAX_CHARS)
                st.form_submit_button("Rename", key="rename-view", on_click=_rename, args=(view,))


def _draw_save(viewer: Viewer, asked: Asked) -> None:
    with st.form("save-view-form", border=False):  # Enter saves it
        st.text_input(
            "Name of a view", key=_NAME, max_chars=views.NAME_MAX_CHARS, placeholder="Picks of this week"
        )
        if viewer.may(Do.ORGANISE):
            st.toggle("For the whole team", key=_SHARED)
        st.form_submit_button(
            "Save what is shown now", key="save-view", icon=":material/bookmark_add:", on_click=_save,
            args=(asked,),
        )  # fmt: skip


def _open(view: SavedView) -> None:
    texts: address.Texts = {name: [] for name in address.DRAWN_BY}
    for name, value in views.pairs_of(view):
        texts.setdefault(name, []).append(value)
    address.go(texts)


def _save(asked: Asked) -> None:
    shared = bool(st.session_state.get(_SHARED))
    pairs = [*asked.pairs, *address.drawn_pairs()]
    with context.errors_as_notices():
        kept = views.save_view(
            context.deps(), context.viewer(), st.session_state[_NAME], pairs, shared=shared
        )
        st.session_state[_NAME] = ""
        st.session_state[_SHARED] = False  # the next one is one's own again
        context.notify(f"{kept.name} is kept{' for the team' if shared else ''}.")


def _rename(view: SavedView) -> None:
    with context.errors_as_notices():
        renamed = views.rename_view(context.deps(), context.viewer(), view.id, st.session_state[_NEW_NAME])
        _ask(None, "")
        context.notify(f"{view.name} is called {renamed.name} now.")


def _delete(view: SavedView) -> None:
    _ask(None, "")
    with context.errors_as_notices():
        views.delete_view(context.deps(), context.viewer(), view.id)
        context.notify(f"The view {view.name} is deleted.")


def _ask(view_id: str | None, what: str) -> None:
    st.session_state.pop(_NEW_NAME, None)
    again = st.session_state.get(_ASKED) == (view_id, what)  # pressed once more it closes
    st.session_state[_ASKED] = None if again or view_id is None else (view_id, what)
