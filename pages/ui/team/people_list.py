"""People in a list: their role and why, when they were here, and what an admin may do about it."""

from collections.abc import Sequence

import streamlit as st

from backend.services.access import Role, Viewer
from backend.services.deps import Deps
from backend.services.team import people_admin
from backend.services.team.people_admin import PersonView
from pages.ui import context, text

#: So many are shown at once; others are found by their name.
SHOWN = 50
BY_RULES = "By the rules"
_CHOICES = (BY_RULES, *Role)


def draw_people(deps: Deps, viewer: Viewer, found: Sequence[PersonView]) -> None:
    """These people, in this order."""
    wanted = ""
    if len(found) > SHOWN // 5:
        wanted = st.text_input(
            "Find", key="people:find", placeholder="Name or address", label_visibility="collapsed",
            icon=":material/search:",
        ).strip().casefold()  # fmt: skip
    fitting = [one for one in found if wanted in f"{one.name} {one.email or ''}".casefold()]
    for person in fitting[:SHOWN]:
        _row(deps, person, is_me=person.id == viewer.person_id)
    if not fitting:
        st.caption("Nobody fits.")
    if len(fitting) > SHOWN:
        st.caption(f"{len(fitting) - SHOWN:,} more; find them by name.")


def _row(deps: Deps, person: PersonView, *, is_me: bool) -> None:
    with st.container(border=True, key=f"person-{person.id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{text.plain(person.name)}**{' · you' if is_me else ''}", width="content")
            _badge(person)
        st.caption(text.plain(" · ".join(_facts(deps, person))))
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            _draw_role(person)
            if person.sessions:
                st.button(
                    "End sessions", key=f"person-end-{person.id}", icon=":material/logout:", type="tertiary",
                    on_click=_end_sessions, args=(person.id, person.name),
                )  # fmt: skip
            if person.disabled:
                st.button(
                    "Enable", key=f"person-enable-{person.id}", icon=":material/person_check:",
                    type="tertiary", on_click=_enable, args=(person.id, person.name),
                )  # fmt: skip
            else:
                st.button(
                    "Disable", key=f"person-disable-{person.id}", icon=":material/person_off:",
                    type="tertiary", on_click=_disable, args=(person.id, person.name),
                    help="Out at once: signed out everywhere, and their tokens open nothing.",
                )  # fmt: skip


def _badge(person: PersonView) -> None:
    if person.disabled:
        st.badge("Disabled", color="red")
    elif person.role is None:
        st.badge("No role", color="orange")
    else:
        st.badge(person.role.capitalize(), color="gray")


def _facts(deps: Deps, person: PersonView) -> list[str]:
    facts = [person.email] if person.email and person.email != person.name else []
    facts += [person.why] if not person.disabled else []
    facts.append(f"last seen {text.since(deps.clock.now(), person.seen_at)}")
    for number, what in ((person.sessions, "session"), (person.tokens, "token")):
        if number:
            facts.append(f"{number} {what}{'' if number == 1 else 's'}")
    return [fact.rstrip(".") for fact in facts]


def _draw_role(person: PersonView) -> None:
    key = f"person-role-{person.id}"
    st.session_state[key] = person.own_role or BY_RULES  # as it is now, whoever set it
    st.selectbox(
        f"Role of {person.name}", _CHOICES, key=key, label_visibility="collapsed", width=190,
        format_func=str.capitalize, on_change=_set_role, args=(person.id, person.name),
    )  # fmt: skip


def _set_role(person_id: str, name: str) -> None:
    chosen = st.session_state[f"person-role-{person_id}"]
    with context.errors_as_notices():
        role = None if chosen == BY_RULES else Role(chosen)
        people_admin.set_role(context.deps(), context.viewer(), person_id, role)
        now = f"is a {role} now" if role else "has the role that the rules give now"
        context.notify(f"{text.plain(name)} {now}.", ":material/badge:")


def _end_sessions(person_id: str, name: str) -> None:
    with context.errors_as_notices():
        ended = people_admin.end_sessions(context.deps(), context.viewer(), person_id)
        words = f"{ended} session{'' if ended == 1 else 's'} of {text.plain(name)} ended."
        context.notify(words, ":material/logout:")


def _disable(person_id: str, name: str) -> None:
    with context.errors_as_notices():
        people_admin.disable_person(context.deps(), context.viewer(), person_id)
        context.notify(f"{text.plain(name)} is out; their tokens open nothing.", ":material/person_off:")


def _enable(person_id: str, name: str) -> None:
    with context.errors_as_notices():
        people_admin.enable_person(context.deps(), context.viewer(), person_id)
        context.notify(f"{text.plain(name)} may sign in again.", ":material/person_check:")
