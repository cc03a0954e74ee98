"""What a provider says of a finished request, applied to its job; webhooks, polls and searches meet here."""

from datetime import datetime
from typing import Unpack

from sqlmodel import Session

from backend.domain.errors import StaleState
from backend.domain.states import TRANSITIONS, JobEvent, JobState
from backend.domain.trouble import Charged, Trouble
from backend.models import Job, JobColumns, JobHead
from backend.providers.base import Errored, Finished
from backend.services.money import budgets
from backend.store.jobs import jobs

NOT_SENT_AGAIN_TEXT = "It is not sent again by itself. You can use it again."


def apply_outcome(
    session: Session,
    job: Job | JobHead,
    outcome: Finished | Errored,
    *,
    at: datetime,
    by: str,
    lease_token: str | None = None,
    **values: Unpack[JobColumns],
) -> Job:
    """Record how a request ended; returns the job as it is then.

    Where there is a video, the worker brings it home; a failure is not sent again.

    Raises:
        StaleState: the job is past that already.
    """
    event, note = _event(job, outcome), None
    if job.state not in TRANSITIONS[event][0]:  # before a line of the ledger is written for it
        raise StaleState(f"the job {job.id} is past that")
    if isinstance(outcome, Finished):
        changes = rendered_values(outcome, at=at)
        if job.ended_at is not None:  # it counts again; one that had not ended never stopped counting
            changes |= budgets.restore_reservation(session, job, at=at)
        if job.ended_at or job.state == JobState.HELD:
            note = f"it came although the take was {job.state}"
    else:
        has_id = bool(values.get("request_id") or job.request_id)
        changes = _failed_values(outcome, has_id=has_id, at=at)
    if outcome.billable_units is not None:  # where the answer says nothing, the bill is asked for later
        changes |= budgets.settle_bill(session, job, outcome.billable_units, at=at)
    changes |= values
    return jobs.advance(session, job.id, event, at=at, by=by, lease_token=lease_token, note=note, **changes)


def rendered_values(finished: Finished, *, at: datetime) -> JobColumns:
    """What a job says of a video that the provider has for it, whatever the job was before."""
    return {
        "due_at": at,
        "rendered_at": at,
        "queue_position": None,
        "result_url": finished.url,
        "result_size_bytes": finished.size_bytes,
        "result": finished.output,
        "fetched_bytes": None,
        "fetch_total_bytes": None,
    }


def _failed_values(failed: Errored, *, has_id: bool, at: datetime) -> JobColumns:
    cost = was_charged(failed)
    trouble = Trouble(failed.code, failed.message, cost, NOT_SENT_AGAIN_TEXT, at, failed.detail)
    changes: JobColumns = {"queue_position": None, "error": trouble.as_json()}
    if cost == Charged.MAYBE and has_id:  # the provider is asked what it billed
        changes |= {"due_at": at, "polls": 0, "attempts": 0}
    return changes


def _event(job: Job | JobHead, result: Finished | Errored) -> JobEvent:
    if isinstance(result, Finished):
        return JobEvent.FINISHED
    stopped = result.cancelled and job.cancel_requested_at is not None
    return JobEvent.CANCELLED if stopped else JobEvent.ERRORED


def was_charged(failed: Errored) -> Charged:
    """Did this failure cost money? A provider's own fault doesn't; a refusal after GPU time may."""
    if failed.cancelled or failed.billable_units == 0:
        return Charged.NO
    if failed.billable_units:
        return Charged.YES
    return Charged.NO if failed.own_fault else Charged.MAYBE
