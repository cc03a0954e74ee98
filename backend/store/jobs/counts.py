"""What all jobs come to, for pages and metrics: each costs the same however many jobs there are."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import CompoundSelect, Select, bindparam, func, literal, union_all
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.domain.clock import id_lower_bound
from backend.domain.states import ENDED_STATES, JobState
from backend.models import History, Job
from backend.store.database.engine import Store
from backend.store.database.rows import distinct_values, one_of

#: Of a model's newest takes so many are looked at, however few of them were finished.
DURATION_SCAN_ROWS = 200
#: Of jobs of a state in trouble so many are told of; what is wrong with more is the same, as a rule.
TROUBLED_ROWS = 300
_NEWEST_MOVE = columns(func.max(col(History.id)))


def by_state(
    session: Session,
    *,
    states: Collection[str] = tuple(JobState),
    limit: int | None = None,
    owners: Sequence[str] | None = None,
) -> dict[str, int]:
    """state -> number of jobs, of these owners or of all, where there are any; each counted up to `limit`."""
    query = _of_each_state(tuple(states), limit, None if owners is None else tuple(owners))
    return {state: number for state, number in session.connection().execute(query) if number}


@lru_cache(maxsize=128)  # making it costs more than asking it, and every page asks
def _of_each_state(
    states: tuple[str, ...], limit: int | None, owners: tuple[str, ...] | None
) -> CompoundSelect[str, int]:
    each = []
    for state in states:
        found = columns(col(Job.id)).where(col(Job.state) == str(state))
        found = found if owners is None else found.where(one_of(Job.owner, owners))
        some = found.limit(limit).subquery()
        each.append(columns(literal(str(state)), columns(func.count()).select_from(some).scalar_subquery()))
    return union_all(*each)


def last_transition_id(session: Session) -> int:
    """A number that rises whenever a job is made or moves; 0 before the first."""
    return session.connection().execute(_NEWEST_MOVE).scalar() or 0


def query_last_transition_id(store: Store) -> int:
    """The same by one statement, outside any transaction: every page asks. Raises StoreUnavailable."""
    return store.query(_NEWEST_MOVE, {})[0][0] or 0


def count_ahead(session: Session, job: Job) -> int:
    """How many jobs of the same provider were asked for before this one and are not sent yet."""
    return session.exec(
        select(func.count())
        .select_from(Job)
        .where(Job.state == JobState.CREATED, Job.provider == job.provider, col(Job.id) < job.id)
    ).one()


def places_in_line(session: Session, job_ids: Sequence[str]) -> dict[str, int]:
    """job -> how many of its provider stand before it, as `count_ahead`; of those that are not sent yet."""
    found = session.connection().execute(_places(), {"ids": list(job_ids)})
    return {str(job_id): int(ahead) for job_id, ahead in found}


@cache
def _places() -> Select[str, int]:
    place = func.row_number().over(partition_by=col(Job.provider), order_by=col(Job.id)) - 1
    line = columns(col(Job.id), place.label("ahead")).where(col(Job.state) == JobState.CREATED).subquery()
    return columns(line.c.id, line.c.ahead).where(line.c.id.in_(bindparam("ids", expanding=True)))


def list_troubled(session: Session) -> Sequence[tuple[str, Mapping[str, Any] | None]]:
    """(id, error) of the newest jobs of each state that have not ended and say what went wrong last."""
    found: list[tuple[str, Mapping[str, Any] | None]] = []
    for state in (state for state in JobState if state not in ENDED_STATES):
        query = select(Job.id, Job.error).where(col(Job.state) == str(state), col(Job.error).is_not(None))
        found += session.exec(query.order_by(col(Job.id).desc()).limit(TROUBLED_ROWS))
    return sorted(found, key=lambda row: row[0], reverse=True)


def list_owners(session: Session) -> list[str]:
    """Everybody who ever asked for a take; one index look-up for each of them."""
    return distinct_values(session, Job.owner)


def list_models(session: Session) -> list[str]:
    """Every endpoint that a job was ever made with; one index look-up for each of them."""
    return distinct_values(session, Job.model)


def rendering_times_s(
    session: Session, model: str, *, since: datetime
) -> Sequence[tuple[float, Mapping[str, Any]]]:
    """(seconds from started to rendered, parameters) of a model's newest finished jobs.

    One that nobody saw start counts from when it was accepted, where nothing else is known.
    """
    rows = session.exec(
        select(Job.submitted_at, Job.started_at, Job.rendered_at, Job.params)
        .where(Job.model == model, col(Job.id) >= id_lower_bound(since))
        .order_by(col(Job.id).desc())
        .limit(DURATION_SCAN_ROWS)
    ).all()
    seen_to_start = [(start, end, params) for _, start, end, params in rows if start and end]
    since_sent = [(sent, end, params) for sent, start, end, params in rows if not start and sent and end]
    used = seen_to_start if len(seen_to_start) >= len(since_sent) else seen_to_start + since_sent
    return [((end - begin).total_seconds(), params) for begin, end, params in used if end > begin]


def by_provider_and_model(
    session: Session, *, states: Collection[str]
) -> Sequence[tuple[tuple[str, str, str], int]]:
    """((provider, model, state), number) of the jobs in these states."""
    rows = session.exec(
        select(Job.provider, Job.model, Job.state, func.count())
        .where(col(Job.state).in_(states))
        .group_by(Job.provider, Job.model, Job.state)
    )
    return [((provider, model, state), number) for provider, model, state, number in rows]
