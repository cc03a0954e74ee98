"""One look at one job, by its state. Whatever brings the look here, this is all that happens."""

import logging
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from backend.domain import policy
from backend.domain.errors import MediaError, StaleState, StoreUnavailable, SubmitDeferred
from backend.domain.states import JobState
from backend.domain.trouble import Charged
from backend.models import JobColumns, Video
from backend.services.deps import Deps
from backend.services.gallery.take_files import missing_files
from backend.services.lifecycle import provider_pause
from backend.services.lifecycle.billing import bill_job, needs_bill
from backend.services.lifecycle.cancel_at_provider import cancel_at_provider, cancel_unsent
from backend.services.lifecycle.claims import Claim, Claims
from backend.services.lifecycle.fetching.fetch import fetch_files, files_of
from backend.services.lifecycle.fetching.preview import make_preview
from backend.services.lifecycle.poll import poll_job
from backend.services.lifecycle.reconcile import reconcile_job
from backend.services.lifecycle.record_answer import hold_interrupted
from backend.services.lifecycle.submit import submit_job
from backend.store.queue.tasks import FETCH_STATES
from backend.store.records import videos

log = logging.getLogger(__name__)

#: What is not a file's way home asks a provider, and is short.
ASKING_STATES = frozenset(JobState) - FETCH_STATES


def run_step(deps: Deps, claims: Claims, job_id: str) -> bool:
    """Look at one job, if it is due and nobody has it; returns whether it was.

    One of the two broad `except` of the program is here: one bad row is put off and blocks nobody.
    """
    with claims.claim_job(job_id) as claim:
        if claim is None:
            return False
        try:
            _look(claim)(deps, claim)
        except StaleState as outrun:
            log.info("outrun", extra={"job": job_id, "why": str(outrun)})
        except StoreUnavailable as error:  # in a state of the stack that may hold what no log may show
            why = error.why[:300]
            log.error("a look failed", extra={"job": job_id, "state": claim.job.state, "why": why})
            _put_off(claim)
        except Exception:
            log.exception("a look failed", extra={"job": job_id, "state": claim.job.state})
            _put_off(claim)
        return True


def _look(claim: Claim) -> Callable[[Deps, Claim], None]:
    """What there is to do for a job in this state."""
    job = claim.job
    match job.state:
        case JobState.CREATED if job.cancel_requested_at is not None:  # while it was turned away
            return cancel_unsent
        case JobState.CREATED:
            return _send
        case JobState.SUBMITTING:
            return hold_interrupted
        case JobState.QUEUED | JobState.RUNNING if job.cancel_requested_at is not None:
            return cancel_at_provider
        case JobState.QUEUED | JobState.RUNNING:
            return poll_job
        case JobState.HELD:
            return reconcile_job
        case JobState.RENDERED:
            return fetch_files
        case JobState.STORED:
            return _tend
        case JobState.CANCELLED if job.rendered_at is not None:  # a person does without its files
            return bill_job if needs_bill(job) else _nothing
        case JobState.CANCELLED | JobState.FAILED if job.request_id is not None:
            return poll_job
        case _:
            return _nothing


def _send(deps: Deps, claim: Claim) -> None:
    """Send it, unless its provider is paused or has all its calls open: then it waits in line."""
    try:
        provider_pause.check_not_paused(deps, claim.job.provider)
        submit_job(deps, claim, deps.get_provider(claim.job.provider))
    except SubmitDeferred as wait:
        claim.defer(due_in_s=wait.wait_s)


def _tend(deps: Deps, claim: Claim) -> None:
    """A stored job is due when a file has gone missing, its bill is not known, or it has no preview yet."""
    files = files_of(deps, claim.job)
    missing = missing_files(files)
    gone = [file.video for file in missing if file.video]
    if gone:
        _bring_back(deps, claim, gone)
    elif needs_bill(claim.job):
        bill_job(deps, claim)
    elif missing:  # a program of the schema before stored its main file alone
        fetch_files(deps, claim)
    else:
        make_preview(deps, claim, files)


def _bring_back(deps: Deps, claim: Claim, missing: list[Video]) -> None:
    """Files that are there again need no fetch: their folder or bucket was away. Any other is fetched."""
    try:
        there = all(deps.storage.size(video.key) == video.size_bytes for video in missing)
    except MediaError as error:
        attempts = claim.job.attempts + 1
        trouble = claim.trouble(error, Charged.YES, "Our storage is asked again by itself.")
        claim.defer(due_in_s=policy.backoff_s(attempts), attempts=attempts, error=trouble.as_json())
        return
    if not there:
        fetch_files(deps, claim)
        return

    def is_there(session: Session) -> JobColumns:
        for video in missing:
            videos.update_video(session, video.id, missing_at=None)
        return {}

    claim.defer(due_in_s=0, also=is_there, attempts=0, error=None)
    log.info("missing files are there again", extra={"job": claim.job.id, "files": len(missing)})


def _nothing(deps: Deps, claim: Claim) -> None:
    claim.defer(due_in_s=None)


def _put_off(claim: Claim) -> None:
    """Count the attempt and come again later."""
    attempts = claim.job.attempts + 1
    try:
        claim.defer(due_in_s=policy.backoff_s(attempts), attempts=attempts)
    except (StaleState, StoreUnavailable, SQLAlchemyError) as error:
        log.warning("not put off", extra={"job": claim.job.id, "why": type(error).__name__})
