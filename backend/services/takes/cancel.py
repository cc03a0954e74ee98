"""A person stops a take. What was paid for and comes anyway is kept."""

from datetime import datetime

from backend.domain.errors import NotFound
from backend.domain.states import JobEvent, JobState
from backend.domain.trouble import Charged, Trouble
from backend.models import Job, JobColumns
from backend.services.access import Role, Viewer
from backend.services.deps import Deps
from backend.store.jobs import jobs

#: Was it charged, and what a person reads.
NOTHING_SENT = (Charged.NO, "Nothing was sent.")
MAYBE_ACCEPTED = (Charged.MAYBE, "It may have been accepted; a video that comes anyway is kept.")
#: Where nobody has to be asked.
ENDS_AT_ONCE = {JobState.CREATED: NOTHING_SENT, JobState.HELD: MAYBE_ACCEPTED}


def cancel_job(deps: Deps, viewer: Viewer, job_id: str) -> Job:
    """Ask for a job to be stopped; returns it as it is then.

    Nothing sent yet: cancelled at once. Accepted: the worker asks the provider. Ended: unchanged.

    Raises:
        NotAllowed: the viewer may not cancel.
        NotFound: there is no such job that this viewer may see.
    """
    viewer.require_role(Role.CREATOR)
    now = deps.clock.now()
    with deps.store.begin() as session:
        job = jobs.get(session, job_id)
        if not viewer.may_see(job.owner):
            raise NotFound("There is no take with that id.")
        if job.state in ENDS_AT_ONCE:
            trouble = stopped_by_person(*ENDS_AT_ONCE[JobState(job.state)], at=now)
            values: JobColumns = {"cancel_requested_at": now, "error": trouble.as_json()}
            return jobs.advance(session, job_id, JobEvent.CANCELLED, at=now, by=viewer.name, **values)
        if job.state not in (JobState.SUBMITTING, JobState.QUEUED, JobState.RUNNING):
            return job
        due_at = job.due_at if job.state == JobState.SUBMITTING and job.due_at else now
        requested_at = job.cancel_requested_at or now
        return deps.wake_job(session, job_id, at=due_at, cancel_requested_at=requested_at)


def stopped_by_person(charged: Charged, message: str, *, at: datetime) -> Trouble:
    """What a stopped take says."""
    return Trouble("cancelled", f"Stopped by a person. {message}", charged, "Nothing more is done.", at)
