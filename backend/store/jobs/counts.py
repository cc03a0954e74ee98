"""Counts of jobs for pages and metrics: up to a number, so that they cost the same however many there are."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import func, literal, union_all
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.domain.states import JobState
from backend.models import History, Job


def by_state(
    session: Session, *, states: Collection[str] = tuple(JobState), limit: int | None = None
) -> dict[str, int]:
    """state -> number of jobs, for the states that have any; each counted up to `upto`."""
    each = [
        columns(literal(str(state)), columns(func.count()).select_from(_some(state, limit)).scalar_subquery())
        for state in states
    ]
    return {state: number for state, number in session.connection().execute(union_all(*each)) if number}


def last_transition_id(session: Session) -> int:
    """A number that rises whenever a job is made or moves; 0 before the first."""
    return session.exec(select(func.max(History.id))).one() or 0


def count_ahead(session: Session, job: Job) -> int:
    """How many jobs of the same provider were asked for before this one and are not sent yet."""
    return session.exec(
        select(func.count())
        .select_from(Job)
        .where(Job.state == JobState.CREATED, Job.provider == job.provider, col(Job.id) < job.id)
    ).one()


def _some(state: str, limit: int | None) -> Any:
    return columns(col(Job.id)).where(col(Job.state) == str(state)).limit(limit).subquery()
