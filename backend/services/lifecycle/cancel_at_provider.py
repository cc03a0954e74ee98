"""A worker stops a take that a person wants stopped."""

from backend.domain import policy
from backend.domain.errors import ProviderBusy, ProviderForgot
from backend.domain.states import JobEvent, JobState
from backend.domain.trouble import Charged
from backend.models import JobColumns
from backend.services.deps import Deps
from backend.services.lifecycle.claims import Claim
from backend.services.lifecycle.poll import poll_job, request_ref
from backend.services.takes.cancel import NOTHING_SENT, stopped_by_person


def cancel_unsent(deps: Deps, claim: Claim) -> None:
    """Stop a job that a person stopped while it was being sent, and that was provably not accepted."""
    name = claim.job.cancel_requested_by
    trouble = stopped_by_person(name, *NOTHING_SENT, at=deps.clock.now())
    claim.record(JobEvent.CANCELLED, by=name, error=trouble.as_json())


def cancel_at_provider(deps: Deps, claim: Claim) -> None:
    """Ask the provider to stop a job that it accepted, and record what it says.

    Afterwards the job is `cancelled` (and asked about for a while: a video may come anyway), or
    where the provider says that it ended first. Until it has said either, it is told again.
    """
    stopping, row_error = False, None
    try:
        stopping = deps.get_provider(claim.job.provider).cancel(request_ref(claim.job))
    except ProviderForgot:
        pass  # or some proxy's word: what it says of the take's status decides
    except ProviderBusy as error:
        row_error = claim.trouble(error, Charged.MAYBE, "Stopping it is tried again by itself.").as_json()
    if stopping:
        message = "The provider was told to stop"
    else:
        poll_job(deps, claim)
        if claim.job.state in (JobState.QUEUED, JobState.RUNNING):  # the two answers disagree: ask again
            wait_s = policy.backoff_s(claim.job.polls + claim.job.attempts)
            claim.defer(due_in_s=wait_s, error=claim.job.error or row_error)
        if claim.job.state != JobState.HELD:
            return
        message = "The provider no longer knows of it"
    message = f"{message}; a video that comes anyway is kept."
    name = claim.job.cancel_requested_by
    told = stopped_by_person(name, Charged.MAYBE, message, at=deps.clock.now()).as_json()
    wait_s = policy.poll_interval_s(0, first_s=deps.settings.first_poll_delay_s)
    values: JobColumns = {"polls": 0, "attempts": 0, "queue_position": None, "error": told}
    claim.record(JobEvent.CANCELLED, due_in_s=wait_s, by=name, **values)
