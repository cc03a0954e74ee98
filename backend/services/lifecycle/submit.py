"""Send a created job to its provider, once."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

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
from backend.models import JobColumns
from backend.providers.base import Provider
from backend.services.deps import Deps
from backend.services.lifecycle.claims import Claim
from backend.services.lifecycle.record_answer import SubmitAnswer, record_answer
from backend.services.lifecycle.webhook_target import make_webhook_url
from backend.services.retry_write import retry_write
from backend.services.takes.photo_payload import provider_payload
from backend.store.database.locks import acquire_advisory_lock
from backend.store.jobs import claims

#: Heartbeats come three times a lease: for so much of one after the begin nobody else can have taken over.
LEASE_SAFE_SHARE = 2 / 3


def submit_job(deps: Deps, claim: Claim, provider: Provider) -> None:
    """Send one created job to its provider, with one POST; whatever comes of it is written down.

    Afterwards the job is `queued` with its request id, `created` again and due later (provably not
    accepted), `failed` (refused), or `held` (nobody can tell).

    Raises:
        SubmitDeferred: its provider has all its calls open; nothing was sent.
    """
    answer: SubmitAnswer
    try:
        payload = _begin(deps, claim, provider)
        url = make_webhook_url(deps, provider, claim.job.id)
        answer = provider.submit(claim.job.model, payload, webhook_url=url)
    except (ProviderUnsent, ProviderRefused, ProviderUnanswered) as error:
        answer = error
    retry_write(deps, partial(record_answer, deps, claim, answer))  # though the database be away


def _begin(deps: Deps, claim: Claim, provider: Provider) -> Mapping[str, Any]:
    """Commit that it is about to be sent; returns what is posted.

    Raises:
        SubmitDeferred: a blocking provider has all its calls open, over all workers.
        ProviderUnsent: a photo can't be handed over now; or the row may say that it was sent, and only
            this process knows that it was not.
    """
    sent = provider_payload(deps, provider, claim.job)

    def take_slot(session: Session) -> JobColumns:
        if provider.max_concurrent_calls is not None:
            acquire_advisory_lock(session, f"calls:{provider.name}")
            open_calls = claims.count_open_calls(session, provider.name, now=deps.clock.now())
            if open_calls >= provider.max_concurrent_calls:
                raise SubmitDeferred(f"all calls of {provider.name} are open", wait_s=policy.SLOT_RETRY_S)
        return {"image_link": sent.link, "image_links": sent.links}

    claim.submit_begun_at = deps.clock.now()
    try:
        begun_at, attempts = claim.submit_begun_at, claim.job.attempts
        claim.record(JobEvent.SUBMIT_BEGUN, due_in_s=0, at=begun_at, also=take_slot, attempts=attempts)
    except StoreUnavailable as error:
        if not error.outcome_unknown:
            raise
        raise ProviderUnsent("The database went away before it was sent.", code="database") from error
    if deps.clock.now() - claim.submit_begun_at > timedelta(seconds=deps.settings.lease_s * LEASE_SAFE_SHARE):
        raise ProviderUnsent("It was about to be sent when this process was held up.", code="held_up")
    return sent.payload
