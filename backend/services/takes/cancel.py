"""Stop a take. What was paid for and comes anyway is kept."""

from backend.domain import policy
from backend.domain.errors import NotFound, ProviderBusy, ProviderForgot
from backend.domain.states import JobEvent, JobState
from backend.models import Job
from backend.services.access import Role, Viewer
from backend.services.deps import Deps
from backend.services.lifecycle.claims import Claim, defer_job, describe_error, record_event
from backend.services.lifecycle.poll import poll_job, request_ref
from backend.store.jobs import jobs

#: Where nobody has to be asked: was it charged, and what a person reads.
ENDS_AT_ONCE: dict[JobState, tuple[str, str]] = {
    JobState.CREATED: ("no", "Nothing was sent."),
    JobState.HELD: ("maybe", "It may have been accepted; a video that comes anyway is kept."),
}


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
            charged, message = ENDS_AT_ONCE[JobState(job.state)]
            return jobs.advance(
                session,
                job_id,
                JobEvent.CANCELLED,
                at=now,
                by=viewer.name,
                cancel_requested_at=now,
                error=_stopped(now.isoformat(), charged, message),
            )
        if job.state not in (JobState.SUBMITTING, JobState.QUEUED, JobState.RUNNING):
            return job
        due_at = job.due_at if job.state == JobState.SUBMITTING and job.due_at else now
        job = jobs.make_due(session, job_id, at=due_at, cancel_requested_at=job.cancel_requested_at or now)
        deps.carrier.enqueue_job(session, job_id)
        return job


def cancel_unsent(deps: Deps, claim: Claim) -> None:
    """Stop a job that a person stopped while it was being sent, and that was provably not accepted."""
    charged, message = ENDS_AT_ONCE[JobState.CREATED]
    row_error = _stopped(deps.clock.now().isoformat(), charged, message)
    record_event(deps, claim, JobEvent.CANCELLED, error=row_error)


def cancel_at_provider(deps: Deps, claim: Claim) -> None:
    """Ask the provider to stop a job that it accepted, and record what it says.

    Afterwards the job is `cancelled` (and asked about for a while: a video may come anyway), or
    where the provider says that it ended first. Until it has said either, it is told again.
    """
    stopping, row_error = False, None
    try:
        stopping = deps.get_provider(claim.job.provider).cancel(request_ref(claim.job))
    except ProviderForgot:
        pass  # or some proxy's word: what it says of the take's standing decides
    except ProviderBusy as error:
        row_error = describe_error(
            deps, error, charged="maybe", next_step="Stopping it is tried again by itself."
        )
    if stopping:
        message = "The provider was told to stop. It may still bill what it had begun"
    else:
        poll_job(deps, claim)
        if claim.job.state in (JobState.QUEUED, JobState.RUNNING):  # the two answers disagree: ask again
            wait_s = policy.backoff_s(claim.job.polls + claim.job.attempts)
            defer_job(deps, claim, due_in_s=wait_s, error=claim.job.error or row_error)
        if claim.job.state != JobState.HELD:
            return
        message = "The provider no longer knows of it"
    record_event(
        deps,
        claim,
        JobEvent.CANCELLED,
        due_in_s=policy.poll_interval_s(0, first_s=deps.settings.first_poll_delay_s),
        polls=0,
        attempts=0,
        queue_position=None,
        error=_stopped(
            deps.clock.now().isoformat(), "maybe", f"{message}; a video that comes anyway is kept."
        ),
    )


def _stopped(at: str, charged: str, message: str) -> dict[str, object]:
    return {
        "code": "cancelled",
        "message": f"Stopped by a person. {message}",
        "charged": charged,
        "next": "Nothing more is done.",
        "detail": None,
        "at": at,
    }
