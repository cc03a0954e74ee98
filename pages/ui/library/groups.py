"""Collections and projects are made, renamed and deleted beside the wall; deleting one deletes no take."""

import streamlit as st

from backend.domain.access.roles import Do
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.library import groups
from backend.services.library.groups import GroupKind, GroupOfTakes
from pages.ui import context, text
from pages.ui.library import address

_KIND, _CHOSEN, _NAME, _NEW, _DELETING = (
    f"groups:{name}" for name in ("kind", "chosen", "name", "new", "deleting")
)


def draw_groups(deps: Deps, viewer: Viewer) -> None:
    """Draw what is done with them; nothing for who may not."""
    if not viewer.may(Do.ORGANISE):
        return
    with st.popover("Organise", icon=":material/folder_open:", key="organise"):
        kind = st.segmented_control(
            "Kind", list(GroupKind), key=_KIND, default=GroupKind.COLLECTION, required=True,
            format_func=lambda one: f"{one.capitalize()}s", label_visibility="collapsed", on_change=_forget,
        )  # fmt: skip
        found = {one.id: one for one in groups.list_groups(deps, viewer, kind)}
        if found:
            chosen = st.selectbox(
                f"{kind.capitalize()}", list(found), key=_CHOSEN, index=None, placeholder=f"Choose a {kind}",
                format_func=lambda one: _title(found.get(one)), label_visibility="collapsed",
                on_change=_begin,
            )  # fmt: skip
            if chosen:
                _draw_one(kind, found[chosen])
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input(f"New {kind}", key=_NEW, max_chars=groups.NAME_MAX_CHARS)
            st.button("Create", key="create-group", on_click=_create, args=(kind,))


def _draw_one(kind: GroupKind, group: GroupOfTakes) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Name", key=_NAME, placeholder=group.name, max_chars=groups.NAME_MAX_CHARS)
        st.button("Rename", key="rename-group", on_click=_rename, args=(kind, group))
    if st.session_state.get(_DELETING) == group.id:
        st.write(f"Delete {text.plain(group.name)}? Its {_takes(group.count)} stay where they are.")
        with st.container(horizontal=True):
            st.button(
                f"Delete the {kind}", key="delete-group", type="primary", on_click=_delete, args=(kind, group)
            )
            st.button("Keep it", key="keep-group", on_click=_set_deleting, args=(None,))
        return
    with st.container(horizontal=True):
        st.button("Show its takes", key="show-group", on_click=_show, args=(kind, group))
        st.button("Delete …", key="ask-delete-group", on_click=_set_deleting, args=(group.id,))


def _create(kind: GroupKind) -> None:
    with context.errors_as_notices():
        made = groups.create_group(context.deps(), context.viewer(), kind, st.session_state[_NEW])
        st.session_state[_NEW] = ""
        context.notify(f"{made.name} is there.")


def _rename(kind: GroupKind, group: GroupOfTakes) -> None:
    with context.errors_as_notices():
        named = groups.rename_group(context.deps(), context.viewer(), kind, group.id, st.session_state[_NAME])
        st.session_state[_NAME] = ""
        context.notify(f"{group.name} is called {named.name} now.")


def _delete(kind: GroupKind, group: GroupOfTakes) -> None:
    _forget()
    with context.errors_as_notices():
        groups.delete_group(context.deps(), context.viewer(), kind, group.id)
        address.drop(str(kind), group.id)
        context.notify(f"{group.name} is deleted. Its takes stay.")


def _show(kind: GroupKind, group: GroupOfTakes) -> None:
    address.go({str(kind): [group.id]})


def _begin() -> None:
    st.session_state[_NAME] = ""
    st.session_state[_DELETING] = None


def _forget() -> None:
    _begin()
    st.session_state[_CHOSEN] = None


def _set_deleting(group_id: str | None) -> None:
    st.session_state[_DELETING] = group_id


def _title(group: GroupOfTakes | None) -> str:
    return f"{group.name} · {_takes(group.count)}" if group else ""


def _takes(number: int) -> str:
    return f"{number:,} take{'' if number == 1 else 's'}"
