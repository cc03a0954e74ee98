"""What a provider says of a finished request, applied to its job; webhooks, polls and searches meet here."""

from datetime import datetime
from typing import Unpack

from sqlmodel import Session

from backend.domain.errors import StaleState
from backend.domain.states import TRANSITIONS, JobEvent
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
) -> None:
    """Record how a request ended. Raises StaleState: the job is past that already."""
    if job.state not in TRANSITIONS[_event(job, outcome)][0]:  # before a line of the ledger is written for it
        raise StaleState(f"the job {job.id} is past that")
    if isinstance(outcome, Finished):
        apply_finished(session, job, outcome, at=at, by=by, lease_token=lease_token, **values)
    else:
        apply_errored(session, job, outcome, at=at, by=by, lease_token=lease_token, **values)


def apply_finished(
    session: Session,
    job: Job | JobHead,
    finished: Finished,
    *,
    at: datetime,
    by: str,
    lease_token: str | None = None,
    **values: Unpack[JobColumns],
) -> None:
    """There is a video: from now on the worker brings it home.

    Raises:
        StaleState: the job has its video already, or is about to.
    """
    changes: JobColumns = {
        **rendered_values(finished, at=at),
        **_revived(session, job, at),
        **_billed(session, job, finished.billable_units, at),
        **values,
    }
    jobs.apply_transition(
        session, job.id, JobEvent.FINISHED, at=at, by=by, lease_token=lease_token, note=_late(job), **changes
    )


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


def apply_errored(
    session: Session,
    job: Job | JobHead,
    failed: Errored,
    *,
    at: datetime,
    by: str,
    lease_token: str | None = None,
    **values: Unpack[JobColumns],
) -> None:
    """The provider tried and failed; it is not sent again. Raises StaleState: the job is past failing."""
    cost, detail = was_charged(failed), failed.detail
    trouble = Trouble(failed.code, failed.message, cost, NOT_SENT_AGAIN_TEXT, at, detail)
    if cost == Charged.MAYBE and (values.get("request_id") or job.request_id):
        values = {"due_at": at, "polls": 0, "attempts": 0, **values}  # the provider is asked what it billed
    changes: JobColumns = {
        "queue_position": None,
        "error": trouble.as_json(),
        **_billed(session, job, failed.billable_units, at),
        **values,
    }
    event = _event(job, failed)
    jobs.apply_transition(session, job.id, event, at=at, by=by, lease_token=lease_token, **changes)


def _event(job: Job | JobHead, result: Finished | Errored) -> JobEvent:
    if isinstance(result, Finished):
        return JobEvent.FINISHED
    stopped = result.cancelled and job.cancel_requested_at is not None
    return JobEvent.CANCELLED if stopped else JobEvent.ERRORED


def _revived(session: Session, job: Job | JobHead, at: datetime) -> JobColumns:
    """A job that had ended counts again; one that had not never stopped counting."""
    return budgets.restore_reservation(session, job, at=at) if job.ended_at is not None else {}


def _billed(session: Session, job: Job | JobHead, units: float | None, at: datetime) -> JobColumns:
    """What the answer itself says of the bill; where it says nothing, the bill is asked for later."""
    return {} if units is None else budgets.settle_bill(session, job, units, at=at)


def was_charged(failed: Errored) -> Charged:
    """Did this failure cost money? A provider's own fault doesn't; a refusal after GPU time may."""
    if failed.cancelled or failed.billable_units == 0:
        return Charged.NO
    if failed.billable_units:
        return Charged.YES
    return Charged.NO if failed.own_fault else Charged.MAYBE


def _late(job: Job | JobHead) -> str | None:
    """A word for the history when the video came after the job had been given up."""
    return f"it came although the take was {job.state}" if job.ended_at or job.state == "held" else None
