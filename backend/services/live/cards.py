"""A take as a card: one shape for walls, lists and what is pushed to open pages.

Everything stands below the pages, since a card is also made where no page is drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from backend.domain.library.review import ReviewState
from backend.domain.output_files import FileKind
from backend.domain.states import ACTIVE_STATES, ENDED_STATES, JobState
from backend.domain.text import join_sentences
from backend.domain.trouble import Trouble
from backend.models import Job, Video
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import durations, figures
from backend.services.gallery.downloads import download_name
from backend.services.gallery.durations import Busy, UsualTime
from backend.services.gallery.looks import state_look
from backend.services.gallery.pictures import ICONS, length_words, poster_key, ratio_of, shown_as
from backend.services.gallery.provider_said import provider_said
from backend.services.gallery.signed_links import dashboard_link
from backend.services.gallery.take_files import playing_key
from backend.services.gallery.takes import Take
from backend.services.live.cost_words import cost_words
from backend.services.live.own_part import own_part
from backend.services.money.charges import charge_of
from backend.store.jobs import counts
from backend.store.library.marks import Marks, load_marks, load_opinions

#: A text on a card is cut after this many characters; the take's own page has all of it.
CARD_CHARS = 160
#: Parameters that are longer than this stand on the take's own page alone.
PARAM_CHARS = 60
#: What stands in for a prompt where a model takes none.
NO_PROMPT = "(no prompt)"


@dataclass(frozen=True)
class Surroundings:
    """What cards say of takes beside their own rows. ahead: how many stand before them in our own line.

    usual: of those that are in progress; work: what is being rendered now.
    """

    marks: Mapping[str, Marks]
    usual: Mapping[str, UsualTime | None]
    ahead: Mapping[str, int]
    work: Mapping[Busy, int]


def card_json(deps: Deps, viewer: Viewer, take: Take, now: datetime) -> dict[str, Any]:
    """One take as a card for this viewer, who may see it."""
    return cards_json(deps, viewer, [take], now)[0]


def cards_json(deps: Deps, viewer: Viewer, takes: Sequence[Take], now: datetime) -> list[dict[str, Any]]:
    """These takes as cards for this viewer, who may see them; so many queries, however many takes."""
    if not takes:
        return []
    ids, around = [take.job.id for take in takes], load_surroundings(deps, takes)
    with deps.store.read() as session:
        opinions = load_opinions(session, ids, [viewer.name]).get(viewer.name, {})
    return [
        shared_part(deps, take, around, now) | own_part(viewer, take.job, opinions.get(take.job.id))
        for take in takes
    ]


def load_surroundings(deps: Deps, takes: Sequence[Take]) -> Surroundings:
    """What `shared_part` says of these takes beside their rows."""
    jobs = [take.job for take in takes]
    waits = any(job.state == JobState.CREATED for job in jobs)
    ids = [job.id for job in jobs]
    with deps.store.read() as session:
        marks = load_marks(session, ids)
        ahead = counts.places_in_line(session, ids) if waits else {}
    moving = [job for job in jobs if job.state in ACTIVE_STATES]
    usual = {job.id: durations.usual_time(deps, job.model, job.params) for job in moving}
    return Surroundings(marks, usual, ahead, durations.work_going_on(deps) if moving else {})


def shared_part(deps: Deps, take: Take, around: Surroundings, now: datetime) -> dict[str, Any]:
    """What a card says to everybody who may see it; links are relative to the root of all pages."""
    job, progress = take.job, _progress(deps, take, around, now)
    return {
        "id": job.id,
        "version": job.version + job.edits,
        "state": job.state,
        "status": take.status,
        "href": f"take?take={job.id}",
        "created_ms": milliseconds(job.created_at),
        "who": job.owner,
        **_look(take, progress),
        **_pictures(deps, take),
        **progress,
        **_request(deps, take),
        **_library(job, around.marks[job.id]),
    }


def milliseconds(moment: datetime) -> int:
    """A moment as browsers count."""
    return int(moment.timestamp() * 1000)


def fetched_share(job: Job) -> float | None:
    """How much of the file is here, 0 to 1; None while nothing is being fetched."""
    done, total = job.fetched_bytes or 0, job.fetch_total_bytes
    return done / total if job.state == JobState.RENDERED and total and done < total else None


def _look(take: Take, progress: Mapping[str, Any]) -> dict[str, Any]:
    """Its state in a word, an icon and a tone; and why, where there is no picture."""
    job, video, shown = take.job, take.video, state_look(take.job)
    missing = video is not None and video.missing_at is not None
    kind = ICONS[FileKind(video.kind)] if video and job.state == JobState.STORED else shown.icon
    return {
        "word": "File missing" if missing else shown.word,
        "icon": "file_download_off" if missing else kind,
        "tone": "orange" if missing else shown.tone,
        "means": shown.means,
        "overlay": missing or job.state != JobState.STORED,
        "moving": job.state in ACTIVE_STATES,
        "ended": job.state in ENDED_STATES,
        "why": _why(job, _expected(progress) or shown.means),
        "trouble": _trouble(job),
    }


def _pictures(deps: Deps, take: Take) -> dict[str, Any]:
    """Its main file: what stands for it, what plays, what is saved, and its measures."""
    video, here = take.video, take.video is not None and take.video.missing_at is None
    shown, key = shown_as(video) if video is not None and here else ("none", None)
    others = len(take.files) - 1
    length = length_words(video)
    return {
        "poster": _link(deps, poster_key(video)) if video else None,
        "preview": _link(deps, video.preview_key or playing_key(video)) if video and here else None,
        "player": _link(deps, key),
        "kind": shown,
        "download": _download(deps, take, video) if video and here else None,
        "length": f"{length} +{others}".strip() if others > 0 else length,
        "width": video.width or None if video else None,
        "height": video.height or None if video else None,
        "duration_s": video.duration_s or None if video else None,
        "fps": video.fps if video else None,
        "ratio": ratio_of(take.job, video),
        "files_here": sum(file.here for file in take.files),
    }


def _progress(deps: Deps, take: Take, around: Surroundings, now: datetime) -> dict[str, Any]:
    """How far it is, and against what time: rendering alone is measured by what is usual.

    late_s: from then on it renders for longer than nearly all did; next_s: when it is asked for again.
    """
    job, usual, ours = take.job, around.usual.get(take.job.id), _in_our_line(deps, take.job)
    since = durations.rendering_since(job, blocking=_is_blocking(deps, job))
    rendering_s = (now - since).total_seconds() if since else None
    late = rendering_s is not None and usual is not None and rendering_s > usual.late_s
    ahead = around.ahead.get(job.id) if ours else job.queue_position
    waits = job.state in (JobState.CREATED, JobState.QUEUED)
    starts = durations.starts_in_s(job, ahead, usual, around.work) if waits and ahead else None
    return {
        "elapsed_s": round(take.elapsed_s(now), 1),
        "rendering_s": None if rendering_s is None else round(max(0.0, rendering_s), 1),
        "share": fetched_share(job),
        "usual": usual.words if usual else "",
        "usual_s": usual.high_s if usual else None,
        "late_s": usual.late_s if usual else None,
        "next_s": round((job.due_at - now).total_seconds()) if job.due_at and since else None,
        "slow": durations.slow_words(job.due_at, now) if late else "",
        "queue": durations.line_words(ahead, starts, usual) if waits else _bytes(job),
    }


def _request(deps: Deps, take: Take) -> dict[str, Any]:
    """What was asked for, and what it costs."""
    job = take.job
    return {
        "alt": figures.shorten(job.prompt or NO_PROMPT, CARD_CHARS),
        "prompt": job.prompt,
        "prompt_key": prompt_key(job.prompt),
        "model": model_title(deps, job.model),
        "model_id": job.model,
        "params": _small(job.params),
        "seed": _seed(job),
        "style": job.style or {},
        "cost": cost_words(charge_of(job, reads_events=deps.settings.reads_bills)),
    }


def _library(job: Job, marks: Marks) -> dict[str, Any]:
    """What the team made of it."""
    review_at = milliseconds(job.review_at) if job.review_at else None
    return {
        "review": {"state": job.review or ReviewState.NONE, "by": job.review_by, "at_ms": review_at},
        "tags": marks.tags,
        "has_note": bool(job.note),
        "project": job.project_id,
        "collections": marks.collections,
        "trashed": job.trashed_at is not None,
    }


def model_title(deps: Deps, model_id: str) -> str:
    """A model's title; its id when it is no longer on offer."""
    try:
        return deps.catalogue.recall(model_id).title
    except KeyError:
        return model_id


def prompt_key(prompt: str) -> str:
    """The same for two prompts that differ in spaces and case alone."""
    return blake2b(" ".join(prompt.split()).casefold().encode(errors="replace"), digest_size=8).hexdigest()


def _link(deps: Deps, key: str | None) -> str | None:
    """Relative to the root of all pages, whatever path they are served under; None for no file."""
    link = dashboard_link(deps, key)
    return link and link.removeprefix("/")


def _download(deps: Deps, take: Take, video: Video) -> str | None:
    name = download_name(take.job, take.files[0], video) if take.files else None
    link = dashboard_link(deps, video.key, download_as=name)
    return link and link.removeprefix("/")


def _expected(progress: Mapping[str, Any]) -> str:
    """What comes of a take in progress, and when; "" where nothing tells."""
    usual = f"usually {progress['usual']}" if progress["usual"] else ""
    told = str(progress["queue"] if progress["rendering_s"] is None else progress["slow"] or usual)
    return told[:1].upper() + told[1:]


def _why(job: Job, means: str) -> str:
    """One sentence for a card without a poster."""
    trouble = Trouble.of(job.error)
    if job.state in (JobState.FAILED, JobState.HELD, JobState.CANCELLED) and trouble:
        return figures.shorten(trouble.message, CARD_CHARS)
    return means if job.state in ACTIVE_STATES else ""


def _trouble(job: Job) -> str:
    """The last trouble of a take that goes on all the same."""
    trouble = Trouble.of(job.error)
    if job.state not in ACTIVE_STATES or trouble is None:
        return ""
    tries = f" (tried {job.attempts} times)" if job.attempts > 1 else ""
    return join_sentences(trouble.message.rstrip(".") + tries, trouble.next_step)


def _is_blocking(deps: Deps, job: Job) -> bool:
    """Does its provider keep the call open until it is rendered?"""
    provider = deps.providers.get(job.provider)
    return provider is not None and provider.blocking


def _in_our_line(deps: Deps, job: Job) -> bool:
    """Does it wait here for its turn, rather than at its provider?"""
    return job.state == JobState.CREATED and _is_blocking(deps, job)


def _bytes(job: Job) -> str:
    """How much of its file is here."""
    if fetched_share(job) and job.fetched_bytes:
        return f"{figures.size(job.fetched_bytes)} of {figures.size(job.fetch_total_bytes)}"
    return ""


def _small(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters short enough for a card."""
    scalars = {name: value for name, value in params.items() if isinstance(value, str | int | float | bool)}
    return {name: value for name, value in scalars.items() if len(str(value)) <= PARAM_CHARS}


def _seed(job: Job) -> int | None:
    """The seed that was used, as the answer tells it, else as it was asked for."""
    told, asked = provider_said(job).seed, job.params.get("seed")
    if told is not None:
        return told
    return asked if isinstance(asked, int) and not isinstance(asked, bool) else None
