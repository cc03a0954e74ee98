"""What surrounds every page: the mark, banners, and the quiet line at the foot of the side bar."""

import streamlit as st

from backend.services import heartbeat, overview
from pages.ui import context, text

#: Banners are looked up this often at the most, in seconds: one of the checks writes to the disk.
BANNERS_EVERY_S = 5
#: The mark, drawn here so that nothing is fetched: a frame, and the light that falls through it.
_MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="150" height="32" viewBox="0 0 150 32">'
    '<rect x="1" y="4" width="32" height="24" rx="5" fill="#17808F"/>'
    '<path d="M14 10.5v11l9-5.5z" fill="#fff"/>'
    '<g fill="#fff" opacity=".75"><rect x="4" y="7" width="3" height="3" rx="1"/><rect x="4" y="14.5" width="3" '
    'height="3" rx="1"/><rect x="4" y="22" width="3" height="3" rx="1"/><rect x="27" y="7" width="3" height="3" '
    'rx="1"/><rect x="27" y="14.5" width="3" height="3" rx="1"/><rect x="27" y="22" width="3" height="3" rx="1"/></g>'
    '<text x="43" y="23" font-family="Source Sans, Source Sans 3, Helvetica, Arial, sans-serif" font-size="21" '
    'font-weight="650" letter-spacing="-.2" fill="{ink}">Dailies</text></svg>'
)


def with_counts(title: str, *, moving: int, held: int) -> str:
    """A page's name with what waits there: "Activity · 3 · 1 held"."""
    parts = [title, *([str(moving)] if moving else []), *([f"{held} held"] if held else [])]
    return " · ".join(parts)


def brand() -> None:
    """The mark, in ink that can be read in this light."""
    dark = st.context.theme.type == "dark"
    st.logo(_MARK.format(ink="#E8E8E5" if dark else "#1C1E21"), size="large")


@st.cache_data(ttl=BANNERS_EVERY_S, show_spinner=False)
def _banners() -> list[overview.Banner]:
    return overview.banners(context.deps())


def banners(*, everything: bool = False) -> None:
    """What is wrong now and what to do; warnings stand in full only where `everything` is wanted."""
    for banner in _banners():
        if banner.level == "error":
            st.error(text.plain(banner.says), title=text.plain(banner.title), icon=":material/error:")
        elif everything:
            st.warning(text.plain(banner.says), title=text.plain(banner.title), icon=":material/warning:")


def footer() -> None:
    """Demo mode, lasting warnings in short, and the signs of life."""
    deps, sweep = context.deps(), overview.last_sweep(context.deps())
    with st.sidebar.container(key="foot"):
        if deps.settings.demo:
            st.caption(":material/science: **Demo mode:** the simulator renders; nothing costs anything.")
        for banner in _banners():
            if banner.level == "warning":
                st.caption(f":material/warning: {text.plain(banner.title)}", help=text.plain(banner.says))
        alive = sum(sign.alive for sign in heartbeat.workers(deps))
        workers = f"{alive} worker{'s' if alive != 1 else ''}" if alive else "no worker"
        swept = text.since(deps.clock.now(), sweep.at if sweep else None)
        st.caption(f":material/monitor_heart: {workers} · last sweep {swept}")
