"""What can be done with an experiment while it runs: what is offered, for which amount, and what it does."""

import math
from dataclasses import dataclass

import streamlit as st

from backend.domain.experiments.errors import CapReached
from backend.models import Experiment
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.experiments import change, control, retry
from backend.services.experiments.plan import CAP_MAX_USD
from backend.services.experiments.retry import Coming
from backend.services.experiments.view import ExperimentView
from pages.ui import context, text
from pages.ui.experiments import grow_panel, steps, words

#: In these takes of it are made.
MOVING = frozenset({"canary", "running"})
#: A cap that is proposed has whole cents, so that the button says all of it.
CENT_MICROS = 10_000


@dataclass(frozen=True)
class Offers:
    """What the buttons say and do now; with another one they are drawn anew. cap_usd: what its cap has to be
    for the rest, where its cap is why it stopped. refused: what can't be made now, in words."""

    state: str
    retry: str = ""
    raise_cap: str = ""
    cap_usd: float = 0.0
    refused: tuple[str, ...] = ()


def find_offers(deps: Deps, found: ExperimentView) -> Offers:
    """Of an experiment that was started; nothing where it is closed."""
    row = found.experiment
    if row.state in ("draft", "closed"):
        return Offers(row.state)
    ahead = retry.look_ahead(deps, found)
    cap_usd = _cap_for(row, ahead.waiting)
    resumes = row.state == "paused" and not cap_usd
    again, refused = "", tuple(words.not_now(why, number) for why, number in ahead.refused.items())
    if ahead.again.takes:
        what = words.again_what(ahead.failed.takes, ahead.not_made.takes)
        paid = ahead.again + ahead.waiting if resumes else ahead.again
        again = f"Retry {what}{', and resume' if resumes else ''}{words.for_at_most(paid)}"
    raises = ""
    if cap_usd:
        raises = f"Raise the cap to {text.dollars(cap_usd)} for the other {words.takes(ahead.waiting.takes)}"
        raises += words.for_at_most(ahead.waiting)
    return Offers(row.state, again, raises, cap_usd, refused)


def _cap_for(row: Experiment, waiting: Coming) -> float:
    """The cap (USD) under which all that waits can be made, where its cap is why it stopped; 0: it is not."""
    if row.state != "paused" or row.cap_micros is None or not (row.why or "").startswith(CapReached.BEGINS):
        return 0.0
    needed = row.spent_micros + waiting.at_most_micros
    if needed <= row.cap_micros:  # something failed for nothing meanwhile
        return 0.0
    return min(math.ceil(needed / CENT_MICROS) * CENT_MICROS / 1e6, CAP_MAX_USD)


def draw_actions(deps: Deps, viewer: Viewer, found: ExperimentView, offers: Offers) -> None:
    """The buttons, the one that helps first."""
    row = found.experiment
    with st.container(horizontal=True, vertical_alignment="center", key="run-actions"):
        if offers.raise_cap:
            st.button(text.plain(offers.raise_cap), key="experiment-raise-cap", type="primary",
                      icon=":material/shield:", on_click=_raise_cap, args=(row.id, offers.cap_usd),
                      help="It goes on, and never spends more than that.")  # fmt: skip
        if row.state == "paused":
            st.button(
                "Resume", key="experiment-resume", type="secondary" if offers.raise_cap else "primary",
                icon=":material/play_arrow:", on_click=do, args=("resume", row.id),
                help="Under its cap as it is: it pauses again where the next take doesn't fit."
                if offers.raise_cap else None,
            )  # fmt: skip
        if row.state in MOVING:
            st.button("Pause", key="experiment-pause", icon=":material/pause:", on_click=do,
                      args=("pause", row.id),
                      help="Nothing more is made; what was sent comes home.")  # fmt: skip
        if offers.retry:
            resumes = row.state == "paused" and not offers.raise_cap
            why = "Each gets a new take in its place, which is paid like any other."
            why += " All that waits is made, too." if resumes else ""
            st.button(text.plain(offers.retry), key="experiment-retry", icon=":material/refresh:",
                      on_click=_retry, args=(row.id, resumes), help=why)  # fmt: skip
        if row.state != "closed":
            grow_panel.draw_growth(deps, viewer, found)
            with st.popover("Close", icon=":material/lock:", key="closing"):
                st.caption("No take is made and no vote is taken any more; what is there stays.")
                st.button("Close for good", key="experiment-close", on_click=do, args=("close", row.id))
    for said in offers.refused:
        st.caption(f":material/block: {text.plain(said)}")


def do(what: str, experiment_id: str) -> None:
    """Pressed: go on after its first takes, pause, resume or close it."""
    deps, viewer = context.deps(), context.viewer()
    with context.errors_as_notices():
        match what:
            case "go on":
                control.go_on(deps, viewer, experiment_id)
                steps.go(steps.Step.RUN)
                context.notify("It goes on.", ":material/play_arrow:")
            case "pause":
                control.pause(deps, viewer, experiment_id)
                context.notify("It is paused; what was sent comes home.", ":material/pause:")
            case "resume":
                control.resume(deps, viewer, experiment_id)
                context.notify("It goes on.", ":material/play_arrow:")
            case "close":
                control.close(deps, viewer, experiment_id)
                context.notify("It is closed.", ":material/lock:")


def _retry(experiment_id: str, resumes: bool) -> None:
    with context.errors_as_notices():
        done = retry.retry_failed(context.deps(), context.viewer(), experiment_id, resume=resumes)
        context.notify(words.retried(done.takes, done.experiment.state), ":material/refresh:")


def _raise_cap(experiment_id: str, cap_usd: float) -> None:
    with context.errors_as_notices():
        row = change.raise_cap(context.deps(), context.viewer(), experiment_id, cap_usd=cap_usd)
        cap = text.plain(text.dollars((row.cap_micros or 0) / 1e6))
        context.notify(
            f"The cap is {cap}; it goes on." if row.cap_micros else "It goes on.", ":material/shield:"
        )
