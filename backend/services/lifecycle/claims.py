"""Claims: a job in a worker's hand, the moves that only its holder may make, and its heartbeat."""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Unpack

from sqlmodel import Session

from backend.domain.states import JobEvent, JobState
from backend.domain.trouble import Charged, Trouble
from backend.models import Job, JobColumns
from backend.providers.base import Outcome
from backend.services.deps import Deps
from backend.services.lifecycle import apply_result
from backend.store.jobs import claims, jobs

#: A look that lasts longer than this has gone wrong; its claim is no longer extended, and another
#: worker takes over. Downloads have their own deadline, which is shorter.
STEP_MAX_S = 2 * 3600.0

#: What is read, checked or written besides in the same transaction; returns further columns of the job.
#: What it raises leaves everything as it was.
Also = Callable[[Session], JobColumns]


@dataclass
class Claim:
    """A job that this worker holds: `job` is the row as it was last committed, `lease_token` its claim's.

    What a method writes is committed when it returns, and `job` is the row as it is then.
    """

    deps: Deps
    job: Job
    lease_token: str
    since_s: float  #: monotonic
    by: str = "worker"
    submit_begun_at: datetime | None = None  #: when it said that it would send, heard or not

    def record(
        self,
        event: JobEvent,
        *,
        due_in_s: float | None = None,
        at: datetime | None = None,
        also: Also | None = None,
        note: str | None = None,
        by: str | None = None,
        states: Collection[JobState] = (),
        **values: Unpack[JobColumns],
    ) -> Job:
        """Make a transition. due_in_s: when the job wants its next look; None: not by itself.

        by: the person who asked for it; None: the worker does it by itself. states: from these, not from the
        event's own.

        Raises:
            StaleState: somebody else moved the job, or the claim is lost.
        """
        now = at or self.deps.clock.now()
        if due_in_s is not None:
            values["due_at"] = now + timedelta(seconds=due_in_s)
        with self.deps.store.begin() as session:
            if also is not None:
                jobs.get(session, self.job.id)  # the job before its files, as a person's decision locks them
                values |= also(session)
            token = self.lease_token
            moved = jobs.advance(
                session, self.job.id, event, at=now, by=by or self.by, lease_token=token, note=note,
                states=states, **values,
            )  # fmt: skip
        self.job = moved  # now that it is committed
        return moved

    def defer(self, *, due_in_s: float | None, also: Also | None = None, **values: Unpack[JobColumns]) -> Job:
        """Write what was learnt without a transition, and when the job wants its next look (None: never).

        Raises:
            StaleState: somebody moved or woke the job meanwhile, or the claim is lost.
        """
        values["due_at"] = None if due_in_s is None else self.deps.clock.now() + timedelta(seconds=due_in_s)
        return self.update(also, **values)

    def update(self, also: Also | None = None, **values: Unpack[JobColumns]) -> Job:
        """Write what was learnt; when the job wants its next look stays as it is. Raises as `defer` does."""
        with self.deps.store.begin() as session:
            if also is not None:
                jobs.get(session, self.job.id)  # the job before its files, as a person's decision locks them
                values |= also(session)
            updated = jobs.update_if_unchanged(session, self.job, lease_token=self.lease_token, **values)
        self.job = updated
        return updated

    def apply(self, result: Outcome) -> Job:
        """Record how the request ended. Raises StaleState: it is recorded already, or the claim is lost."""
        now, token = self.deps.clock.now(), self.lease_token
        with self.deps.store.begin() as session:
            ended = apply_result.apply_outcome(
                session, self.job, result, at=now, by=self.by, lease_token=token
            )
        self.job = ended
        return ended

    def faults_in_a_row(self, code: str) -> int:
        """How often this very fault has come in a row, this time included."""
        trouble = Trouble.of(self.job.error)
        return 1 + (self.job.attempts if trouble is not None and trouble.code == code else 0)

    def trouble(self, error: Exception, charged: Charged, next_step: str) -> Trouble:
        """An error, as it is kept on the row and shown."""
        return Trouble.from_error(error, charged=charged, next_step=next_step, at=self.deps.clock.now())


class Claims:
    """The claims that are alive in this process, so that one heartbeat can extend them all."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._lock = threading.Lock()
        self._held: dict[str, Claim] = {}

    @contextmanager
    def claim_job(self, job_id: str) -> Iterator[Claim | None]:
        """Hold a due job for the length of the block; None when it is not due or somebody has it."""
        deps, lease_token = self._deps, self._deps.clock.new_id()
        now, lease_s = deps.clock.now(), deps.settings.lease_s
        with deps.store.begin() as session:
            job = claims.try_claim(session, job_id, lease_token=lease_token, now=now, lease_s=lease_s)
        if job is None:
            yield None
            return
        claim = Claim(deps, job, lease_token, since_s=deps.clock.monotonic())
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
