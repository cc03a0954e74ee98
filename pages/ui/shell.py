"""What surrounds every page: the mark, banners, and the quiet line at the foot of the side bar."""

from pathlib import Path

import streamlit as st

from backend.domain.errors import NotAllowed, SettingsError, StoreUnavailable
from backend.domain.kinds import Health
from backend.domain.text import join_sentences
from backend.services.gallery import takes as gallery
from backend.services.operations import heartbeat, status
from backend.services.team.visitors import NoRole
from pages.ui import components, context, text

#: Banners are looked up this often at the most, in seconds: one of the checks writes to the disk.
BANNERS_EVERY_S = 5
#: While there is nothing to show a page from, it is looked for so often, in seconds.
LOOK_AGAIN_S = 1.0
#: Where the operator's way stands, for everybody else.
SEE_OPERATIONS = "Whoever runs Dailies finds what to do about it on the page Operations."
#: What the program is called.
NAME = "Dailies"
_ENDED = "Your session has ended"
#: The mark, a file of our own so that nothing is fetched; its ink changes with the light.
_MARK = Path(__file__).with_name("mark.svg")


def window_title(page: str) -> str:
    """What the browser's tab says of a page, without what waits there: "Activity · Dailies"."""
    return f"{page.partition(' · ')[0]} · {NAME}"


def title_with_counts(title: str, *, moving: int, held: int, upto: int) -> str:
    """A page's name with what waits there: "Activity · 3 · 1 needs you"; counts end at "250+"."""
    parts = [title]
    if moving:
        parts.append(count_words(moving, upto))
    if held:
        parts.append(f"{count_words(held, upto)} {'needs' if held == 1 else 'need'} you")
    return " · ".join(parts)


def count_words(number: int, upto: int) -> str:
    """A count that was made up to a limit: "7", "250+"."""
    return f"{upto:,}+" if number >= upto else str(number)


def draw_brand() -> None:
    """The mark, in ink that can be read in this light."""
    dark = st.context.theme.type == "dark"
    st.logo(_MARK.read_text("utf-8").replace("#1C1E21", "#E8E8E5" if dark else "#1C1E21"), size="large")
    st.html(Path(__file__).with_name("frame.css"))


@st.cache_data(ttl=BANNERS_EVERY_S, show_spinner=False)
def _banners() -> list[status.Banner]:
    return status.list_banners(context.deps())


def draw_banners() -> None:
    """What is wrong now and what comes of it, over every page; what to do about it stands on Operations."""
    for banner in _banners():
        if banner.level == "error":
            says = join_sentences(banner.message, SEE_OPERATIONS if banner.remedy else "")
            st.error(text.plain(says), title=text.plain(banner.title), icon=":material/error:")


def draw_warnings(*, of_money: bool = False) -> None:
    """What else is worth knowing, in full; other pages have its short form at the foot.

    of_money: of the account that takes are paid from alone.
    """
    for banner in _banners():
        if banner.level == "warning" and (banner.of_money or not of_money):
            says = join_sentences(banner.message, banner.remedy)
            st.warning(text.plain(says), title=text.plain(banner.title), icon=":material/warning:")


def draw_remedies() -> None:
    """What whoever runs Dailies does about what is wrong now: settings and commands, for Operations alone."""
    for banner in _banners():
        if banner.level == "error" and banner.remedy:
            st.info(f"**{text.plain(banner.title)}:** {text.plain(banner.remedy)}", icon=":material/build:")


def draw_trouble(trouble: Exception) -> None:
    """In the place of a page, until there is anything to show it from; then the page comes by itself."""

    def _look_again() -> None:
        try:
            gallery.count_open(context.deps(), context.viewer())
        except (context.StillOpening, StoreUnavailable, SettingsError):
            return
        st.rerun()

    if isinstance(trouble, context.StillOpening):
        says = "It waits for its database and storage. This page comes by itself."
        st.info(says, title="Dailies is starting")
    else:
        draw_database_away(stopped=isinstance(trouble, SettingsError))
    st.fragment(_look_again, run_every=LOOK_AGAIN_S)()


def draw_way_in(refused: NotAllowed) -> None:
    """In the place of every page, for whoever is not signed in any more, or may do nothing here."""
    if isinstance(refused, NoRole):
        st.warning(text.plain(join_sentences(str(refused), refused.why)), title="You may not use Dailies yet")
        st.write("Ask whoever runs Dailies to give you a role; then load this page again.")
        st.html('<a href="sign-out" target="_self">Sign out</a>')
        return
    st.info("What you have made is kept. Sign in again, and you come back to this page.", title=_ENDED)
    st.html('<a href="sign-in" target="_self">Sign in</a>')


def draw_tabs(activity: str, *, current: str) -> None:
    """The pages that are used most, at the foot of a phone. activity: what its tab says; current: a path."""
    tabs = (
        (".", "Generate", "auto_awesome_motion"),
        ("gallery", "Gallery", "grid_view"),
        ("activity", activity, "timelapse"),
        ("spend", "Spend", "payments"),
    )
    with st.container(key="tabs"):
        shown = [
            {"href": href, "label": label, "icon": icon, "current": href == (current or ".")}
            for href, label, icon in tabs
        ]
        components.draw_tabs(shown, key="phone-tabs")


def draw_viewer() -> None:
    """Who is looking, and where there are logins the way out."""
    viewer = context.viewer()
    st.caption(f":material/person: You are **{text.plain(viewer.name)}**, {viewer.role}")
    if context.deps().settings.has_logins:
        st.html('<a href="sign-out" target="_self">Sign out</a>')


def draw_database_away(*, stopped: bool = False) -> None:
    """In the place of what can't be shown without it. stopped: something stops the start; the log has it."""
    after = "This page comes by itself once it can. If it stays like this, tell whoever runs Dailies"
    if stopped:
        says = f"Nothing is lost: what is kept is safe. {after}: the dashboard's log says what to do."
        st.error(says, title="Dailies can't start just now", icon=":material/cloud_off:")
        return
    says = (
        "Nothing is lost: what is kept is safe, and work goes on by itself when the database is back. "
        f"{after}."
    )
    st.error(says, title="The database can't be used just now", icon=":material/cloud_off:")


def draw_footer() -> None:
    """Demo mode, lasting warnings in short, and the signs of life."""
    deps, sweep = context.deps(), status.last_sweep(context.deps())
    with st.sidebar.container(key="foot"):
        draw_viewer()
        components.draw_notices_switch(key="notices-switch")
        if deps.settings.is_demo:
            st.caption(":material/science: **Demo mode:** the simulator renders; nothing costs anything.")
        for banner in _banners():
            if banner.level == "warning":
                st.caption(f":material/warning: {text.plain(banner.title)}", help=text.plain(banner.message))
        alive = sum(sign.health == Health.GREEN for sign in heartbeat.list_workers(deps))
        workers = f"{alive} worker{'s' if alive != 1 else ''}" if alive else "no worker"
        swept = text.since(deps.clock.now(), sweep.at if sweep else None)
        st.caption(f":material/monitor_heart: {workers} · last sweep {swept}")
