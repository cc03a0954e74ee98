"""A webhook call comes in: believed or not, kept, applied; then it is acknowledged. No network, no files.

(One exception: keys are fetched when none are known, or none fits; by one caller, seldom, briefly.)
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from weakref import WeakKeyDictionary

from sqlmodel import Session

from backend.domain.errors import DeliveryRefused, NotFound, StaleState, StateConflict
from backend.domain.states import TRANSITIONS, JobEvent, JobState
from backend.models import Delivery, Job, JobColumns, JobHead
from backend.providers.base import Errored, Finished
from backend.providers.fal.webhook import (
    SignedHeaders,
    WebhookBody,
    read_body,
    read_headers,
    token_matches,
    verify,
)
from backend.services.access import Role, Viewer
from backend.services.deps import Deps
from backend.services.lifecycle import apply_result
from backend.store.database.engine import Store
from backend.store.fast import delivery as fast_delivery
from backend.store.fast.row_insert import new_row
from backend.store.jobs import deliveries, jobs
from backend.store.records import key_values

log = logging.getLogger(__name__)

#: The fact that holds the only fal account whose deliveries are believed.
ACCOUNT_KEY = "fal_user_id"
#: The same, as this process has read it: it never changes, and every delivery asks.
_ACCOUNTS: WeakKeyDictionary[Store, str] = WeakKeyDictionary()


@dataclass(frozen=True)
class DeliveryResult:
    """What became of a delivery: `verdict` as it stands in the inbox."""

    verdict: str
    job_id: str


def receive_delivery(
    deps: Deps, job_id: str, token: str, *, headers: Sequence[tuple[str, str]], body: bytes
) -> DeliveryResult:
    """Judge one delivery and, if it is believed, keep it and move its job, in one commit.

    headers: every header line as (name, value). body: the raw bytes.

    Raises:
        DeliveryRefused: not believed; nothing was kept.
        KeysUnavailable: can't be judged now; nothing was kept.
    """
    signed = read_headers(headers)
    _verify(deps, signed, body)
    _check_token(deps, job_id, token)
    webhook = read_body(body)
    now = deps.clock.now()
    delivery = new_row(
        Delivery,
        id=deps.clock.new_id(),
        job_id=job_id,
        request_id=webhook.request_id or signed.request_id,
        gateway_request_id=webhook.gateway_request_id,
        status=webhook.status,
        verdict="",
        body=body,
        body_sha256=hashlib.sha256(body).hexdigest(),
        headers={
            "request_id": signed.request_id,
            "user_id": signed.user_id,
            "timestamp": signed.timestamp,
        },
        signed_at=signed.signed_at,
        received_at=now,
        last_at=now,
    )
    account = _known_account(deps)
    if _is_common(signed, webhook, account, now) and _accept_common(deps, delivery, webhook, at=now):
        verdict = delivery.verdict
    else:
        verdict = _judge(deps, signed, webhook, account, delivery)
    log.info("delivery", extra={"job": job_id, "request": delivery.request_id, "verdict": verdict})
    return DeliveryResult(verdict, job_id)


def replay_delivery(deps: Deps, viewer: Viewer, delivery_id: str) -> str:
    """Apply a kept delivery again; returns the state its job is in afterwards.

    It was believed when it came, so it is applied as if it had just come; twice has one effect.

    Raises:
        NotFound: there is no such delivery.
        NotNow: its job is not in the database.
    """
    viewer.require_role(Role.ADMIN)
    now = deps.clock.now()
    with deps.store.begin() as session:
        delivery = deliveries.get(session, delivery_id)
        deliveries.count_replay(session, delivery_id)
        try:
            job = jobs.get(session, delivery.job_id)
        except NotFound:
            raise StateConflict(
                "Its take is not in this database, so there is nothing to apply it to."
            ) from None
        _apply(
            deps, session, job, read_body(delivery.body), delivery.request_id, by=f"replay by {viewer.name}"
        )
        log.info("replayed", extra={"job": job.id, "delivery": delivery_id, "at": now.isoformat()})
        return jobs.get(session, job.id).state


def _verify(deps: Deps, signed: SignedHeaders, body: bytes) -> None:
    keys = deps.fal_keys.current_keys()
    if verify(signed, body, keys=keys):
        return
    newer = deps.fal_keys.newer_than(keys)
    if newer is None or not verify(signed, body, keys=newer):
        raise DeliveryRefused("no key of fal verifies it")


def _check_token(deps: Deps, job_id: str, token: str) -> None:
    if not token_matches(deps.settings.secret_key.get_secret_value(), job_id, token):
        raise DeliveryRefused("the token is not this job's")


def _is_common(signed: SignedHeaders, webhook: WebhookBody, account: str | None, now: datetime) -> bool:
    """A video, in time, from the account that is known: what nearly every delivery is."""
    done = isinstance(webhook.outcome, Finished) and webhook.outcome.billable_units is None
    return done and webhook.request_id is not None and signed.user_id == account and not signed.is_stale(now)


def _accept_common(deps: Deps, delivery: Delivery, webhook: WebhookBody, *, at: datetime) -> bool:
    """Keep and apply it, if its job waits for just this and nothing came before; else nothing is done."""
    delivery.verdict = deliveries.APPLIED
    finished = cast(Finished, webhook.outcome)
    values = apply_result.rendered_values(finished, at=at)
    return fast_delivery.accept_delivery(
        deps.store, delivery, at=at, by="webhook", build_tasks=deps.carrier.enqueue_clause, **values
    )


def _judge(
    deps: Deps, signed: SignedHeaders, webhook: WebhookBody, account: str | None, delivery: Delivery
) -> str:
    """Look at the job and at what came before, and keep the delivery with its effect; returns the verdict."""
    with deps.store.begin(shared=True) as session:
        _check_account(deps, session, account, signed.user_id)
        job = _job_of(session, delivery.job_id, webhook)
        stale = signed.is_stale(delivery.received_at)
        return _accept(deps, session, job, delivery, webhook, stale=stale)


def _known_account(deps: Deps) -> str | None:
    """The fal account whose deliveries are believed; None: no delivery has told yet."""
    known = deps.settings.fal_user_id or _ACCOUNTS.get(deps.store)
    if not known and (fact := key_values.query_value(deps.store, ACCOUNT_KEY)) is not None:
        known = _ACCOUNTS[deps.store] = str(fact["user_id"])
    return known or None


def _check_account(deps: Deps, session: Session, known: str | None, user_id: str) -> None:
    """fal signs for all its customers: only one account's deliveries are ours.

    Without a setting the first delivery that a job's token vouches for says which account that is, for good.
    """
    if known is None:
        fact = key_values.get_value_for_update(session, ACCOUNT_KEY)
        if fact is None:
            key_values.set_value(session, ACCOUNT_KEY, {"user_id": user_id}, at=deps.clock.now())
            return
        known = str(fact["user_id"])
    if user_id != known:
        raise DeliveryRefused("it is another fal account's")


def _job_of(session: Session, job_id: str, webhook: WebhookBody) -> JobHead | None:
    """The job that a delivery is for, if it is here and the delivery can be its own.

    Raises:
        DeliveryRefused: the delivery names another request than the job's.
    """
    try:
        job = jobs.head(session, job_id)
    except NotFound:
        return None
    if webhook.request_id is None:
        return job
    if job.request_id is not None:
        if job.request_id != webhook.request_id:
            raise DeliveryRefused("it names another request than this job's")
    elif jobs.is_known_request(session, job.provider, webhook.request_id):
        raise DeliveryRefused("it names another job's request")
    return job


def _accept(
    deps: Deps,
    session: Session,
    job: Job | JobHead | None,
    delivery: Delivery,
    webhook: WebhookBody,
    *,
    stale: bool,
) -> str:
    """Keep the delivery and let it have its effect, once; returns the verdict."""
    before = deliveries.list_earlier(session, delivery.request_id, delivery.status)
    for known in before:
        if known.body_sha256 == delivery.body_sha256:
            deliveries.count_copy(session, known.id, at=delivery.received_at)
            if known.verdict == "stale" and not stale and job is not None:
                _apply(deps, session, job, webhook, delivery.request_id, by="webhook")
            return "duplicate"
    if job is not None and job.state == JobState.CREATED and webhook.request_id is not None:
        # It was sent, and we do not know: a standby that was behind took over, or fal called it turned away.
        job = jobs.advance(session, job.id, JobEvent.RESTORED, at=deps.clock.now(), by="webhook")
    if job is None:
        delivery.verdict = "orphan"
    elif stale:
        delivery.verdict = "stale"
        _ask(deps, session, job, webhook.request_id)
    elif before:
        delivery.verdict = "conflict"
        _ask(deps, session, job, webhook.request_id)
    else:
        delivery.verdict = _apply(deps, session, job, webhook, delivery.request_id, by="webhook")
    deliveries.insert_delivery(session, delivery)
    return delivery.verdict


def _apply(
    deps: Deps, session: Session, job: Job | JobHead, webhook: WebhookBody, request_id: str, *, by: str
) -> str:
    """Move the job by what a delivery says; returns the verdict."""
    now = deps.clock.now()
    if webhook.outcome is None:
        _ask(deps, session, job, webhook.request_id)
        return "unreadable" if webhook.status == "unreadable" else "asked"
    adopted: JobColumns = {}
    if job.request_id is None:  # its webhook is faster than its answer, or all that is left of it
        adopted = {"request_id": request_id, "submitted_at": job.submitted_at or job.state_at}
    try:
        apply_result.apply_outcome(session, job, webhook.outcome, at=now, by=by, **adopted)
    except StaleState:
        return "no_effect"
    deps.carrier.enqueue_job(session, job.id)
    if isinstance(webhook.outcome, Errored) and deliveries.list_earlier(session, request_id, "OK"):
        # fal said before that this very request went well: a video may be there all the same
        _ask(deps, session, jobs.get(session, job.id), webhook.request_id)
    return "applied"


def _ask(deps: Deps, session: Session, job: Job | JobHead, request_id: str | None) -> None:
    """The delivery is not applied as it stands, but tells that there is something to ask about now."""
    now = deps.clock.now()
    adopts = job.request_id is None and request_id is not None
    if adopts and job.state in TRANSITIONS[JobEvent.ACCEPTED][0]:
        jobs.advance(
            session,
            job.id,
            JobEvent.ACCEPTED,
            at=now,
            by="webhook",
            due_at=now,
            request_id=request_id,
            submitted_at=job.submitted_at or job.state_at,
            polls=0,
        )
    elif job.state in (JobState.QUEUED, JobState.RUNNING, JobState.HELD) or (
        job.request_id is not None and job.state in (JobState.FAILED, JobState.CANCELLED)
    ):
        jobs.make_due(session, job.id, at=now, polls=0)
    else:
        return
    deps.carrier.enqueue_job(session, job.id)
