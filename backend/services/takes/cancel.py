"""A person stops a take. What was paid for and comes anyway is kept."""

from datetime import datetime, timedelta

from sqlmodel import Session

from backend.domain.states import JobEvent, JobState
from backend.domain.trouble import Charged, Trouble
from backend.models import Job, JobColumns
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.services.gallery.take_files import named_by_hand
from backend.services.takes.to_change import get_to_change
from backend.store.jobs import jobs

#: Was it charged, and what a person reads.
NOTHING_SENT = (Charged.NO, "Nothing was sent.")
MAYBE_ACCEPTED = (Charged.MAYBE, "It may have been accepted; a video that comes anyway is kept.")
LINK_GIVEN_UP = (
    Charged.MAYBE,
    "A link that a person named is not fetched; a video that comes anyway is kept.",
)
FILES_GIVEN_UP = (
    Charged.YES,
    "It was rendered; its files are not fetched. Their links are kept: they can be fetched later, while the "
    "provider has them.",
)
UNANSWERED = (
    Charged.MAYBE,
    "The provider has not said that it stops; a video that comes anyway is kept.",
)
#: So long the provider is asked to stop before a person can end the take without its word.
ANSWER_WAIT = timedelta(seconds=60)
#: What the provider is told, or was told, about.
TOLD_STATES = frozenset({JobState.QUEUED, JobState.RUNNING})
#: Where nobody has to be asked.
ENDS_AT_ONCE = {
    JobState.CREATED: NOTHING_SENT,
    JobState.HELD: MAYBE_ACCEPTED,
    JobState.RENDERED: FILES_GIVEN_UP,
}


def cancel_job(deps: Deps, viewer: Viewer, job_id: str) -> Job:
    """Ask for a job to be stopped; returns it as it is then.

    Nothing sent yet: cancelled at once. Accepted: the worker asks the provider; asked once more after a
    minute without the provider's word, it ends here, and a late video is watched for. Rendered: its files are
    given up, their links kept, and what it cost is asked for. Ended: unchanged.

    Raises:
        NotAllowed: it is not this viewer's to cancel.
        NotFound: there is no such job that this viewer may see.
    """
    now = deps.clock.now()
    with deps.store.begin() as session:
        job = get_to_change(session, viewer, job_id)
        unanswered = may_end_unanswered(job, now)
        if job.state in ENDS_AT_ONCE or unanswered:
            rendered = job.state == JobState.RENDERED
            reason = UNANSWERED if unanswered else ENDS_AT_ONCE[JobState(job.state)]
            reason = LINK_GIVEN_UP if rendered and named_by_hand(job) else reason
            ended = _end(deps, session, viewer, job, reason)
            asked = unanswered or rendered  # for a late video, or its bill
            return deps.wake_job(session, job_id, at=now, polls=0, attempts=0) if asked else ended
        if job.state not in (JobState.SUBMITTING, JobState.QUEUED, JobState.RUNNING):
            return job
        due_at = job.due_at if job.state == JobState.SUBMITTING and job.due_at else now
        if job.cancel_requested_at is not None:
            return deps.wake_job(session, job_id, at=due_at)
        _record(deps, session, viewer, job, "asked for")
        asked_by: JobColumns = {"cancel_requested_at": now, "cancel_requested_by": viewer.name}
        return deps.wake_job(session, job_id, at=due_at, **asked_by)


def cancel_if_unsent(deps: Deps, session: Session, viewer: Viewer, job_id: str) -> bool:
    """Stop a job of which nothing was sent yet; False: it has been sent meanwhile, and stays as it is."""
    job = jobs.get(session, job_id)
    if job.state != JobState.CREATED:
        return False
    _end(deps, session, viewer, job, NOTHING_SENT)
    return True


def _end(deps: Deps, session: Session, viewer: Viewer, job: Job, reason: tuple[Charged, str]) -> Job:
    now = deps.clock.now()
    values: JobColumns = {
        "cancel_requested_at": now, "cancel_requested_by": viewer.name,
        "error": stopped_by_person(viewer.name, *reason, at=now).as_json(),
    }  # fmt: skip
    _record(deps, session, viewer, job, "ended")
    return jobs.advance(session, job.id, JobEvent.CANCELLED, at=now, by=viewer.name, **values)


def may_end_unanswered(job: Job, now: datetime) -> bool:
    """Was the provider asked to stop this, and has not said for too long what became of it?"""
    asked_at = job.cancel_requested_at
    return job.state in TOLD_STATES and asked_at is not None and now - asked_at >= ANSWER_WAIT


def stopped_by_person(name: str | None, charged: Charged, message: str, *, at: datetime) -> Trouble:
    """What a stopped take says. name: who stopped it; None: an older program didn't write that down."""
    return Trouble("cancelled", cancelled_by(name, message), charged, "Nothing more is done.", at)


def cancelled_by(name: str | None, message: str) -> str:
    """How the message of a take begins that somebody stopped."""
    return f"Cancelled by {name or 'a person'}. {message}"


def _record(deps: Deps, session: Session, viewer: Viewer, job: Job, how: str) -> None:
    changed = {"state": (job.state, JobState.CANCELLED), "cancel": (None, how)}
    record(
        session, deps, viewer, Action.TAKE_CANCELLED, object_type="take", object_id=job.id, changed=changed
    )
