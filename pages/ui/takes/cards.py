"""A take as people see it: on a poster, in a line that says where it stands, and when it went wrong."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import streamlit as st

from backend.domain.output_files import FileKind
from backend.domain.states import ACTIVE_STATES, ENDED_STATES, JobEvent, JobState
from backend.domain.text import join_sentences
from backend.domain.trouble import Trouble
from backend.models import History, Job, Video
from backend.services.gallery import takes as gallery
from backend.services.gallery.take_files import named_by_hand, playing_key
from backend.services.gallery.takes import Take
from backend.services.money.charges import told_trouble
from pages.ui import components, context, money, text
from pages.ui.components import FactRow, HistoryRow
from pages.ui.takes import files

#: A prompt on a card is cut after this many characters; the detail page has all of it.
CARD_CHARS = 160
#: Troubles whose detail is the model's output, which is drawn by itself.
OF_OUTPUTS = frozenset({"unclear_result", "link_leads_nowhere"})
#: What stands in for a prompt where a model takes none.
NO_PROMPT = "(no prompt)"
#: Where the pages lie, as the kit finds them: beside the frame.
DETAIL = "library/take.py"
GENERATE = "studio/generate.py"
GALLERY = "library/gallery.py"


def is_moving(job: Job) -> bool:
    """Does something happen to this take by itself?"""
    return job.state in ACTIVE_STATES


def fetched_share(job: Job) -> float | None:
    """How much of the file is here, 0 to 1; None while nothing is being fetched."""
    done, total = job.fetched_bytes or 0, job.fetch_total_bytes
    return done / total if job.state == JobState.RENDERED and total and done < total else None


def card_data(take: Take, now: datetime) -> dict[str, object]:
    """What `components.draw_gallery` draws of a take."""
    job, video, shown = take.job, take.video, text.state_look(take.job)
    missing = video is not None and video.missing_at is not None
    return {
        "id": job.id,
        "href": f"take?take={job.id}",
        "poster": files.poster_link(video) if video else None,
        "preview": _preview(video) if video and not missing else None,
        "alt": text.shorten(job.prompt or NO_PROMPT, CARD_CHARS),
        "word": "File missing" if missing else shown.word,
        "icon": "file_download_off" if missing else _icon(take) or shown.icon,
        "tone": "orange" if missing else shown.tone,
        "overlay": missing or job.state != JobState.STORED,
        "why": _why(job),
        "moving": is_moving(job),
        "elapsed_s": round(take.elapsed_s(now), 1),
        "share": fetched_share(job),
        "length": _length(take),
        "model": context.model_title(job.model),
        "who": job.owner,
        "cost": money.cost_words(job),
        "created_ms": _ms(job.created_at),
    }


def status_data(take: Take, now: datetime, *, prompt: bool = True, note: bool = True) -> dict[str, object]:
    """What `components.draw_status` draws of a take. note: with its last trouble."""
    job, shown = take.job, text.state_look(take.job)
    usual = gallery.usual_duration(context.deps(), job.model) if is_moving(job) else None
    return {
        "id": job.id,
        "state": job.state,
        "word": shown.word,
        "icon": shown.icon,
        "tone": shown.tone,
        "means": shown.means,
        "moving": is_moving(job),
        "ended": job.state in ENDED_STATES,
        "elapsed_s": round(take.elapsed_s(now), 1),
        "usual": usual_words(usual) if usual else "",
        "usual_s": usual.high_s if usual else None,
        "share": fetched_share(job),
        "extra": _extra(job),
        "prompt": text.shorten(job.prompt or NO_PROMPT, CARD_CHARS) if prompt else "",
        "about": f"{context.model_title(job.model)} · {job.owner} · {money.cost_words(job)}",
        "note": _note(job) if note else "",
    }


def usual_words(usual: gallery.UsualDuration) -> str:
    """How long a model usually takes, in words; an estimate says so."""
    words = f"{text.clock(usual.low_s)}–{text.clock(usual.high_s)}"
    return words if usual.learnt else f"about {words}"


def draw_status(take: Take, now: datetime, *, prompt: bool = True, note: bool = True) -> None:
    """Draw where a take stands."""
    components.draw_status(status_data(take, now, prompt=prompt, note=note), key=f"status-{take.job.id}")


def draw_trouble(job: Job) -> None:
    """What went wrong, whether it cost money, what the system does next, what a person can do."""
    charge = money.charge(job)
    trouble = told_trouble(job, charge)
    if trouble is None:
        return
    rest = text.plain(join_sentences(charge.words, trouble.next_step))
    message = f"**{text.plain(trouble.message or 'No reason was given.')}**  \n{rest}"
    match job.state:
        case JobState.FAILED:
            st.error(message, icon=":material/error:")
        case JobState.HELD:
            st.warning(message, icon=":material/pan_tool:")
        case JobState.CANCELLED:
            st.info(message, icon=":material/block:")
        case _:
            st.warning(message, icon=":material/build:")
    if trouble.detail is not None and trouble.code not in OF_OUTPUTS:
        with st.expander("Technical detail", icon=":material/terminal:", key=f"detail-{job.id}"):
            kept = trouble.as_json()
            st.json({name: kept[name] for name in ("code", "at", "detail")})


def draw_output(job: Job) -> None:
    """What came of a take whose end could not be understood, for a person to read; nothing for any other."""
    if not job.result or not (job.state == JobState.HELD or named_by_hand(job)):
        return
    with st.container(border=True, key="output", gap="small"):
        st.markdown(":material/data_object: **What came**")
        st.json(job.result, expanded=3)


def _preview(video: Video) -> str | None:
    """What plays when a pointer rests on a card: nothing of a file that was never decoded."""
    return context.media_link(video.preview_key or playing_key(video))


def _icon(take: Take) -> str | None:
    """What stands in for the poster of a stored take without one: what kind of file it is."""
    return (
        files.ICONS[FileKind(take.video.kind)] if take.video and take.job.state == JobState.STORED else None
    )


def _length(take: Take) -> str:
    """How long the main file is, and how many there are besides."""
    length = files.length_words(take.video)
    others = len(take.files) - 1
    return f"{length} +{others}".strip() if others > 0 else length


def _why(job: Job) -> str:
    """One sentence for a card without a poster."""
    trouble = Trouble.of(job.error)
    if job.state in (JobState.FAILED, JobState.HELD, JobState.CANCELLED) and trouble:
        return text.shorten(trouble.message, CARD_CHARS)
    return text.state_look(job).means if is_moving(job) else ""


def _extra(job: Job) -> str:
    """Place in line, or bytes of bytes."""
    position = gallery.queue_position(context.deps(), job)
    if job.state in (JobState.CREATED, JobState.QUEUED) and position is not None:
        return f"{position} ahead" if position else "next to start"
    if fetched_share(job) and job.fetched_bytes:
        return f"{text.size(job.fetched_bytes)} of {text.size(job.fetch_total_bytes)}"
    return ""


def _note(job: Job) -> str:
    """The last trouble of a take that goes on all the same."""
    trouble = Trouble.of(job.error)
    if not is_moving(job) or trouble is None:
        return ""
    tries = f" (tried {job.attempts} times)" if job.attempts > 1 else ""
    return join_sentences(trouble.message.rstrip(".") + tries, trouble.next_step)


def _ms(moment: datetime) -> int:
    """A moment as browsers count."""
    return int(moment.timestamp() * 1000)


def history_rows(history: Sequence[History]) -> list[HistoryRow]:
    """A take's history, as rows of `components.draw_history`."""
    return [_history_row(event, text.LOOKS[JobState(event.state)]) for event in history]


def _history_row(event: History, look: text.Look) -> HistoryRow:
    return {
        "at_ms": _ms(event.at), "word": look.word, "icon": look.icon, "tone": look.tone,
        "what": _event_words(event.event), "who": event.by, "note": event.note or "",
    }  # fmt: skip


def _event_words(event: str) -> str:
    """What happened; one that only a newer program knows stands there as it is."""
    return EVENTS[JobEvent(event)] if event in frozenset(JobEvent) else event.replace("_", " ")


def moment_row(label: str, moment: datetime | None, value: str = "") -> FactRow:
    """A row of `components.draw_facts` that tells a moment."""
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
    JobEvent.REQUEUED: "queued again",
    JobEvent.FORGOTTEN: "the provider no longer knows it",
    JobEvent.FINISHED: "rendered",
    JobEvent.ERRORED: "the provider failed",
    JobEvent.SAVED: "saved and verified",
    JobEvent.RESTORED: "found in a restored database: may have been sent since",
    JobEvent.LOST: "lost at the provider",
    JobEvent.CANCELLED: "cancelled",
}
