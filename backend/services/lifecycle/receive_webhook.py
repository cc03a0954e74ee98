"""A webhook call comes in: verify → read → judge → apply; then it is acknowledged. No network, no files.

(One exception: keys are fetched when none are known, or none fits; by one caller, seldom, briefly.)
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.domain.errors import DeliveryRefused, NotFound, StaleState, StateConflict
from backend.domain.kinds import Verdict
from backend.domain.states import TRANSITIONS, JobEvent, JobState
from backend.models import Delivery, Job, JobColumns, JobHead
from backend.providers.base import Errored, Finished, VerifiedDelivery, WebhookBody
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.services.lifecycle import apply_result
from backend.services.lifecycle.webhook_target import check_account, known_account, token_matches
from backend.store.fast.delivery import accept_delivery
from backend.store.fast.new_row import new_row
from backend.store.jobs import deliveries, jobs

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeliveryResult:
    """What became of a delivery: `verdict` as it stands in the inbox."""

    verdict: str
    job_id: str


class Received(NamedTuple):
    """A delivery on its way: what it is and says, and its row for the inbox.

    account: the only one at its provider that is believed; None: no delivery has told yet.
    """

    verified: VerifiedDelivery
    row: Delivery
    account: str | None


def receive_delivery(
    deps: Deps, job_id: str, token: str, *, headers: Sequence[tuple[str, str]], body: bytes
) -> DeliveryResult:
    """Judge one delivery and, if it is believed, keep it and move its job, in one commit.

    headers: every header line as (name, value). body: the raw bytes.

    Raises:
        DeliveryRefused: not believed; nothing was kept.
        KeysUnavailable: can't be judged now; nothing was kept.
    """
    verified = _verify(deps, job_id, token, headers, body)
    row = _make_row(deps, job_id, verified)
    received = Received(verified, row, known_account(deps, verified.provider))
    if not _accept_common(deps, received):
        with deps.store.begin(shared=True) as session:
            job = _find_job(deps, session, received)
            _keep(deps, session, job, received, _judge(session, job, received))
    log.info("delivery", extra={"job": job_id, "request": row.request_id, "verdict": row.verdict})
    return DeliveryResult(row.verdict, job_id)


def replay_delivery(deps: Deps, viewer: Viewer, delivery_id: str) -> str:
    """Apply a kept delivery again; returns the state its job is in afterwards.

    It was believed when it came, so it is applied as if it had just come; twice has one effect.

    Raises:
        NotFound: there is no such delivery.
        StateConflict: its job is not in the database.
    """
    viewer.must(Do.REPLAY_DELIVERIES)
    with deps.store.begin() as session:
        replay_kept(deps, session, delivery_id, by=f"replay by {viewer.name}")
        job = jobs.get(session, deliveries.get(session, delivery_id).job_id)
        record(
            session, deps, viewer, Action.DELIVERY_REPLAYED, object_type="delivery", object_id=delivery_id,
            changed={"take": (None, job.id), "state": (None, job.state)},
        )  # fmt: skip
        return job.state


def replay_kept(deps: Deps, session: Session, delivery_id: str, *, by: str) -> Verdict:
    """The same within a transaction; returns what it does to its job. Raises as `replay_delivery` does."""
    row = deliveries.get(session, delivery_id)
    deliveries.count_replay(session, delivery_id)
    try:
        job = jobs.get(session, row.job_id)
    except NotFound:
        why = "Its take is not in this database, so there is nothing to apply it to."
        raise StateConflict(why) from None
    content = deps.get_provider(job.provider).read_delivery(row.body)
    verdict = _apply(deps, session, job, content, row.request_id, by=by)
    log.info("replayed", extra={"job": job.id, "delivery": delivery_id, "verdict": verdict})
    return verdict


def _verify(
    deps: Deps, job_id: str, token: str, headers: Sequence[tuple[str, str]], body: bytes
) -> VerifiedDelivery:
    """The provider that it claims to come from did send it, and it bears the token of its job."""
    now = deps.clock.now()
    claims = (one.verify_delivery(headers, body, now=now) for one in deps.providers.values())
    verified = next((found for found in claims if found is not None), None)
    if verified is None:
        raise DeliveryRefused("it is no provider's")
    if not token_matches(deps.settings.secret_key.get_secret_value(), job_id, token):
        raise DeliveryRefused("the token is not this job's")
    return verified


def _make_row(deps: Deps, job_id: str, verified: VerifiedDelivery) -> Delivery:
    now, content = deps.clock.now(), verified.content
    return new_row(
        Delivery,
        id=deps.clock.new_id(),
        job_id=job_id,
        request_id=content.request_id or verified.request_id,
        gateway_request_id=content.gateway_request_id,
        status=content.status,
        verdict=Verdict.APPLIED,
        body=verified.body,
        body_sha256=hashlib.sha256(verified.body).hexdigest(),
        headers=dict(verified.headers),
        signed_at=verified.signed_at,
        received_at=now,
        last_at=now,
    )


# -- the common case: one statement ---------------------------------------------------------------


def _accept_common(deps: Deps, received: Received) -> bool:
    """A video, in time, from the account that is known, for a job that waits for just this: nearly all.

    Kept and applied, if nothing came before; else nothing is done.
    """
    verified, content = received.verified, received.verified.content
    finished = content.outcome
    if not isinstance(finished, Finished) or finished.billable_units is not None:
        return False
    if content.request_id is None or verified.stale or verified.account != received.account:
        return False
    at = received.row.received_at
    values = apply_result.rendered_values(finished, at=at)
    return accept_delivery(
        deps.store, received.row, at=at, by="webhook", build_tasks=deps.carrier.enqueue_clause, **values
    )


# -- all others -----------------------------------------------------------------------------------


class Effect(Enum):
    """What a delivery does to its job."""

    NONE = "none"
    APPLY = "apply"  #: its outcome is the job's
    ASK = "ask"  #: it is no proof, but there is something to ask about now


class Judgement(NamedTuple):
    """What a delivery is, and what it does. copy_of: the one in the inbox that it repeats."""

    verdict: Verdict
    effect: Effect
    copy_of: str | None = None


def _find_job(deps: Deps, session: Session, received: Received) -> JobHead | None:
    """The job that a delivery is for, if it is here and the delivery can be its own.

    Raises:
        DeliveryRefused: it is another account's, or names another request than the job's.
    """
    check_account(deps, session, received.verified, known=received.account)
    try:
        job = jobs.head(session, received.row.job_id)
    except NotFound:
        return None
    named, expected = received.verified.content.request_id, job.request_id
    if None not in (named, expected) and named != expected:
        raise DeliveryRefused("it names another request than this job's")
    if named is not None and expected is None and jobs.by_request(session, job.provider, named) is not None:
        raise DeliveryRefused("it names another job's request")
    return job


def _judge(session: Session, job: Job | JobHead | None, received: Received) -> Judgement:
    """What it is, given its job and what came before for its request. Changes nothing."""
    row, stale = received.row, received.verified.stale
    earlier = deliveries.list_earlier(session, row.request_id, row.status)
    same = next((one for one in earlier if one.body_sha256 == row.body_sha256), None)
    if same is not None:
        effect = Effect.APPLY if same.verdict == Verdict.STALE and not stale else Effect.NONE
        judgement = Judgement(Verdict.DUPLICATE, effect, copy_of=same.id)
    elif job is None:
        judgement = Judgement(Verdict.ORPHAN, Effect.NONE)
    elif stale:
        judgement = Judgement(Verdict.STALE, Effect.ASK)
    elif earlier:
        judgement = Judgement(Verdict.CONFLICT, Effect.ASK)
    else:
        judgement = Judgement(Verdict.APPLIED, Effect.APPLY)
    return judgement


def _keep(
    deps: Deps, session: Session, job: Job | JobHead | None, received: Received, judgement: Judgement
) -> None:
    """Keep the delivery, or count it, with its effect; afterwards its row holds the verdict."""
    row, content = received.row, received.verified.content
    row.verdict = judgement.verdict
    if judgement.copy_of is not None:
        deliveries.count_copy(session, judgement.copy_of, at=row.received_at)
    elif job is not None and job.state == JobState.CREATED and content.request_id is not None:
        # It was sent, and we do not know: a standby that was behind took over, or it was called turned away.
        job = jobs.advance(session, job.id, JobEvent.RESTORED, at=deps.clock.now(), by="webhook")
    if job is not None and judgement.effect == Effect.APPLY:
        applied = _apply(deps, session, job, content, row.request_id, by="webhook")
        row.verdict = applied if judgement.copy_of is None else judgement.verdict
    if job is not None and judgement.effect == Effect.ASK:
        _ask(deps, session, job, content.request_id)
    if judgement.copy_of is None:
        deliveries.insert_delivery(session, row)


def _apply(
    deps: Deps, session: Session, job: Job | JobHead, content: WebhookBody, request_id: str, *, by: str
) -> Verdict:
    """Move the job by what a delivery says; returns the verdict."""
    if content.outcome is None:
        _ask(deps, session, job, content.request_id)
        return Verdict.UNREADABLE if content.status == "unreadable" else Verdict.ASKED
    adopted: JobColumns = {}
    if job.request_id is None:  # its webhook is faster than its answer, or all that is left of it
        adopted = {"request_id": request_id, "submitted_at": job.submitted_at or job.state_at}
    try:
        job = apply_result.apply_outcome(session, job, content.outcome, at=deps.clock.now(), by=by, **adopted)
    except StaleState:
        if adopted:
            _ask(deps, session, job, request_id)
        return Verdict.NO_EFFECT
    deps.carrier.enqueue_job(session, job.id)
    if isinstance(content.outcome, Errored) and deliveries.list_earlier(session, request_id, "OK"):
        # it was said before that this very request went well: a video may be there all the same
        _ask(deps, session, job, content.request_id)
    return Verdict.APPLIED


def _ask(deps: Deps, session: Session, job: Job | JobHead, request_id: str | None) -> None:
    """The delivery is not applied as it stands, but tells that there is something to ask about now."""
    now = deps.clock.now()
    adopts = job.request_id is None and request_id is not None
    if adopts and job.state in TRANSITIONS[JobEvent.ACCEPTED][0]:
        sent_at = job.submitted_at or job.state_at
        values: JobColumns = {"request_id": request_id, "submitted_at": sent_at, "due_at": now, "polls": 0}
        jobs.advance(session, job.id, JobEvent.ACCEPTED, at=now, by="webhook", **values)
        deps.carrier.enqueue_job(session, job.id)
    elif apply_result.awaits_provider(session, job):  # a person has named its link meanwhile
        asked: JobColumns = {"bill_tries": 0}
        if adopts:
            asked |= {"request_id": request_id, "submitted_at": job.submitted_at or job.state_at}
        deps.wake_job(session, job.id, at=now, **asked)
    elif job.state in (JobState.QUEUED, JobState.RUNNING, JobState.HELD) or (
        job.request_id is not None and job.state in (JobState.FAILED, JobState.CANCELLED)
    ):
        deps.wake_job(session, job.id, at=now, polls=0)
