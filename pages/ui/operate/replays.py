"""*Replay all since …* on the Operations page: asked for here, done by a worker, watched while it goes on."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import streamlit as st

from backend.domain.kinds import Verdict
from backend.services.deps import Deps
from backend.services.operations.inbox import replay_all
from backend.services.operations.inbox.replay_all import ReplayProgress, ReplayState
from pages.ui import context, live, text

HELP = (
    "Applies every delivery that came since then again, the oldest first, as if each had just come. Twice "
    "has one effect; it can be stopped, and goes on where it was, also after a worker died."
)
_SINCE = "replay-since"
#: What became of a delivery, in words.
_BECAME = {
    Verdict.APPLIED: "moved their take", Verdict.NO_EFFECT: "had no effect", Verdict.ASKED: "made us ask",
    Verdict.UNREADABLE: "can't be read, so the provider is asked", Verdict.ORPHAN: "are for takes not here",
    replay_all.FAILED: "could not be applied (the log says why)",
}  # fmt: skip


def draw_replay_all(deps: Deps) -> None:
    """The moment to replay from; how far the newest replay is."""
    known = replay_all.last_replay(deps)
    running = known is not None and known.state == ReplayState.RUNNING
    with (
        st.expander("Replay all since …", icon=":material/replay:", key="replay-all", expanded=running),
        st.container(gap="small"),
    ):
        st.caption(HELP)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.datetime_input(
                "Since", value=_wall(deps.clock.now() - timedelta(days=1)), key=_SINCE, width=260,
                step=timedelta(minutes=1), help=f"In your time zone ({_zone()}).",
            )  # fmt: skip
            st.button(
                "Replay all", key="replay-all-start", icon=":material/replay:", disabled=running,
                on_click=_start, args=(deps,),
            )  # fmt: skip
        live.draw_polled(_draw_progress, watch=_state, moving=running)


def _draw_progress() -> None:
    known = replay_all.last_replay(context.deps())
    if known is None:
        return
    share = known.done / known.total if known.total else 1.0
    st.progress(min(1.0, share), text=text.plain(_words(known)))
    if known.state == ReplayState.RUNNING:
        st.button("Stop", key="replay-all-stop", icon=":material/stop:", on_click=_stop)
    elif known.state == ReplayState.STOPPED:
        st.button("Go on", key="replay-all-resume", icon=":material/play_arrow:", on_click=_resume)


def _words(known: ReplayProgress) -> str:
    state = {
        ReplayState.RUNNING: "is under way", ReplayState.STOPPED: "is stopped", ReplayState.DONE: "is done"
    }[known.state]  # fmt: skip
    since = known.since.astimezone(_zone()).strftime("%-d %b, %H:%M")
    parts = [f"{number:,} {_BECAME.get(word, word)}" for word, number in known.became.items()]
    what = f"The replay since {since}, asked for by {known.by}, {state}: {known.done:,} of {known.total:,}"
    return f"{what}; {', '.join(parts)}." if parts else f"{what}."


def _state() -> tuple[object, ...]:
    known = replay_all.last_replay(context.deps())
    return (known.state, known.asked_at) if known else ()


def _start(deps: Deps) -> None:
    with context.errors_as_notices():
        wanted: datetime = st.session_state[_SINCE]
        asked = replay_all.request_replay(deps, context.viewer(), wanted.replace(tzinfo=_zone()))
        context.notify(f"{asked.total:,} deliveries are applied again.", ":material/replay:")


def _stop() -> None:
    with context.errors_as_notices():
        replay_all.stop_replay(context.deps(), context.viewer())


def _resume() -> None:
    with context.errors_as_notices():
        replay_all.resume_replay(context.deps(), context.viewer())


def _zone() -> tzinfo:
    """The browser's."""
    return ZoneInfo(st.context.timezone) if st.context.timezone else UTC


def _wall(moment: datetime) -> datetime:
    """A moment as the browser's clock shows it, on the minute."""
    return moment.astimezone(_zone()).replace(tzinfo=None, second=0, microsecond=0)
