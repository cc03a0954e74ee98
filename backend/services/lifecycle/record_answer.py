"""What came of the one POST, written on the row: accepted, refused, provably not sent, or unknown."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Unpack

from sqlmodel import Session

from backend.domain import policy
from backend.domain.errors import ProviderRefused, ProviderUnanswered, ProviderUnsent, StaleState
from backend.domain.states import TRANSITIONS, JobEvent, JobState
from backend.domain.text import join_sentences
from backend.domain.trouble import Charged, Trouble
from backend.models import Job, JobColumns
from backend.providers.base import Errored, Finished, Outcome, Receipt, Unclear
from backend.services.deps import Deps
from backend.services.lifecycle import apply_result, provider_pause
from backend.services.lifecycle.claims import Claim
from backend.store.jobs import jobs
from backend.store.jobs.jobs import ENDED_WITHOUT_VIDEO

log = logging.getLogger(__name__)

#: A blocking provider answers with the end itself; an error's class says what is known.
SubmitAnswer = Receipt | Outcome | ProviderUnsent | ProviderRefused | ProviderUnanswered

RETRIED_TEXT = "It is tried again by itself; nothing was charged."
WATCHED_TEXT = (
    "It is not sent again by itself. Its webhook and the provider's records are watched for it; "
    "you can keep waiting, send it again or give up."
)
CHARGED_TEXT = "It may have been charged; this provider can't be asked again."
NOT_ASKED_TEXT = (
    "It is not sent again by itself, and this provider can't be asked: you can send it again, "
    "which may pay for it twice, or give up."
)

REFUSED_TEXT = "It is not sent again. Edit and rerun it with what the reason asks for."


def record_answer(deps: Deps, claim: Claim, answer: SubmitAnswer) -> None:
    """Commit what a submit came to; may be done twice."""
    match answer:
        case Receipt():
            _accepted(deps, claim, answer)
        case Finished() | Errored() | Unclear():
            _ended(deps, claim, answer)
        case ProviderUnsent():
            _not_now(deps, claim, answer)
        case ProviderRefused():
            _refused(deps, claim, answer)
        case ProviderUnanswered():
            hold_job(deps, claim, answer)


def _ended(deps: Deps, claim: Claim, result: Outcome) -> None:
    """A blocking provider's call came to its end; that is a fact, whoever holds the job by now."""
    now = deps.clock.now()
    with deps.store.begin() as session:
        job = jobs.get(session, claim.job.id)
        sent_at = job.submitted_at or job.state_at
        if job.state == JobState.CREATED:  # the database has forgotten: see `_adopt`
            job = jobs.advance(session, job.id, JobEvent.RESTORED, at=now, by=claim.by)
        job = apply_result.apply_outcome(session, job, result, at=now, by=claim.by, submitted_at=sent_at)
    claim.job = job
    log.info("answered", extra={"job": claim.job.id, "state": claim.job.state})


def unknown_trouble(error: ProviderUnanswered, *, blocking: bool, at: datetime) -> Trouble:
    """What a held take says. blocking: its provider can't be asked about it."""
    trouble = Trouble.from_error(error, charged=Charged.MAYBE, next_step=WATCHED_TEXT, at=at)
    if not blocking:
        return trouble
    return replace(trouble, message=join_sentences(trouble.message, CHARGED_TEXT), next_step=NOT_ASKED_TEXT)


def hold_job(deps: Deps, claim: Claim, error: ProviderUnanswered) -> None:
    """The request may have been accepted: never send it again, look for it instead."""
    log.warning("submission unknown", extra={"job": claim.job.id, "why": str(error)})
    blocking = deps.get_provider(claim.job.provider).blocking
    trouble = unknown_trouble(error, blocking=blocking, at=deps.clock.now())
    asked = deps.settings.webhooks_reach_us and not blocking
    sent_at = claim.job.state_at
    known: JobColumns = {"error": trouble.as_json(), "submitted_at": sent_at, "webhook_asked": asked}
    try:
        claim.record(JobEvent.UNANSWERED, due_in_s=policy.RECONCILE_FIRST_S, **known)
    except StaleState:
        now = deps.clock.now()
        known["due_at"] = now + timedelta(seconds=policy.RECONCILE_FIRST_S)
        with deps.store.begin() as session:
            if claim.submit_begun_at is None or jobs.get(session, claim.job.id).state != JobState.CREATED:
                raise
            # We have sent it, and the database has forgotten that: a standby that was behind took over.
            updated = jobs.advance(session, claim.job.id, JobEvent.RESTORED, at=now, by=claim.by, **known)
        claim.job = updated


def _accepted(deps: Deps, claim: Claim, receipt: Receipt) -> None:
    """Keep what the provider said, whoever holds the job by now: a receipt is a fact."""
    log.info("accepted", extra={"job": claim.job.id, "request": receipt.request_id})
    now = deps.clock.now()
    with deps.store.begin() as session:
        job = jobs.get(session, claim.job.id)
        other = jobs.by_request(session, job.provider, receipt.request_id)
        taken = other is not None and other.id != job.id
        updated = job if taken else _adopt(deps, session, job, receipt, now=now, by=claim.by)
    claim.job = updated
    if taken:
        why = "The provider answered with a request id that belongs to another take."
        hold_job(deps, claim, ProviderUnanswered(why, code="request_id_taken"))
        return
    provider_pause.resume_provider(deps, claim.job.provider)


def _adopt(deps: Deps, session: Session, job: Job, receipt: Receipt, *, now: datetime, by: str) -> Job:
    changes: JobColumns = {
        "status_url": receipt.status_url,
        "response_url": receipt.response_url,
        "cancel_url": receipt.cancel_url,
        "request_id": receipt.request_id,
        "submitted_at": now,
    }
    if job.request_id not in (None, receipt.request_id):
        log.error("a second request id", extra={"job": job.id, "request": receipt.request_id})
        return job
    if job.state == JobState.CREATED:  # the database has forgotten: a standby that was behind took over
        job = jobs.advance(session, job.id, JobEvent.RESTORED, at=now, by=by)
    if job.state not in TRANSITIONS[JobEvent.ACCEPTED][0]:
        # Its webhook was faster than its answer, or a person gave it up: only the names are news.
        watched = {*ENDED_WITHOUT_VIDEO, JobState.STORED}  # stored: by a link that a person named
        if job.state in watched and job.request_id is None:  # a video may come: ask for a while
            first_look_at = now + timedelta(seconds=deps.settings.first_poll_delay_s)
            changes |= {"due_at": first_look_at, "polls": 0, "attempts": 0}
        return jobs.update_if_unchanged(session, job, **changes)
    waits_s = 0.0 if job.cancel_requested_at else deps.settings.first_poll_delay_s
    changes |= {
        "due_at": now + timedelta(seconds=waits_s),
        "queue_position": receipt.queue_position,
        "polls": 0,
        "webhook_asked": deps.settings.webhooks_reach_us,
    }
    return jobs.advance(session, job.id, JobEvent.ACCEPTED, at=now, by=by, **changes)


def _not_now(deps: Deps, claim: Claim, error: ProviderUnsent) -> None:
    attempts, breakdowns = claim.job.attempts + 1, claim.job.polls + (error.tries is not None)
    if error.tries is not None and breakdowns >= error.tries:
        _refused(deps, claim, ProviderRefused(str(error), code=error.code, detail=error.detail))
        return
    wait_s = policy.backoff_s(attempts)
    if error.retry_after_s is not None:
        wait_s = max(error.retry_after_s, min(wait_s, 1.0))
    changes: JobColumns = {"attempts": attempts, "polls": breakdowns}
    changes["error"] = claim.trouble(error, Charged.NO, RETRIED_TEXT).as_json()
    if claim.submit_begun_at is None:
        claim.defer(due_in_s=wait_s, **changes)
        return
    note = None if error.tries is None else f"turned away by a breakdown ({error.code})"
    _tell(deps, claim, JobEvent.UNSENT, due_in_s=wait_s, note=note, **changes)


def _refused(deps: Deps, claim: Claim, error: ProviderRefused) -> None:
    row_error = claim.trouble(error, Charged.NO, REFUSED_TEXT).as_json()
    _tell(deps, claim, JobEvent.REFUSED, error=row_error)
    if error.pauses_provider:
        provider_pause.pause_provider(deps, claim.job.provider, reason=str(error), code=error.code)


def _tell(
    deps: Deps,
    claim: Claim,
    event: JobEvent,
    *,
    due_in_s: float | None = None,
    note: str | None = None,
    **values: Unpack[JobColumns],
) -> None:
    """Record what certainly came of the request, though others may have called it unknown by now.

    While this process could not write for longer than its lease, whoever took over found a job that was
    begun and not answered, and held it, or is about to. The answer is still this process's to give, as long
    as nothing else happened to the job: its version says so.
    """
    begun = claim.job.version + (claim.job.state != JobState.SUBMITTING)  # that its own commit was not heard
    try:
        claim.record(event, due_in_s=due_in_s, note=note, **values)
        return
    except StaleState:
        with deps.store.begin() as session:
            job = jobs.get(session, claim.job.id)
            # Whoever holds a job notes which begin it was held for; one that never arrived may be another's.
            held = job.state == JobState.HELD
            ours = (job.submitted_at if held else job.state_at) == (
                claim.submit_begun_at or claim.job.state_at
            )
            if not (held or job.state == JobState.SUBMITTING) or job.version != begun + held or not ours:
                raise
            now = deps.clock.now()
            if due_in_s is not None:
                values["due_at"] = now + timedelta(seconds=due_in_s)
            updated = jobs.advance(session, job.id, event, at=now, by=claim.by, note=note, **values)
        claim.job = updated
    log.info("known after all", extra={"job": claim.job.id, "state": claim.job.state})


def hold_interrupted(deps: Deps, claim: Claim) -> None:
    """A worker stopped between saying that it would send and recording an answer: nobody can tell.

    Whoever comes here holds the claim, so that worker's lease has run out.
    """
    why = "The program stopped while it was sending. The take may have been accepted."
    hold_job(deps, claim, ProviderUnanswered(why, code="interrupted"))
