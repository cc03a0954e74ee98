"""A take as clients see it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from backend.catalogue.pricing.quote import Quote
from backend.domain.states import API_STATUS, JobState
from backend.models import Job
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import signed_links
from backend.services.gallery import takes as gallery
from backend.services.gallery.provider_said import provider_said
from backend.services.gallery.take_files import FileOfTake, playing_key
from backend.services.gallery.takes import Take
from backend.services.library.about import AboutTake, describe_takes
from backend.services.money.charges import charge_of, told_trouble

#: What clients are told of when things happened to a take.
MOMENTS = ("created_at", "submitted_at", "started_at", "rendered_at", "ended_at")


def started_json(deps: Deps, job: Job) -> dict[str, Any]:
    """What a client hears right after a start."""
    status = API_STATUS[JobState(job.state)]
    return {"id": job.id, "status": status, "state": job.state, "status_url": _status_url(deps, job.id)}


def take_json(deps: Deps, viewer: Viewer, take: Take) -> dict[str, Any]:
    """A take as this client sees it."""
    return takes_json(deps, viewer, [take])[0]


def takes_json(deps: Deps, viewer: Viewer, takes: Sequence[Take]) -> list[dict[str, Any]]:
    """A page of takes as this client sees them."""
    about = describe_takes(deps, viewer, [take.job for take in takes])
    return [_take_json(deps, take) | about_json(about[take.job.id]) for take in takes]


def about_json(about: AboutTake) -> dict[str, Any]:
    """What people have made of a take, as clients see it."""
    return {
        "project": about.project,
        "collections": list(about.collections),
        "tags": list(about.tags),
        "note": about.note,
        "review": {
            "state": about.review,
            "by": about.review_by,
            "at": about.review_at.isoformat() if about.review_at else None,
        },
        "rating": {"mine": about.mine, "mean": about.mean, "count": about.count},
        "favourite": about.favourite,
        "trashed_at": about.trashed_at.isoformat() if about.trashed_at else None,
        "made_from": [one._asdict() for one in about.made_from],
        "led_to": [one._asdict() for one in about.led_to],
    }


def _take_json(deps: Deps, take: Take) -> dict[str, Any]:
    """A take as everybody sees it."""
    job = take.job
    charge = charge_of(job, reads_events=deps.settings.reads_bills)
    processing, trouble = take.status == "processing", told_trouble(job, charge)
    moments = {name: getattr(job, name) for name in MOMENTS}
    return {
        "id": job.id,
        "status": take.status,
        "state": job.state,
        "provider": job.provider,
        "model": job.model,
        "prompt": job.prompt,
        "sent_prompt": job.sent_prompt,
        "style": job.style,
        "params": job.params,
        "image": job.image,
        "images": job.images or {},
        "template_version": job.template_version,
        "variables": job.variables or {},
        "owner": job.owner,
        "parent_id": job.parent_id,
        "request_id": job.request_id,
        "returned": asdict(provider_said(job)),
        "elapsed_s": round(take.elapsed_s(deps.clock.now()), 3),
        "queue_position": gallery.queue_position(deps, job),
        "progress": {"fetched_bytes": job.fetched_bytes, "total_bytes": job.fetch_total_bytes}
        if job.fetched_bytes is not None
        else None,
        "error": None if processing or trouble is None else trouble.as_told(),
        "trouble": trouble.as_told() if processing and trouble else None,
        "cancel_requested": job.cancel_requested_at is not None,
        "video": _video_json(deps, take),
        "files": [_file_json(deps, file) for file in take.files],
        "files_zip_url": signed_links.api_link(deps, signed_links.zip_key(take)),
        "cost": {
            "estimate_usd": job.estimate_usd,
            "billed_usd": charge.billed_usd,
            "at_most_usd": (job.price or {}).get("at_most_usd", job.estimate_usd),
            "basis": (job.price or {}).get("basis"),
            "source": charge.source,
            "state": charge.state,
            "words": charge.words,
            "asked_until": charge.asked_until.isoformat() if charge.asked_until else None,
        },
        "status_url": _status_url(deps, job.id),
        **{name: moment.isoformat() if moment else None for name, moment in moments.items()},
    }


def quote_json(quote: Quote) -> dict[str, Any]:
    """What a take would cost, as clients see it; null where nobody knows."""
    return {
        "estimate_usd": quote.usd,
        "at_most_usd": quote.at_most_usd,
        "source": quote.source.value,
        "basis": quote.basis,
        "as_of": quote.as_of,
    }


def _video_json(deps: Deps, take: Take) -> dict[str, Any] | None:
    video = take.video
    if video is None or take.status != "completed":
        return None
    return {
        "url": signed_links.api_link(deps, video.key),
        "poster_url": signed_links.api_link(deps, video.poster_key),
        "preview_url": signed_links.api_link(deps, video.preview_key),
        "player_url": signed_links.api_link(deps, playing_key(video)),
        "sha256": video.sha256,
        "size_bytes": video.size_bytes,
        "duration_s": video.duration_s or None,
        "width": video.width or None,
        "height": video.height or None,
        "fps": video.fps,
        "missing": video.missing_at is not None,
    }


def _file_json(deps: Deps, file: FileOfTake) -> dict[str, Any]:
    """One file of a take; what is not known of it, or not yet, is null."""
    stored = file.video
    whole = stored if stored is not None and stored.missing_at is None else None
    return {
        "role": file.wanted.role,
        "kind": file.kind,
        "url": signed_links.api_link(deps, whole.key) if whole else None,
        "poster_url": signed_links.api_link(deps, whole.poster_key) if whole else None,
        "player_url": signed_links.api_link(deps, playing_key(whole)) if whole else None,
        "sha256": stored.sha256 if stored else None,
        "size_bytes": stored.size_bytes if stored else file.wanted.size_bytes,
        "content_type": stored.content_type if stored else file.wanted.content_type,
        "width": stored.width or None if stored else None,
        "height": stored.height or None if stored else None,
        "duration_s": stored.duration_s or None if stored else None,
        "checked": stored.checked if stored else False,
        "problem": file.problem,
    }


def _status_url(deps: Deps, job_id: str) -> str:
    return f"{deps.settings.public_url}/api/video/status/{job_id}"
