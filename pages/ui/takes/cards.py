"""A take as people see it: on a poster, in a line that says where it stands, and when it went wrong."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import streamlit as st

from backend.domain.states import ENDED, MOVING, JobEvent, JobState
from backend.models import Job
from backend.services.gallery import takes as gallery
from backend.services.gallery.takes import Take
from pages.ui import components, context, money, text

#: A prompt on a card is cut after this many characters; the detail page has all of it.
CARD_CHARS = 160
#: What stands in for a prompt where a model takes none.
NO_PROMPT = "(no prompt)"
#: Where the pages lie, as the kit finds them: beside the frame.
DETAIL = "library/take.py"
GENERATE = "studio/generate.py"
GALLERY = "library/gallery.py"


def moves(job: Job) -> bool:
    """Does something happen to this take by itself?"""
    return job.state in MOVING


def share(job: Job) -> float | None:
    """How much of the file is here, 0 to 1; None while nothing is being fetched."""
    if job.state != JobState.RENDERED or not job.fetch_total_bytes:
        return None
    return min(1.0, (job.fetched_bytes or 0) / job.fetch_total_bytes)


def card(take: Take, now: datetime) -> dict[str, Any]:
    """What `components.gallery` draws of a take."""
    job, video, shown = take.job, take.video, text.look(take.job)
    missing = video is not None and video.missing_at is not None
    return {
        "id": job.id,
        "href": f"take?take={job.id}",
        "poster": context.link(video.poster_key) if video else None,
        "preview": context.link(video.preview_key or video.key) if video and not missing else None,
        "alt": text.first(job.prompt or NO_PROMPT, CARD_CHARS),
        "word": "File missing" if missing else shown.word,
        "icon": "file_download_off" if missing else shown.icon,
        "tone": "orange" if missing else shown.tone,
        "overlay": missing or job.state != JobState.STORED,
        "why": _why(job),
        "moving": moves(job),
        "elapsed_s": round(take.elapsed_s(now), 1),
        "share": share(job),
        "length": text.clock(video.duration_s) if video else "",
        "model": context.model_title(job.model),
        "who": job.owner,
        "cost": money.cost(job),
        "created_ms": _ms(job.created_at),
    }


def standing(take: Take, now: datetime, *, prompt: bool = True) -> dict[str, Any]:
    """What `components.standing` draws of a take."""
    job, shown = take.job, text.look(take.job)
    usual = gallery.usual_s(context.deps(), job.model) if moves(job) else None
    return {
        "id": job.id,
        "state": job.state,
        "word": shown.word,
        "icon": shown.icon,
        "tone": shown.tone,
        "means": shown.means,
        "moving": moves(job),
        "ended": job.state in ENDED,
        "elapsed_s": round(take.elapsed_s(now), 1),
        "usual": usual_words(usual) if usual else "",
        "usual_s": usual.high_s if usual else None,
        "share": share(job),
        "extra": _extra(job),
        "prompt": text.first(job.prompt or NO_PROMPT, CARD_CHARS) if prompt else "",
        "about": f"{context.model_title(job.model)} · {job.owner} · {money.cost(job)}",
        "note": _note(job),
    }


def usual_words(usual: gallery.Usual) -> str:
    """How long a model usually takes, in words; a first guess says so."""
    words = f"{text.clock(usual.low_s)}–{text.clock(usual.high_s)}"
    return words if usual.learnt else f"about {words}"


def draw_standing(take: Take, now: datetime, *, prompt: bool = True) -> None:
    """Draw where a take stands."""
    components.standing(standing(take, now, prompt=prompt), key=f"standing-{take.job.id}")


def draw_player(take: Take, *, compact: bool = False) -> None:
    """Draw a take's video, ready to play; says so when the file is missing."""
    video = take.video
    if video is None:
        return
    if video.missing_at is not None:
        st.warning(
            "The file is missing from our storage, or altered. It is fetched again by itself.",
            icon=":material/file_download_off:",
        )
        return
    components.player(
        context.link(video.key) or "",
        key=f"player-{take.job.id}",
        poster=context.link(video.poster_key),
        alt=text.first(take.job.prompt or NO_PROMPT, CARD_CHARS),
        width=video.width,
        height=video.height,
        fps=video.fps,
        compact=compact,
    )


def draw_trouble(job: Job) -> None:
    """What went wrong, whether it cost money, what the system does next, what a person can do."""
    error = job.error
    if not error:
        return
    rest = " ".join(text.plain(part) for part in (text.charged(error), error.get("next")) if part)
    told = f"**{text.plain(error.get('message') or 'No reason was given.')}**  \n{rest}"
    draw, symbol = {
        JobState.FAILED: (st.error, ":material/error:"),
        JobState.HELD: (st.warning, ":material/pan_tool:"),
        JobState.CANCELLED: (st.info, ":material/block:"),
    }.get(JobState(job.state), (st.warning, ":material/build:"))
    draw(told, icon=symbol)
    if error.get("detail") is not None:
        with st.expander("Technical detail", icon=":material/terminal:", key=f"detail-{job.id}"):
            st.json({"code": error.get("code"), "at": error.get("at"), "detail": error["detail"]})


def _why(job: Job) -> str:
    """One sentence for a card without a poster."""
    if job.state in (JobState.FAILED, JobState.HELD, JobState.CANCELLED) and job.error:
        return text.first(str(job.error.get("message") or ""), CARD_CHARS)
    return text.look(job).means if moves(job) else ""


def _extra(job: Job) -> str:
    """Place in line, or bytes of bytes."""
    position = gallery.queue_position(context.deps(), job)
    if job.state in (JobState.CREATED, JobState.QUEUED) and position is not None:
        return f"{position} ahead in line" if position else "next in line"
    if job.state == JobState.RENDERED and job.fetched_bytes:
        return f"{text.size(job.fetched_bytes)} of {text.size(job.fetch_total_bytes)}"
    return ""


def _note(job: Job) -> str:
    """The last trouble of a take that goes on all the same."""
    if not moves(job) or not job.error:
        return ""
    tries = f" (tried {job.attempts} times)" if job.attempts > 1 else ""
    return f"{job.error.get('message')}{tries} {job.error.get('next') or ''}".strip()


def _ms(moment: datetime) -> int:
    """A moment as browsers count."""
    return int(moment.timestamp() * 1000)


def event_rows(history: Any) -> list[dict[str, Any]]:
    """What `components.trail` draws of a take's history."""
    rows = []
    for move in history:
        shown = text.LOOKS[move.state]
        rows.append(
            {
                "at_ms": _ms(move.at),
                "word": shown.word,
                "icon": shown.icon,
                "tone": shown.tone,
                "what": EVENTS[JobEvent(move.event)],
                "who": move.by,
                "note": move.note or "",
            }
        )
    return rows


def moment_row(label: str, moment: datetime | None, value: str = "") -> Mapping[str, Any]:
    """A row of `components.facts` that tells a moment."""
    return {
        "label": label,
        "at_ms": _ms(moment) if moment else None,
        "value": value or ("" if moment else "–"),
    }


#: event -> what happened, for the history
EVENTS: Mapping[JobEvent, str] = {
    JobEvent.CREATED: "asked for",
    JobEvent.SUBMIT_BEGUN: "about to be sent",
    JobEvent.UNSENT: "not sent, or turned away for now",
    JobEvent.UNANSWERED: "no usable answer came",
    JobEvent.ACCEPTED: "accepted by the provider",
    JobEvent.REFUSED: "refused by the provider",
    JobEvent.STARTED: "rendering began",
    JobEvent.REQUEUED: "put back in line",
    JobEvent.FORGOTTEN: "the provider no longer knows it",
    JobEvent.FINISHED: "rendered",
    JobEvent.ERRORED: "the provider failed",
    JobEvent.SAVED: "the whole file is ours",
    JobEvent.RESTORED: "found in a restored database: may have been sent since",
    JobEvent.LOST: "lost at the provider",
    JobEvent.CANCELLED: "stopped",
}
