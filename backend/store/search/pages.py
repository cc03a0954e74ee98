"""Pages of jobs with their videos, newest first, by keyset: a page costs the same however many there are."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, func, union_all
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.domain.clock import id_lower_bound
from backend.domain.take_filter import TakeFilter
from backend.models import Job, Video
from backend.store.search import query as take_query

#: Of a model's newest takes so many are looked at, however few of them were finished.
DURATION_SCAN_ROWS = 200


def page(
    session: Session, wanted: TakeFilter, *, limit: int, before: str | None = None
) -> Sequence[tuple[Job, Video | None]]:
    """At most `limit` jobs and their videos, newest first; `before`: the last id of the page before."""
    if wanted.states is not None and not wanted.states:
        return []
    query = select(Job, Video).outerjoin(Video, col(Video.id) == col(Job.video_id))
    if wanted.crosses_indexes:
        found = take_query.TakeQuery(session, wanted, after=None, before=before).find_ids(limit)
        query = query.where(col(Job.id).in_(found))
    else:
        query = query.where(*_by_index(wanted, limit, before))
    return [(job, video) for job, video in session.exec(query.order_by(col(Job.id).desc()).limit(limit))]


def get_with_video(session: Session, job_id: str) -> tuple[Job, Video | None] | None:
    """One job and its video; None when there is no such job."""
    row = session.exec(
        select(Job, Video).outerjoin(Video, col(Video.id) == col(Job.video_id)).where(Job.id == job_id)
    ).first()
    return None if row is None else (row[0], row[1])


def count_newer(session: Session, wanted: TakeFilter, *, than: str, limit: int) -> int:
    """How many jobs of this kind are newer than that id, counted up to `limit`."""
    return len(ids_after(session, wanted, than=than, limit=limit))


def ids_after(session: Session, wanted: TakeFilter, *, than: str, limit: int) -> list[str]:
    """Ids of the next jobs of this kind that are newer than that one, the oldest of them first."""
    if wanted.crosses_indexes:
        return take_query.TakeQuery(session, wanted, after=than, before=None).find_ids(limit, ascending=True)
    query = select(col(Job.id)).where(col(Job.id) > than, *_clauses(wanted))
    if wanted.states is not None:
        query = query.where(col(Job.state).in_(sorted(wanted.states)))
    return list(session.exec(query.order_by(col(Job.id)).limit(limit)).all())


def list_owners(session: Session) -> list[str]:
    """Everybody who ever asked for a take; one index look-up for each of them."""
    return _distinct(session, Job.owner)


def list_models(session: Session) -> list[str]:
    """Every endpoint that a job was ever made with; one index look-up for each of them."""
    return _distinct(session, Job.model)


def durations_s(session: Session, model: str, *, since: datetime, limit: int = 50) -> list[float]:
    """Seconds from submission to rendered for the newest finished jobs of a model."""
    rows = session.exec(
        select(Job.submitted_at, Job.rendered_at)
        .where(Job.model == model, col(Job.id) >= id_lower_bound(since))
        .order_by(col(Job.id).desc())
        .limit(DURATION_SCAN_ROWS)
    )
    took = [(end - begin).total_seconds() for begin, end in rows if begin and end and end > begin]
    return took[:limit]


def _by_index(wanted: TakeFilter, limit: int, before: str | None) -> list[ColumnElement[bool]]:
    """Conditions for one filter, or none: an index of `job` holds what fits in the order of the page."""
    clauses = _clauses(wanted)
    if before:
        clauses.append(col(Job.id) < before)
    if wanted.states is None:
        return clauses
    return [col(Job.id).in_(_newest_of_each(wanted.states, clauses, limit))]


def _newest_of_each(
    states: Collection[str], clauses: list[ColumnElement[bool]], limit: int
) -> Select[Any] | CompoundSelect[Any]:
    """Ids of the newest jobs in each state.

    With several states at once a database would read all jobs in them and sort; the newest of each
    stand at the end of the index, and the page is among them.
    """
    each = [
        select(Job.id)
        .where(col(Job.state) == state, *clauses)
        .order_by(col(Job.id).desc())
        .limit(limit)
        .subquery()
        for state in sorted(states)
    ]
    return union_all(*(columns(one.c.id) for one in each)) if len(each) > 1 else columns(each[0].c.id)


def _clauses(wanted: TakeFilter) -> list[ColumnElement[bool]]:
    clauses: list[ColumnElement[bool]] = []
    if wanted.owner is not None:
        clauses.append(col(Job.owner) == wanted.owner)
    if wanted.model is not None:
        clauses.append(col(Job.model) == wanted.model)
    if wanted.provider is not None:
        clauses.append(col(Job.provider) == wanted.provider)
    return clauses


def _distinct(session: Session, column: Any) -> list[str]:
    """The different values of an indexed column, by jumping from one to the next in its index."""
    values: list[str] = []
    while True:
        query = select(func.min(column))
        if values:
            query = query.where(column > values[-1])
        value = session.exec(query).one()
        if value is None:
            return values
        values.append(value)
