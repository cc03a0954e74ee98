"""Claims: which jobs are due, and which worker has them. Two workers never have the same job."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, update
from sqlmodel import Session, col, select

from backend.domain.states import JobState
from backend.models import STRANDED, Job
from backend.store.jobs.transitions import update_one


def list_due(
    session: Session,
    *,
    now: datetime,
    states: Collection[JobState],
    limit: int,
    sent_by: Collection[str] | None = None,
    not_sent_by: Collection[str] = (),
) -> list[str]:
    """Ids of jobs that want a look now and that nobody has claimed, the longest waiting first.

    sent_by: only of these providers. not_sent_by: leave out what these are about to be sent.
    """
    # Not by the index of states: few jobs are due, and thousands may be on their way.
    clauses = [col(Job.due_at) <= now, _free(now), col(Job.state).concat("").in_(states)]
    if sent_by is not None:
        clauses.append(col(Job.provider).in_(sent_by))
    if not_sent_by:
        clauses.append(~and_(col(Job.state) == JobState.CREATED, col(Job.provider).in_(not_sent_by)))
    return list(session.exec(select(Job.id).where(*clauses).order_by(col(Job.due_at)).limit(limit)).all())


def next_due_at(session: Session, *, now: datetime) -> datetime | None:
    """When the next job falls due, or a claim runs out; None when nothing is waiting.

    What is due already counts as seen: it is claimed, or waits for a free thread.
    """
    waiting = session.exec(select(func.min(Job.due_at)).where(col(Job.due_at) > now)).one()
    held = col(Job.claimed_by).is_not(None), col(Job.claimed_until) > now
    claimed = session.exec(select(func.min(Job.claimed_until)).where(*held)).one()
    return min((at for at in (waiting, claimed) if at is not None), default=None)


def count_due(session: Session, *, now: datetime) -> int:
    """How many jobs wait for a look that nobody has begun."""
    return session.exec(select(func.count()).select_from(Job).where(col(Job.due_at) <= now, _free(now))).one()


def count_stored_at_work(session: Session, *, now: datetime) -> int:
    """How many stored jobs are due by now: files, bills and previews that are being seen to."""
    due = col(Job.due_at) <= now, Job.state == JobState.STORED
    return session.exec(select(func.count()).select_from(Job).where(*due)).one()


def stranded(session: Session, *, limit: int) -> list[str]:
    """Ids of jobs that should be moving and are due at no time: nothing would ever look at them."""
    return list(session.exec(select(Job.id).where(STRANDED).limit(limit)).all())


def try_claim(
    session: Session, job_id: str, *, lease_token: str, now: datetime, lease_s: float
) -> Job | None:
    """Claim a due job until the lease ends; None when it is not due or somebody has it."""
    statement = (
        update(Job)
        .where(col(Job.id) == job_id, col(Job.due_at) <= now, _free(now))
        .values(claimed_by=lease_token, claimed_until=now + timedelta(seconds=lease_s))
    )
    return update_one(session, statement)


def renew_leases(session: Session, lease_tokens: Collection[str], *, until: datetime) -> set[str]:
    """Extend these claims; returns the tokens of those that are still held."""
    rows = session.exec(
        update(Job)
        .where(col(Job.claimed_by).in_(lease_tokens))
        .values(claimed_until=until)
        .returning(col(Job.claimed_by))
    )
    return {row[0] for row in rows}


def release_claim(session: Session, job_id: str, *, lease_token: str) -> None:
    """Give a claim back; what is due stays due. Nothing happens when it was lost already."""
    session.exec(
        update(Job)
        .where(col(Job.id) == job_id, col(Job.claimed_by) == lease_token)
        .values(claimed_by=None, claimed_until=None)
    )


def live_claims(session: Session, *, now: datetime) -> set[tuple[str, str]]:
    """(job id, lease token) of every claim that is alive."""
    rows = session.exec(
        select(Job.id, Job.claimed_by).where(col(Job.claimed_by).is_not(None), col(Job.claimed_until) > now)
    )
    return {(job_id, token) for job_id, token in rows if token is not None}


def count_open_calls(session: Session, provider: str, *, now: datetime) -> int:
    """How many calls to a blocking provider are held open now, over all workers."""
    return session.exec(
        select(func.count())
        .select_from(Job)
        .where(Job.state == JobState.SUBMITTING, Job.provider == provider, col(Job.claimed_until) > now)
    ).one()


def _free(now: datetime) -> Any:
    return or_(col(Job.claimed_by).is_(None), col(Job.claimed_until) <= now)
