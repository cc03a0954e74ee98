"""Look for a held job in the provider's own records. What is found is adopted; absence proves nothing."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlmodel import Session

from backend.domain import policy
from backend.domain.errors import ProviderBusy, ProviderForgot
from backend.domain.states import JobEvent, JobState
from backend.models import Job
from backend.providers.base import Errored, Finished, ProviderRecord
from backend.services.deps import Deps
from backend.services.lifecycle.claims import Claim
from backend.services.lifecycle.poll import request_ref
from backend.store.jobs import jobs

log = logging.getLogger(__name__)

#: Clocks differ: requests are looked for from this long before the job says that it was sent.
CLOCK_SKEW = timedelta(minutes=5)
#: A request in the records this long after ours was sent is somebody else's.
SENT_WITHIN = timedelta(minutes=15)


def reconcile_job(deps: Deps, claim: Claim) -> None:
    """Look once for a held job at its provider.

    Afterwards it is `queued` when exactly one request matches what was sent and no other held job
    could be meant; else it is held as before, to be looked for again after a longer while.
    """
    job = claim.job
    if job.request_id is not None:
        _ask_for_known(deps, claim)
        return
    try:
        since = (job.submitted_at or job.state_at) - CLOCK_SKEW
        listed = deps.get_provider(job.provider).list_requests(job.model, since=since)
        claim.record(
            JobEvent.ACCEPTED,
            due_in_s=0,
            also=lambda session: {"request_id": _match(session, job, listed).request_id},
            note="found in the provider's records",
            polls=0,
        )
    except (ProviderBusy, ProviderForgot) as error:
        log.info("held job not found", extra={"job": job.id, "why": str(error)})
        _later(claim)
        return
    log.info("found", extra={"job": job.id, "request": claim.job.request_id})


def matches_record(job: Job, candidate: ProviderRecord) -> bool:
    """Is this listed request what the job sent? An inlined photo may stand there as a link: not compared."""
    if candidate.input is None:
        return False
    sent_at = job.submitted_at or job.state_at
    if candidate.sent_at is not None and not -CLOCK_SKEW <= candidate.sent_at - sent_at <= SENT_WITHIN:
        return False
    given = dict(candidate.input)
    links: dict[str, Any] = {field: (job.image_links or {}).get(field) for field in job.images or {}}
    if job.image_field:
        links[job.image_field] = job.image_link
    for field, link in links.items():
        photo = given.pop(field, None)
        if photo is None or not _is_photo(link, photo):
            return False
    # Everything that was sent stands there as it was sent; the record may show defaults besides.
    return all(name in given and given[name] == value for name, value in job.payload.items())


def _is_photo(link: Any, given: Any) -> bool:
    """Is this what was sent as a photo? link: what is known of it, a list for several; None: inlined."""
    if isinstance(link, list):
        same = isinstance(given, list) and len(given) == len(link)
        return same and all(_is_photo(*pair) for pair in zip(link, given, strict=True))
    return link is None or bool(given == link)


def _match(session: Session, job: Job, listed: Sequence[ProviderRecord]) -> ProviderRecord:
    """The one request that must be this job's. Raises ProviderForgot: none is, or several could be."""
    ours = [
        item
        for item in listed
        if matches_record(job, item) and jobs.by_request(session, job.provider, item.request_id) is None
    ]
    if len(ours) != 1 or any(matches_record(twin, ours[0]) for twin in jobs.lookalikes(session, job)):
        raise ProviderForgot("No request in the provider's records must be this take's.", code="not_listed")
    return ours[0]


def _ask_for_known(deps: Deps, claim: Claim) -> None:
    """The request id is known, and the provider had forgotten it: ask whether it remembers."""
    try:
        standing = deps.get_provider(claim.job.provider).status(request_ref(claim.job))
    except (ProviderBusy, ProviderForgot):
        _later(claim)
        return
    if isinstance(standing, Finished | Errored):
        claim.apply(standing)
        return
    claim.record(JobEvent.ACCEPTED, due_in_s=0, polls=0)


def _later(claim: Claim) -> None:
    assert claim.job.state == JobState.HELD
    attempts = claim.job.attempts + 1
    wait_s = policy.backoff_s(attempts, first_s=policy.RECONCILE_FIRST_S, cap_s=policy.RECONCILE_CAP_S)
    claim.defer(due_in_s=wait_s, attempts=attempts)
