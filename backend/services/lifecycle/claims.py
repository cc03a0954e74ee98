"""Claims: a job in a worker's hand, the moves that only its holder may make, and its heartbeat."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Unpack

from sqlmodel import Session

from backend.domain.errors import ProviderError
from backend.domain.states import JobEvent
from backend.models import Job, JobColumns
from backend.services.deps import Deps
from backend.store.jobs import claims, jobs

#: A look that lasts longer than this has gone wrong; its claim is no longer extended, and another
#: worker takes over. Downloads have their own deadline, which is shorter.
STEP_MAX_S = 2 * 3600.0


@dataclass
class Claim:
    """A job that this worker holds: `job` is the row as it last was committed, `owner` its token for it."""

    job: Job
    lease_token: str
    since_s: float  #: monotonic
    by: str = "worker"
    submit_begun_at: datetime | None = None  #: when it said that it would send, heard or not


class Claims:
    """The claims that are alive in this process, so that one heartbeat can extend them all."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._lock = threading.Lock()
        self._held: dict[str, Claim] = {}

    @contextmanager
    def claim_job(self, job_id: str) -> Iterator[Claim | None]:
        """Hold a due job for the length of the block; None when it is not due or somebody has it."""
        deps = self._deps
        lease_token = deps.clock.new_id()
        with deps.store.begin() as session:
            job = claims.try_claim(
                session, job_id, lease_token=lease_token, now=deps.clock.now(), lease_s=deps.settings.lease_s
            )
        if job is None:
            yield None
            return
        claim = Claim(job, lease_token, since_s=deps.clock.monotonic())
        with self._lock:
            self._held[lease_token] = claim
        try:
            yield claim
        finally:
            with self._lock:
                self._held.pop(lease_token, None)
            with deps.store.begin() as session:
                release_claim(deps, session, job_id, lease_token=lease_token)

    def active_claims(self) -> list[Claim]:
        """The claims in hand now."""
        with self._lock:
            return list(self._held.values())

    def renew_all(self) -> None:
        """Extend every claim in hand. A claim that was lost is noticed by its next write, not here."""
        since_s = self._deps.clock.monotonic() - STEP_MAX_S
        lease_tokens = [claim.lease_token for claim in self.active_claims() if claim.since_s > since_s]
        if not lease_tokens:
            return
        until = self._deps.clock.now() + timedelta(seconds=self._deps.settings.lease_s)
        with self._deps.store.begin() as session:
            claims.renew_leases(session, lease_tokens, until=until)


def release_claim(deps: Deps, session: Session, job_id: str, *, lease_token: str) -> None:
    """Release a claim; what became due meanwhile is looked at next, by whoever is free."""
    claims.release_claim(session, job_id, lease_token=lease_token)
    deps.carrier.enqueue_job(session, job_id)


def record_event(
    deps: Deps,
    claim: Claim,
    event: JobEvent,
    *,
    due_in_s: float | None = None,
    at: datetime | None = None,
    precondition: Callable[[Session], None] | None = None,
    note: str | None = None,
    **values: Unpack[JobColumns],
) -> Job:
    """Commit one move of a claimed job; afterwards `claim.job` is the row as it is now.

    due_in_s: when the job wants its next look; None: not by itself.
    first: what must hold in the same transaction; it raises when it doesn't, and nothing is moved.

    Raises:
        Outrun: the job was moved by somebody else, or the claim is lost.
    """
    now = at or deps.clock.now()
    if due_in_s is not None:
        values["due_at"] = now + timedelta(seconds=due_in_s)
    with deps.store.begin() as session:
        if precondition is not None:
            precondition(session)
        moved = jobs.advance(
            session,
            claim.job.id,
            event,
            at=now,
            by=claim.by,
            lease_token=claim.lease_token,
            note=note,
            **values,
        )
    claim.job = moved  # now that it is committed
    return moved


def defer_job(deps: Deps, claim: Claim, *, due_in_s: float | None, **values: Unpack[JobColumns]) -> Job:
    """Commit what was learnt without a move, and when the job wants its next look (None: never).

    Raises:
        Outrun: somebody moved or woke the job meanwhile, or the claim is lost.
    """
    values["due_at"] = None if due_in_s is None else deps.clock.now() + timedelta(seconds=due_in_s)
    with deps.store.begin() as session:
        amended = jobs.update_if_unchanged(session, claim.job, lease_token=claim.lease_token, **values)
    claim.job = amended
    return amended


def describe_error(deps: Deps, error: Exception, *, charged: str, next_step: str) -> dict[str, Any]:
    """An error as it is kept on the row and shown.

    charged: "no", "yes", "maybe"; next_step: what the system does now, or what a person can do.
    """
    code = getattr(error, "code", type(error).__name__)
    detail = error.detail if isinstance(error, ProviderError) else None
    return {
        "code": str(code),
        "message": str(error),
        "charged": charged,
        "next": next_step,
        "detail": detail,
        "at": deps.clock.now().isoformat(),
    }
