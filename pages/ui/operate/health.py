"""Parts of the Operations page: figures, backlog, workers, pauses, sweeps."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import streamlit as st

from backend.domain.kinds import Health
from backend.domain.states import JobState
from backend.domain.text import join_sentences
from backend.models import Sweep
from backend.services.deps import Deps
from backend.services.lifecycle.provider_pause import ProviderPause
from backend.services.operations import heartbeat, status, totals
from backend.services.operations.backlog import KIND_TITLES, WorkKind
from backend.services.operations.heartbeat import WorkerHeartbeat
from backend.services.operations.status import StatusNumbers
from backend.services.operations.sweep import LastSweep
from backend.services.operations.watch import backups
from backend.services.operations.watch.troubles import MetTrouble
from pages.ui import text
from pages.ui.components import BarRow
from pages.ui.figures import tables
from pages.ui.takes import actions, cards

#: A last sweep older than this many sweep intervals is worth a look.
LATE_SWEEPS = 6


def draw_pause(provider: str, found: ProviderPause, now: datetime) -> None:
    """A pause of sending, with the way out."""
    left = text.clock(max(0.0, (found.until - now).total_seconds()))
    with st.container(key=f"pause-{provider}", border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(
            f":material/pause_circle: **Sending to {text.plain(provider)} is paused** since "
            f"{text.since(now, found.at)} ({found.refusals} refusals): "
            + text.plain(join_sentences(found.reason, f"One take is let through in {left}."))
        )
        st.button(
            "Resume now", key=f"resume-{provider}", icon=":material/play_arrow:", type="primary",
            on_click=actions.resume_sending, args=(provider,),
        )  # fmt: skip


def draw_troubles(found: Sequence[MetTrouble]) -> None:
    """What takes meet just now, and what to do about it."""
    for number, each in enumerate(found):
        with st.container(key=f"trouble-{number}", border=True, horizontal=True, vertical_alignment="center"):
            takes = "A take meets" if each.takes == 1 else f"{each.takes} takes meet"
            st.markdown(
                f":material/build: **{takes} this:** {text.plain(join_sentences(each.message, each.remedy))}"
            )
            st.page_link(
                cards.DETAIL, label="The newest", icon=":material/open_in_full:",
                query_params={"take": each.job_id},
            )  # fmt: skip


def draw_figures(deps: Deps, numbers: StatusNumbers, now: datetime) -> None:
    """The few numbers that say whether it is well."""
    sweep = status.last_sweep(deps)
    every_s, age_s = deps.settings.sweep_interval_s, numbers.sweep_age_s
    # Before the first sweep of a new installation nothing is late, as long as no take waits for it.
    late = numbers.due > 0 if age_s is None else age_s > LATE_SWEEPS * every_s + 30
    with st.container(key="figures", horizontal=True):
        health = heartbeat.judge_all(heartbeat.list_workers(deps))
        _figure("Workers", str(numbers.workers), "at work" if numbers.workers else "none at work", health)
        _figure(
            "Last sweep",
            text.ago(age_s),
            "Overdue" if late else _sweep_words(sweep.did) if sweep else f"one every {every_s:g} s",
            _red_if(late),
        )
        _figure("Last webhook", text.ago(numbers.delivery_age_s), "verified only")
        _figure("Jobs due", f"{numbers.due:,}", "waiting" if numbers.due else "none waiting")
    with st.container(key="figures-kept", horizontal=True):
        missing = f" · {numbers.videos_missing} missing" if numbers.videos_missing else ""
        _figure(
            "Videos", f"{numbers.videos:,}", text.size(numbers.videos_bytes) + missing, _red_if(bool(missing))
        )
        if numbers.free_bytes is not None:  # a bucket doesn't tell, and has no end
            low = numbers.free_bytes < status.LOW_DISK_BYTES
            words = "make room" if low else "enough"
            _figure("Free on disk", text.size(numbers.free_bytes), words, _red_if(low))
        age_s = numbers.backup_age_s
        command = "backup FOLDER" if deps.store.embedded else "backed-up, after your own tools have made one"
        _figure(
            "Last backup", text.ago(age_s), _backup_words(deps, age_s), backups.judge_backup(age_s),
            tip=f"`python -m backend {command}`",
        )  # fmt: skip


def _red_if(bad: bool) -> Health:
    return Health.RED if bad else Health.GREEN


def _backup_words(deps: Deps, age_s: float | None) -> str:
    """Whether it lacks anything, or what to do about none."""
    known = backups.last_backup(deps)
    if known is not None and known.problems:
        return f"the newest lacks {known.problems:,} files"
    return "whole" if backups.judge_backup(age_s) == Health.GREEN else "make one"


def backlog_rows(numbers: StatusNumbers) -> list[BarRow]:
    """Takes by state, as rows of `components.draw_bars`."""
    return [
        {
            "word": text.LOOKS[state].word, "icon": text.LOOKS[state].icon, "tone": text.LOOKS[state].tone,
            "means": text.LOOKS[state].means, "count": numbers.jobs.get(state, 0),
            "shown": _many(numbers.jobs.get(state, 0)),
        }
        for state in JobState
    ]  # fmt: skip


#: health -> what a worker's badge says, its icon and colour
_BADGES = {
    Health.GREEN: ("At work", ":material/check_circle:", "green"),
    Health.AMBER: ("Silent", ":material/hourglass_top:", "orange"),
    Health.RED: ("Silent", ":material/error:", "red"),
}


def draw_workers(signs: Sequence[WorkerHeartbeat], *, swept: LastSweep | None) -> None:
    """Who works, when each was last heard of, and who ran the last sweep."""
    if not signs:
        st.caption("None seen. Takes are kept and wait. Start one: `python -m backend worker`")
    for sign in signs:
        with st.container(horizontal=True, key=f"worker-{sign.name}", vertical_alignment="center"):
            words, icon, colour = _BADGES[sign.health]
            if sign.health == Health.GREEN and sign.clock_is_off:
                words, icon, colour = "Clock astray", ":material/schedule:", "orange"
            st.badge(words, icon=icon, color=colour)  # type: ignore[arg-type]  # one of the kit's colours
            # What a silent one had in hand, others go on with.
            busy = f", {sign.in_hand} takes" if sign.in_hand != 1 else ", 1 take"
            hand = "" if sign.health == Health.RED else busy if sign.in_hand else ", idle"
            st.markdown(
                f"**{text.plain(sign.name)}** · Last seen {text.ago(sign.silent_s)}"
                f"{hand}{_sweeping(sign, swept)}{_astray(sign)}"
            )


def draw_work(kinds: Sequence[WorkKind]) -> None:
    """What waits and what goes on, by kind of work; a line breaks between kinds only."""
    shown = [f"{KIND_TITLES[kind.name]}: {kind.running} going on, {kind.waiting} waiting" for kind in kinds]
    st.caption(" · ".join(words.replace(" ", "\u00a0") for words in shown))


def draw_sweeps(found: Sequence[Sweep]) -> None:
    """What the last sweeps did."""
    if not found:
        st.caption("None yet.")
        return
    rows = [
        {
            "When": item.started_at,
            "Took": tables.Shown(f"{item.took_s:.2f} s", item.took_s, is_number=True),
            "Did": _sweep_words(item.did),
        }
        for item in found
    ]
    tables.draw_rows(rows, key="sweep-table", name="Sweeps that found something to do", height_px=280)


def _sweeping(sign: WorkerHeartbeat, swept: LastSweep | None) -> str:
    return ", ran last sweep" if swept is not None and swept.by == sign.name else ""


def _astray(sign: WorkerHeartbeat) -> str:
    """What a wrong clock does, and what to do."""
    if not sign.clock_is_off:
        return ""
    ahead = "ahead of" if sign.clock_skew_s > 0 else "behind"
    return (
        f" · its clock is {abs(sign.clock_skew_s):,.0f} s {ahead} the database's: takes may change hands too "
        "soon or too late. Have its host follow a time server (NTP)"
    )


def _many(number: int) -> str:
    """A number of takes; until a sweep has counted further, only so much is known."""
    return f"{number:,}+" if number == totals.EXACT_UP_TO else f"{number:,}"


#: health -> the colour of a figure's second line
_TONES: dict[Health, Literal["off", "orange", "red"]] = {
    Health.GREEN: "off",
    Health.AMBER: "orange",
    Health.RED: "red",
}


def _figure(
    label: str, value: str, below: str, health: Health = Health.GREEN, *, tip: str | None = None
) -> None:
    st.metric(
        label,
        value,
        delta=text.plain(below),
        delta_color=_TONES[health],
        delta_arrow="off",
        border=True,
        help=tip,
    )


def _sweep_words(did: dict[str, Any] | None) -> str:
    """What a sweep did: "looked at 3, woken 1"."""
    parts = [
        f"{name.replace('_', ' ')} {number}"
        for name, number in (did or {}).items()
        if number and name != "took_s"
    ]
    return ", ".join(parts) or "nothing to do"
