"""Who one is and why one may do what one may, and the browsers in which one is signed in."""

import streamlit as st

from backend.domain.access.roles import LEAST, allows
from backend.models import LoginSession
from backend.services.access import FORMER_LOCAL_NAME, Role, Viewer
from backend.services.deps import Deps
from backend.services.team import people_admin, sessions
from pages.ui import context, text

#: What each role is for, in a sentence.
MEANS = {
    Role.VIEWER: "You look at takes.",
    Role.CREATOR: "You make takes, and change your own.",
    Role.REVIEWER: "You make and approve takes, and change others' as well.",
    Role.ADMIN: "You may do everything.",
}
#: Of a browser's name for itself the part that people know it by.
_BROWSERS = ("Edg/", "OPR/", "Firefox/", "Chrome/", "Safari/")
_SYSTEMS = ("Windows", "Android", "iPhone", "iPad", "Mac OS X", "Linux")
_SHOWN_AS = {"Edg/": "Edge", "OPR/": "Opera", "Mac OS X": "macOS"}


def draw_myself(deps: Deps, viewer: Viewer) -> None:
    """Name and role, and where that comes from."""
    with st.container(border=True, key="myself"):
        st.markdown("##### Who you are")
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{text.plain(viewer.name)}**", width="content")
            st.badge(viewer.role.capitalize(), color="gray")
        me = people_admin.describe_self(deps, viewer)
        if me is None:
            st.caption(
                "Nobody signs in here: whoever sits at this machine is an admin, under this name "
                f"(LOCAL\\_NAME). Takes of “{FORMER_LOCAL_NAME}” are theirs as well."
            )
        else:
            known_by = me.email if me.email != viewer.name else None
            st.caption(text.plain(" · ".join(filter(None, (known_by, me.why)))))
        allowed = [str(do) for do in LEAST if allows(viewer.role, do)]
        st.caption(MEANS[viewer.role], help=text.plain(f"{', '.join(allowed)}."))


def draw_sessions(deps: Deps, viewer: Viewer) -> None:
    """Every browser that is signed in as this viewer, with an end to each; nothing where nobody signs in."""
    if viewer.person_id is None:
        return
    found, here = sessions.list_open_sessions(deps, viewer.person_id), context.session_id()
    with st.container(border=True, key="sessions"):
        st.markdown("##### Where you are signed in")
        for row in found:
            _row(deps, row, is_here=row.id == here)
        if not found:
            st.caption("You come by a proxy, which says who you are; it ends your session, too.")
            return
        if len(found) > 1:
            st.button(
                "Sign out everywhere else", key="sessions-end-others", icon=":material/devices:",
                on_click=_end_others,
            )  # fmt: skip
        st.button("Sign out everywhere", key="sessions-end-all", icon=":material/logout:", on_click=_end_all)


def _row(deps: Deps, row: LoginSession, *, is_here: bool) -> None:
    now = deps.clock.now()
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", key=f"session-{row.id[:12]}"
    ):
        with st.container(gap=None):
            st.markdown(f"**{text.plain(browser_words(row.agent))}**{' · this one' if is_here else ''}")
            said = f"began {text.since(now, row.begun_at)} · seen {text.since(now, row.seen_at)}"
            st.caption(text.plain(" · ".join(filter(None, (said, row.address)))))
        if not is_here:
            st.button(
                "End", key=f"session-end-{row.id}", icon=":material/close:", type="tertiary", on_click=_end,
                args=(row.id,),
            )  # fmt: skip


def browser_words(agent: str | None) -> str:
    """A browser by the name that people know.

    >>> browser_words("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36")
    'Chrome on Linux'
    """
    browser = next((one for one in _BROWSERS if one in (agent or "")), None)
    system = next((one for one in _SYSTEMS if one in (agent or "")), None)
    if browser is None:
        return "A browser"
    named = _SHOWN_AS.get(browser, browser.rstrip("/"))
    return f"{named} on {_SHOWN_AS.get(system, system)}" if system else named


def _end(session_id: str) -> None:
    with context.errors_as_notices():
        sessions.end_session(context.deps(), context.viewer(), session_id)
        context.notify("That browser is signed out.", ":material/logout:")


def _end_others() -> None:
    _end_mine(but=context.session_id() or "")


def _end_all() -> None:
    _end_mine(but="")


def _end_mine(*, but: str) -> None:
    with context.errors_as_notices():
        viewer = context.viewer()
        if viewer.person_id is not None:
            ended = sessions.end_sessions_of(context.deps(), viewer, viewer.person_id, but=but)
            context.notify(f"Signed out in {ended} browser{'' if ended == 1 else 's'}.", ":material/logout:")
