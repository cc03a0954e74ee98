"""Jobs by what is known of their charges: for holding bills against the provider's own."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from backend.domain.clock import id_lower_bound
from backend.domain.states import JobState
from backend.models import Job

#: States in which a charge may stay open.
UNDECIDED_STATES = (JobState.HELD, JobState.FAILED, JobState.CANCELLED)
#: So many jobs of each state are looked at, the newest first.
SCAN_ROWS = 300


def by_requests(session: Session, provider: str, request_ids: Sequence[str]) -> dict[str, Job]:
    """Request id -> its job, for those of these ids that have one."""
    query = select(Job).where(Job.provider == provider, col(Job.request_id).in_(request_ids))
    return {str(job.request_id): job for job in session.exec(query)}


def asked_between(
    session: Session, provider: str, *, since: datetime, until: datetime, after: str, limit: int
) -> Sequence[Job]:
    """The next jobs behind this one that were asked for in this time, accepted, and are done with."""
    done = (*UNDECIDED_STATES, JobState.STORED)
    query = select(Job).where(col(Job.id) >= id_lower_bound(since), col(Job.id) < id_lower_bound(until))
    query = query.where(col(Job.id) > after)
    query = query.where(Job.provider == provider, col(Job.request_id).is_not(None), col(Job.state).in_(done))
    return session.exec(query.order_by(col(Job.id)).limit(limit)).all()


def newest_undecided(session: Session, *, since: datetime) -> Sequence[Job]:
    """The newest jobs since then that ended without a video and without a bill, or are held; some of each."""
    found: list[Job] = []
    for state in UNDECIDED_STATES:
        query = select(Job).where(Job.state == state, col(Job.id) >= id_lower_bound(since))
        query = query.where(col(Job.billed_usd).is_(None))
        found += session.exec(query.order_by(col(Job.id).desc()).limit(SCAN_ROWS))
    return sorted(found, key=lambda job: job.id, reverse=True)
