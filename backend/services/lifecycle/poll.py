"""Ask the provider where a job stands. Without any webhook this path alone brings every take home."""

import logging
from datetime import datetime

from sqlmodel import Session

from backend.domain import policy
from backend.domain.errors import ProviderBusy, ProviderForgot
from backend.domain.states import ENDED_STATES, JobEvent, JobState
from backend.domain.trouble import Charged
from backend.models import Job, JobColumns
from backend.providers.base import UNREADABLE, Errored, Finished, RequestRef, RequestStatus, Unclear, Waiting
from backend.services.deps import Deps
from backend.services.lifecycle.apply_result import was_charged
from backend.services.lifecycle.claims import Claim
from backend.services.money import settling
from backend.store.jobs import jobs

log = logging.getLogger(__name__)

ASKED_AGAIN_TEXT = "The take is asked about again by itself."
FORGOTTEN_TEXT = (
    "The provider's records and a late webhook are watched for it; you can keep waiting, send it again or "
    "give up."
)


def poll_job(deps: Deps, claim: Claim) -> None:
    """Ask about one job that the provider has accepted; afterwards it is where the provider says it is.

    It is due again while that is not the end. One that was cancelled or failed is asked about for a while:
    a video may have come anyway.
    """
    try:
        standing = deps.get_provider(claim.job.provider).status(request_ref(claim.job))
    except ProviderForgot as error:
        _forgotten(deps, claim, error)
    except ProviderBusy as error:
        _busy(claim, error)
    else:
        _record_standing(deps, claim, standing)


def request_ref(job: Job) -> RequestRef:
    """How the provider knows this job."""
    assert job.request_id is not None
    return RequestRef(
        model=job.model,
        request_id=job.request_id,
        status_url=job.status_url,
        response_url=job.response_url,
        cancel_url=job.cancel_url,
    )


def _record_standing(deps: Deps, claim: Claim, standing: RequestStatus) -> None:
    job = claim.job
    if isinstance(standing, Finished):
        claim.apply(standing)
    elif isinstance(standing, Errored | Unclear):
        if job.state in (JobState.QUEUED, JobState.RUNNING):
            claim.apply(standing)
        elif standing.billable_units is None and not _was_free(standing):
            claim.defer(due_in_s=None)  # it may have been billed: what was reserved stays
        else:  # it had ended already, and no video came of it
            _close(deps, claim, standing.billable_units)
    else:
        _still_going(deps, claim, standing)


def _was_free(standing: Errored | Unclear) -> bool:
    """Does its provider bill nothing for such an end, also where no count says so?"""
    return isinstance(standing, Errored) and was_charged(standing) == Charged.NO


def _close(deps: Deps, claim: Claim, units: float | None) -> None:
    """Nothing more will come of this job, says its provider: bill what it counted, or give all back."""
    now = deps.clock.now()

    def settle(session: Session) -> JobColumns:
        job = jobs.get(session, claim.job.id)
        if units is None and job.billed_usd is not None:  # its billing events were read meanwhile
            return {}
        return settling.settle_told(session, job.id, units or 0.0, at=now)

    claim.defer(due_in_s=None, also=settle)


def _still_going(deps: Deps, claim: Claim, standing: RequestStatus) -> None:
    job, polls = claim.job, claim.job.polls + 1
    if job.state in ENDED_STATES:
        _watch(claim, attempts=0)
        return
    wait_s = policy.poll_interval_s(polls, first_s=deps.settings.first_poll_delay_s)
    position = standing.queue_position if isinstance(standing, Waiting) else None
    changes: JobColumns = {"queue_position": position, "polls": polls, "attempts": 0}
    if isinstance(standing, Waiting) and job.state == JobState.RUNNING:
        claim.record(JobEvent.REQUEUED, due_in_s=wait_s, **changes)
    elif not isinstance(standing, Waiting) and job.state == JobState.QUEUED:
        changes["started_at"] = started_at(job, deps.clock.now())
        claim.record(JobEvent.STARTED, due_in_s=wait_s, **changes)
    else:
        changes["error"] = None
        claim.defer(due_in_s=wait_s, **changes)
    if claim.job.cancel_requested_at != job.cancel_requested_at:  # a person stopped it while we asked
        with deps.store.begin() as session:
            deps.wake_job(session, job.id, at=deps.clock.now())


def started_at(job: Job, now: datetime) -> datetime:
    """Since when it renders, as far as is known: with nobody before it at first, since it was accepted.

    The first look may come a minute later, and what is learnt from it would be too short by that.
    """
    at_once = job.polls == 0 and not job.queue_position
    return job.submitted_at if at_once and job.submitted_at else now


def _watch(claim: Claim, *, attempts: int) -> None:
    """It has ended here, and a video may come anyway: ask again, more and more seldom, then no more."""
    looks = claim.job.polls + 1
    wait_s = policy.backoff_s(looks, first_s=policy.LATE_VIDEO_FIRST_S, cap_s=policy.LATE_VIDEO_CAP_S)
    over = looks > policy.LATE_VIDEO_CHECKS
    claim.defer(due_in_s=None if over else wait_s, polls=looks, attempts=attempts)


def _busy(claim: Claim, error: ProviderBusy) -> None:
    """No usable answer: the job stands where it stood, and is asked about again."""
    job = claim.job
    if job.state in ENDED_STATES:
        _watch(claim, attempts=job.attempts + 1)
        return
    if error.code == UNREADABLE and claim.faults_in_a_row(error.code) >= policy.FORGOTTEN_AFTER:
        claim.apply(Unclear(f"The provider has finished, so it says. {error}", error.detail))
        return
    attempts = job.attempts + 1
    claim.defer(
        due_in_s=policy.backoff_s(attempts, cap_s=policy.POLL_CAP_S),
        attempts=attempts,
        error=claim.trouble(error, Charged.MAYBE, ASKED_AGAIN_TEXT).as_json(),
    )


def _forgotten(deps: Deps, claim: Claim, error: ProviderForgot) -> None:
    """Believed only after several such answers in a row; then a person decides, unless it has ended."""
    job = claim.job
    if job.state in ENDED_STATES:
        if job.attempts + 1 < policy.FORGOTTEN_AFTER or job.rendered_at is not None:  # it was made, and paid
            _watch(claim, attempts=job.attempts + 1)
        elif job.state == JobState.CANCELLED:  # it was told to stop, and knows of nothing
            _close(deps, claim, None)
        else:  # nobody says any more what it cost: the charge stays open
            claim.defer(due_in_s=None)
        return
    seen = claim.faults_in_a_row(error.code)
    if seen < policy.FORGOTTEN_AFTER:
        trouble = claim.trouble(error, Charged.MAYBE, ASKED_AGAIN_TEXT)
        claim.defer(due_in_s=policy.backoff_s(seen), attempts=seen, error=trouble.as_json())
        return
    log.warning("forgotten by the provider", extra={"job": job.id, "request": job.request_id})
    trouble = claim.trouble(error, Charged.MAYBE, FORGOTTEN_TEXT)
    claim.record(JobEvent.FORGOTTEN, due_in_s=policy.RECONCILE_FIRST_S, error=trouble.as_json())
