"""Send a created job to its provider, once."""

from datetime import timedelta
from functools import partial

from sqlmodel import Session

from backend.domain import policy
from backend.domain.errors import (
    ProviderRefused,
    ProviderUnanswered,
    ProviderUnsent,
    StoreUnavailable,
    SubmitDeferred,
)
from backend.domain.states import JobEvent
from backend.models import Job, JobColumns
from backend.providers.base import Errored, Finished, Receipt
from backend.services.deps import Deps
from backend.services.lifecycle import provider_pause
from backend.services.lifecycle.claims import Claim
from backend.services.lifecycle.record_answer import SubmitAnswer, record_answer
from backend.services.lifecycle.webhook_target import make_webhook_url
from backend.services.retry_write import retry_write
from backend.services.takes import photos
from backend.store.database.locks import acquire_advisory_lock
from backend.store.jobs import claims

#: Heartbeats come three times a lease: for so much of one after the begin nobody else can have taken over.
LEASE_SAFE_SHARE = 2 / 3


def submit_job(deps: Deps, claim: Claim) -> None:
    """Send one created job to its provider, with one POST; whatever comes of it is written down.

    Afterwards the job is `queued` with its request id, `created` again and due later (provably not
    accepted), `failed` (refused), or `held` (nobody can tell).
    """
    answer: SubmitAnswer
    try:
        provider_pause.check_not_paused(deps, claim.job.provider)
        sent = photos.provider_payload(deps, claim.job)
        _begin(deps, claim, sent)
        answer = _post(deps, claim.job, sent)
    except SubmitDeferred as wait:
        claim.defer(due_in_s=wait.wait_s)
        return
    except (ProviderUnsent, ProviderRefused, ProviderUnanswered) as error:
        answer = error
    retry_write(deps, partial(record_answer, deps, claim, answer))  # even if the database has to be waited for


def _begin(deps: Deps, claim: Claim, sent: photos.ProviderPayload) -> None:
    """Commit that it is about to be sent.

    Raises:
        SubmitDeferred: a blocking provider has all its calls open, over all workers.
        ProviderUnsent: the row may say that it was sent; only this process knows that it was not.
    """

    def free_slot(session: Session) -> JobColumns:
        at_once = deps.get_provider(claim.job.provider).max_concurrent_calls
        if at_once is not None:
            acquire_advisory_lock(session, f"calls:{claim.job.provider}")
            if claims.count_open_calls(session, claim.job.provider, now=deps.clock.now()) >= at_once:
                raise SubmitDeferred(
                    f"all calls of {claim.job.provider} are open", wait_s=policy.SLOT_RETRY_S
                )
        return {"image_link": sent.link, "image_links": sent.links}

    claim.submit_begun_at = deps.clock.now()
    try:
        claim.record(
            JobEvent.SUBMIT_BEGUN,
            due_in_s=0,
            at=claim.submit_begun_at,
            also=free_slot,
            attempts=claim.job.attempts,
        )
    except StoreUnavailable as error:
        if not error.outcome_unknown:
            raise
        raise ProviderUnsent("The database went away before it was sent.", code="database") from error
    if deps.clock.now() - claim.submit_begun_at > timedelta(seconds=deps.settings.lease_s * LEASE_SAFE_SHARE):
        raise ProviderUnsent("It was about to be sent when this process was held up.", code="held_up")


def _post(deps: Deps, job: Job, sent: photos.ProviderPayload) -> Receipt | Finished | Errored:
    """The one call. Raises what `Provider.submit` raises."""
    return deps.get_provider(job.provider).submit(
        job.model, sent.payload, webhook_url=make_webhook_url(deps, job)
    )
