"""A restored database: what it says was not sent yet may have been sent since, and is not sent again.

And whose session it calls open may have been signed out, or shut out, since: everybody signs in anew.
"""

import logging
from datetime import timedelta
from typing import Any

from sqlmodel import Session

from backend.domain import policy
from backend.domain.errors import ProviderUnanswered, StaleState
from backend.domain.states import JobEvent
from backend.models import Job
from backend.services.audit.record import WORKER, Action, record
from backend.services.deps import Deps
from backend.services.lifecycle.record_answer import unknown_trouble
from backend.store.database import locks
from backend.store.database.schema import copies
from backend.store.jobs import jobs
from backend.store.team import sessions

log = logging.getLogger(__name__)


def settle_if_restored(deps: Deps) -> int | None:
    """If this database is a copy that was put to use, hold what may have been sent since it was made.

    Called by every process before it does anything. Returns how many takes are held; None: it is no copy.
    """
    with deps.store.read() as session:
        at, new = copies.copied_at(session), copies.is_unidentified(session)
    if at is not None:
        return hold_unsent(deps, made_at=at)
    if new:
        with deps.store.begin() as session:
            locks.acquire_advisory_lock(session, copies.IDENTITY_FACT)
            copies.mark_in_use(session, at=deps.clock.now())
    return None


def hold_unsent(deps: Deps, *, made_at: str | None = None) -> int:
    """Hold every take that this database says was not sent, and end every session; returns how many takes.

    What was on its way when the copy was made was sent afterwards, as a rule, and paid for; a second POST
    would pay for it again. Each is looked for in the provider's records from now on, and its webhook
    still finishes it; what is found nowhere is for a person to decide.

    made_at: when the copy was made, if it is known, ISO 8601.
    """
    now, held = deps.clock.now(), 0
    with deps.store.begin() as session:
        locks.acquire_advisory_lock(session, copies.IDENTITY_FACT)
        if made_at is not None and copies.copied_at(session) is None:
            return 0  # another process was first; what is unsent now was asked for since
        for job in copies.list_unsent_jobs(session):
            held += _hold(deps, session, job, made_at)
        if ended := sessions.end_all_sessions(session, at=now):
            record(session, deps, WORKER, Action.SESSION_ENDED, changed={"restored": (ended, 0)})
        copies.mark_in_use(session, at=now)
    log.warning("restored", extra={"made_at": made_at, "held": held})
    return held


def _hold(deps: Deps, session: Session, job: Job, made_at: str | None) -> bool:
    provider = deps.providers.get(job.provider)
    blocking = provider is not None and provider.blocking
    try:
        jobs.advance(
            session,
            job.id,
            JobEvent.RESTORED,
            at=deps.clock.now(),
            by="restore",
            note=f"the copy was made at {made_at}" if made_at else None,
            due_at=deps.clock.now() + timedelta(seconds=policy.RECONCILE_FIRST_S),
            error=_error(deps, made_at, blocking=blocking),
            submitted_at=job.state_at,
            webhook_asked=deps.settings.webhooks_reach_us and not blocking,
            claimed_by=None,
            claimed_until=None,
        )
    except StaleState:
        return False
    return True


def _error(deps: Deps, made_at: str | None, *, blocking: bool) -> dict[str, Any]:
    when = f" of {made_at[:16].replace('T', ' ')} UTC" if made_at else ""
    why = f"The database was restored from a copy{when}; the take may have been sent after that."
    error = ProviderUnanswered(why, code="restored")
    return unknown_trouble(error, blocking=blocking, at=deps.clock.now()).as_json()
