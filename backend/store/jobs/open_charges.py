"""Jobs by what is known of their charges: for holding bills against the provider's own."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from backend.domain.clock import id_lower_bound
from backend.domain.states import JobState
from backend.models import Job
from backend.store.records import key_values

#: States in which a charge may stay open.
UNDECIDED_STATES = (JobState.HELD, JobState.FAILED, JobState.CANCELLED)
#: Facts that name jobs with a bill beyond belief: few among very many, and no index finds them.
_ODD = "odd_bill:"
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


def note_odd(session: Session, job_ids: Iterable[str], *, at: datetime) -> None:
    """These jobs have a bill that may be beyond belief: `list_odd` looks at them."""
    for job_id in job_ids:
        key_values.set_value(session, f"{_ODD}{job_id}", {}, at=at)


def forget_odd(session: Session, job_id: str) -> None:
    """This job's bill is decided about."""
    key_values.delete_value(session, f"{_ODD}{job_id}")


def list_odd(session: Session) -> Sequence[Job]:
    """The jobs that were noted, the newest first."""
    noted = [fact.name.removeprefix(_ODD) for fact in key_values.list_by_prefix(session, _ODD)]
    return session.exec(select(Job).where(col(Job.id).in_(noted)).order_by(col(Job.id).desc())).all()


def find_unbilled_counts(session: Session) -> Sequence[tuple[str, Mapping[str, Any] | None]]:
    """(id, charge) of jobs whose units are known and whose bill is not; looks at every job."""
    query = select(Job.id, Job.charge).where(
        col(Job.billed_units).is_not(None), col(Job.billed_usd).is_(None)
    )
    return [(job_id, charge) for job_id, charge in session.exec(query)]
