"""What differs on a take's card from viewer to viewer: their own opinion, and what they may do with it."""

from collections.abc import Mapping
from typing import Any

from backend.domain.access.roles import Do
from backend.domain.states import ENDED_STATES, JobState
from backend.models import Job, TakeOpinion
from backend.services.access import Viewer

#: In these a take can be cancelled, as long as nobody has.
_CANCELLABLE = frozenset({JobState.CREATED, JobState.SUBMITTING, JobState.QUEUED, JobState.RUNNING})


def own_part(viewer: Viewer, job: Job, opinion: TakeOpinion | None) -> dict[str, Any]:
    """What this viewer thinks of the take, whether it is theirs, and what they may do with it now."""
    change, start = viewer.may_change(job.owner), viewer.may(Do.START)
    mean = round(job.rating_sum / job.rating_count, 2) if job.rating_count else None
    return {
        "rating": {
            "mine": opinion.rating if opinion else None,
            "mean": mean,
            "count": job.rating_count,
        },
        "favourite": bool(opinion and opinion.favourite),
        "mine": viewer.owns(job.owner),
        "may": _rights(viewer, job, change=change, start=start),
    }


def _rights(viewer: Viewer, job: Job, *, change: bool, start: bool) -> Mapping[str, bool]:
    in_trash = job.trashed_at is not None
    return {
        "rate": viewer.may(Do.RATE),
        "change": change,
        "approve": change and viewer.may(Do.APPROVE),
        "trash": change and not in_trash and job.state in ENDED_STATES,
        "restore": change and in_trash and job.emptied_at is None,
        "cancel": change and job.state in _CANCELLABLE and job.cancel_requested_at is None,
        "retry": change and start and job.state == JobState.FAILED and not in_trash,
    }
