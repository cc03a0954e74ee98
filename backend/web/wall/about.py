"""All that is known of one take, in labels and values, and what happened to it."""

from collections.abc import Mapping, Sequence
from typing import Any

from backend.domain.prompt import AXES
from backend.domain.states import JobState
from backend.models import History
from backend.services.gallery import figures
from backend.services.gallery.looks import LOOKS, event_words
from backend.services.gallery.provider_said import provider_said
from backend.services.gallery.takes import Take
from backend.services.live.cards import milliseconds

#: A prompt that the model made of the one that was sent.
MODELS_PROMPT = "Prompt as the model rewrote it"


def facts_of(take: Take, card: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Labels and values (`at_ms` for a moment), what was asked for first."""
    job, video = take.job, take.video
    style = [(axis.capitalize(), job.style[axis]) for axis in AXES if (job.style or {}).get(axis)]
    params = [(name.replace("_", " ").capitalize(), _words(value)) for name, value in job.params.items()]
    rows = [("Model", card["model"]), *style, *params, ("Cost", card["cost"]), ("Person", job.owner)]
    said = provider_said(job)
    rows += [("Seed used", None if said.seed is None else str(said.seed)), (MODELS_PROMPT, said.prompt)]
    if job.sent_prompt and job.sent_prompt != job.prompt:
        rows.insert(0, ("Final prompt", job.sent_prompt))
    if video is not None and video.width:
        rate = f" · {video.fps:g} fps" if video.fps else ""
        rows.append(("Picture", f"{video.width} × {video.height}{rate}"))
    if video is not None:
        rows += [("Size", figures.size(video.size_bytes)), ("SHA-256", video.sha256)]
    rows += [("Take", job.id), ("Request", job.request_id)]
    moments = (("Asked for", job.created_at), ("Rendered", job.rendered_at), ("Ended", job.ended_at))
    return [
        *({"label": label, "value": str(value)} for label, value in rows if value),
        *({"label": label, "at_ms": milliseconds(moment)} for label, moment in moments if moment),
    ]


def history_of(moves: Sequence[History]) -> list[dict[str, Any]]:
    """What happened: when, the state it led to, by whom."""
    return [
        {
            "at_ms": milliseconds(move.at), "word": LOOKS[JobState(move.state)].word,
            "icon": LOOKS[JobState(move.state)].icon, "tone": LOOKS[JobState(move.state)].tone,
            "what": event_words(move.event), "who": move.by, "note": move.note or "",
        }
        for move in moves
    ]  # fmt: skip


def _words(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
