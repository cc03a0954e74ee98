"""All that is known of one take, in labels and values, what happened to it, and what can be done about it."""

from collections.abc import Mapping, Sequence
from typing import Any

from backend.domain.access.roles import Do
from backend.domain.prompt import AXES
from backend.domain.states import JobState
from backend.domain.text import join_sentences
from backend.models import History
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import figures
from backend.services.gallery.looks import LOOKS, event_words
from backend.services.gallery.provider_said import provider_said
from backend.services.gallery.takes import Take
from backend.services.live.cards import milliseconds
from backend.services.money.charges import charge_of, told_trouble
from backend.services.money.quotes import payable_words, quote_again

#: A prompt that the model made of the one that was sent.
MODELS_PROMPT = "Prompt as the model rewrote it"


#: Where nothing moves any more, or only a person's decision would move it.
_STANDS = frozenset({JobState.FAILED, JobState.HELD, JobState.CANCELLED})


def facts_of(take: Take, card: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Labels and values (`at_ms` for a moment), what was asked for first."""
    job, video = take.job, take.video
    style = [(axis.capitalize(), job.style[axis]) for axis in AXES if (job.style or {}).get(axis)]
    params = [
        (name.replace("_", " ").capitalize(), _words(name, value)) for name, value in job.params.items()
    ]
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


def told_of(deps: Deps, viewer: Viewer, take: Take, card: Mapping[str, Any]) -> dict[str, Any] | None:
    """Of a take that came to nothing: what happened; whether it cost money and what comes next; what to do.

    `retry`: the label of a button that pays; `edit`: where its request can be changed. None: not offered.
    """
    job = take.job
    charge = charge_of(job, reads_events=deps.settings.reads_bills)
    trouble = told_trouble(job, charge)
    if job.state not in _STANDS or trouble is None:
        return None
    may_retry = card["may"]["retry"]
    return {
        "what": trouble.message or "No reason was given.",
        "rest": join_sentences(charge.words, trouble.next_step),
        "retry": f"Retry · {payable_words(deps, quote_again(deps, job))}" if may_retry else None,
        "edit": f"./?from={job.id}" if viewer.may(Do.START) and job.state != JobState.HELD else None,
    }


def _words(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return figures.param_words(name, value)
