"""Jobs: read, moved, changed, made due. The state of a job changes only by one guarded update.

Every function takes the session first and never commits.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Unpack

from sqlalchemy import Insert, Update, insert, or_, update
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.domain.errors import NotFound, StaleState
from backend.domain.states import JobEvent, JobState
from backend.domain.trouble import was_free
from backend.models import History, Job, JobColumns, JobHead
from backend.store.database.locks import needs_locks, row_lock
from backend.store.database.rows import get_row
from backend.store.jobs import transitions
from backend.store.jobs.transitions import update_one
from backend.store.money import ledger

#: States that end a job without a video; what it was reserved for is given back when nothing was charged.
ENDED_WITHOUT_VIDEO = frozenset({JobState.FAILED, JobState.CANCELLED})
#: Jobs whose request may stand in the provider's records without a request id on the row.
REQUEST_ID_UNKNOWN = (JobState.SUBMITTING, JobState.HELD, JobState.CANCELLED)
NO_TAKE = "There is no take with that id."
_HEAD = columns(*(transitions.JOB_TABLE.c[name] for name in JobHead._fields))


def get(session: Session, job_id: str) -> Job:
    """The job as it is now, which nobody else changes while this transaction writes. Raises NotFound."""
    return get_row(session, Job, job_id, NO_TAKE, with_for_update=row_lock(session))


def head(session: Session, job_id: str) -> JobHead:
    """As `get`, without the ORM: where a job stands, in a transaction that may share its commit."""
    query = _HEAD.where(transitions.JOB_TABLE.c.id == job_id)
    if needs_locks(session):
        query = query.with_for_update(key_share=True)
    row = session.connection().execute(query).first()
    if row is None:
        raise NotFound(NO_TAKE)
    return JobHead(*row)


def by_form_key(session: Session, owner: str, form_key: str) -> Job | None:
    """The job that this owner made with this idempotency key, if any."""
    return session.exec(select(Job).where(Job.owner == owner, Job.form_key == form_key)).first()


def again_key(job_id: str) -> str:
    """The idempotency key of the job that sends this one again: there is one at the most."""
    return f"again:{job_id}"


def by_request(session: Session, provider: str, request_id: str) -> Job | None:
    """The job to which the provider gave this request id, if any."""
    return session.exec(select(Job).where(Job.provider == provider, Job.request_id == request_id)).first()


def list_history(session: Session, job_id: str) -> Sequence[History]:
    """Every transition of a job, oldest first."""
    return session.exec(select(History).where(History.job_id == job_id).order_by(col(History.id))).all()


def advance(
    session: Session,
    job_id: str,
    event: JobEvent,
    *,
    at: datetime,
    by: str,
    lease_token: str | None = None,
    note: str | None = None,
    states: Collection[JobState] = (),
    **values: Unpack[JobColumns],
) -> Job:
    """Move a job by an event, by one guarded update and one line of history; returns it as it is then.

    lease_token: when given, the claim that must still be held. states: from these, not from the event's own.
    values: columns to set besides; `due_at` and `error` are cleared unless given.

    Raises:
        StaleState: the job is not in a state in which this may happen, or the claim is lost.
    """
    new = transitions.columns_of(event, values, at=at)
    line = transitions.history_values(event, at=at, by=by, note=note)
    one_statement, leased = needs_locks(session), lease_token is not None
    statement = _transition_statement(
        event, frozenset(new), frozenset(states), leased=leased, with_history=one_statement
    )
    params = transitions.prefix_params("new", new) | {"old_id": job_id}
    if leased:
        params["old_lease"] = lease_token
    if one_statement:
        params |= transitions.prefix_params("line", line)
    if session.connection().execute(statement, params).rowcount == 0:
        raise StaleState(f"{event} does not fit where the job {job_id} is now")
    if not one_statement:
        session.connection().execute(insert(History), {"job_id": job_id, **line})
    if new["state"] in ENDED_WITHOUT_VIDEO and was_free(new["error"]):
        ledger.release_unbilled(session, head(session, job_id), at=at)
    return get(session, job_id)


@lru_cache(maxsize=512)
def _transition_statement(
    event: JobEvent, names: frozenset[str], states: frozenset[JobState], *, leased: bool, with_history: bool
) -> Update | Insert:
    """The guarded update of an event that sets these columns.

    with_history: and inserts its line, which saves a question to a server; SQLite has no such statement.
    """
    statement = transitions.guarded_update(event, names, states=states, leased=leased)
    if not with_history:
        return statement
    return transitions.with_history(statement).execution_options(preserve_rowcount=True)


def update_if_unchanged(
    session: Session, job: Job, *, lease_token: str | None = None, **values: Unpack[JobColumns]
) -> Job:
    """Write what is new about a job without moving it, if it is still as `job` says.

    Raises:
        StaleState: somebody moved or woke it meanwhile, or the claim is lost.
    """
    guard = [col(Job.id) == job.id, col(Job.version) == job.version, col(Job.state) == job.state]
    if lease_token is not None:
        guard.append(col(Job.claimed_by) == lease_token)
    fresh = update_one(session, update(Job).where(*guard).values(**values))
    if fresh is None:
        raise StaleState(f"the job {job.id} moved on meanwhile")
    return fresh


def make_due(session: Session, job_id: str, *, at: datetime, **values: Unpack[JobColumns]) -> Job:
    """Make a job due at `at`, whatever a worker that has it in hand was about to decide. Raises NotFound."""
    statement = update(Job).where(col(Job.id) == job_id)
    job = update_one(session, statement.values(**values, due_at=at, version=Job.version + 1))
    if job is None:
        raise NotFound(NO_TAKE)
    return job


def lookalikes(session: Session, job: Job, *, limit: int = 200) -> Sequence[Job]:
    """Other jobs for the same model whose request id is unknown, the newest first."""
    return session.exec(
        select(Job)
        .where(Job.provider == job.provider, Job.model == job.model, Job.id != job.id)
        .where(col(Job.request_id).is_(None), col(Job.state).in_(REQUEST_ID_UNKNOWN))
        .where(or_(col(Job.state) == JobState.SUBMITTING, col(Job.submitted_at).is_not(None)))
        .order_by(col(Job.id).desc())
        .limit(limit)
    ).all()


def ids_to_fetch(session: Session) -> set[str]:
    """Ids of jobs whose file is still to be fetched: a part of it that was left is resumed."""
    return set(session.exec(select(Job.id).where(Job.state == JobState.RENDERED)).all())
