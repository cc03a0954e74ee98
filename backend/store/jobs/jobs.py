"""Jobs: add, get, due, claim, advance. The state of a job changes only by one guarded update.

Every function takes the session first and never commits.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import Update, and_, bindparam, func, or_, update
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.domain.errors import NotFound, StaleState
from backend.domain.states import JobEvent, JobState
from backend.models import STRANDED, History, Job
from backend.store.database.locks import needs_locks, row_lock
from backend.store.fast.compiled import CompiledStatement
from backend.store.fast.row_insert import insert_row, insert_values
from backend.store.jobs import transitions
from backend.store.money import ledger

_TABLE = Job.__table__  # type: ignore[attr-defined]
#: What says how a job was asked for is long, and of no use to what must be quick.
_LONG = {"prompt", "sent_prompt", "style", "params", "payload", "images", "result"}
_NAMES = tuple(column.key for column in _TABLE.columns if column.key not in _LONG)
_ONE = columns(*(_TABLE.c[name] for name in _NAMES)).where(_TABLE.c.id == bindparam("old_id"))
_HEAD = CompiledStatement(_ONE)
_HEAD_LOCKED = CompiledStatement(_ONE.with_for_update(key_share=True))
_REQUEST = CompiledStatement(
    columns(_TABLE.c.id).where(
        _TABLE.c.provider == bindparam("provider"), _TABLE.c.request_id == bindparam("request_id")
    )
)

#: States that end a job without a video; what it was reserved for is given back when nothing was charged.
ENDED_WITHOUT_VIDEO = frozenset({JobState.FAILED, JobState.CANCELLED})


def insert_take(session: Session, job: Job, *, by: str) -> Job:
    """Put a new job in, with the first line of its history. Its `state` says where it starts."""
    insert_row(session, job)
    begun = {"event": JobEvent.CREATED, "state": job.state, "at": job.created_at, "by": by, "note": None}
    insert_values(session, History, {"job_id": job.id, **begun})
    return job


def get(session: Session, job_id: str) -> Job:
    """The job, as it is now; in a transaction that writes, nobody else changes it before its end.

    Raises:
        NotFound: there is none with that id.
    """
    job = session.get(Job, job_id, populate_existing=True, with_for_update=row_lock(session))
    if job is None:
        raise NotFound("There is no take with that id.")
    return job


def head(session: Session, job_id: str) -> Job:
    """As `get`, around the ORM: where a job stands, without how it was asked for. For what must be quick.

    Raises:
        NotFound: there is none with that id.
    """
    query = _HEAD_LOCKED if needs_locks(session) else _HEAD
    row = query.first(session, {"old_id": job_id})
    if row is None:
        raise NotFound("There is no take with that id.")
    return cast(Job, SimpleNamespace(**dict(zip(_NAMES, row, strict=True))))


def by_form_key(session: Session, owner: str, form_key: str) -> Job | None:
    """The job that this owner made with this idempotency key, if any."""
    return session.exec(select(Job).where(Job.owner == owner, Job.form_key == form_key)).first()


def by_request(session: Session, provider: str, request_id: str) -> Job | None:
    """The job to which the provider gave this request id, if any."""
    return session.exec(select(Job).where(Job.provider == provider, Job.request_id == request_id)).first()


def is_known_request(session: Session, provider: str, request_id: str) -> bool:
    """Has the provider given this request id to one of our jobs?"""
    return _REQUEST.first(session, {"provider": provider, "request_id": request_id}) is not None


def list_history(session: Session, job_id: str) -> Sequence[History]:
    """Every move of a job, oldest first."""
    return session.exec(select(History).where(History.job_id == job_id).order_by(col(History.id))).all()


def list_due(
    session: Session,
    *,
    now: datetime,
    states: Collection[JobState],
    limit: int,
    sent_by: Collection[str] | None = None,
    not_sent_by: Collection[str] = (),
) -> list[str]:
    """Ids of jobs that want a look now and that nobody has in hand, the longest waiting first.

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

    What is due already counts as seen: it is in somebody's hand, or waits for a hand to be free.
    """
    waiting = session.exec(select(func.min(Job.due_at)).where(col(Job.due_at) > now)).one()
    claimed = session.exec(
        select(func.min(Job.claimed_until)).where(
            col(Job.claimed_by).is_not(None), col(Job.claimed_until) > now
        )
    ).one()
    return min((at for at in (waiting, claimed) if at is not None), default=None)


def try_claim(
    session: Session, job_id: str, *, lease_token: str, now: datetime, lease_s: float
) -> Job | None:
    """Take a due job in hand until the lease ends; None when it is not due or somebody has it."""
    statement = (
        update(Job)
        .where(col(Job.id) == job_id, col(Job.due_at) <= now, _free(now))
        .values(claimed_by=lease_token, claimed_until=now + timedelta(seconds=lease_s))
    )
    return _one(session, statement)


def renew_leases(session: Session, lease_tokens: Collection[str], *, until: datetime) -> set[str]:
    """Extend these claims; returns the owners that still hold theirs."""
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


def advance(
    session: Session,
    job_id: str,
    event: JobEvent,
    *,
    at: datetime,
    by: str,
    lease_token: str | None = None,
    note: str | None = None,
    **values: Any,
) -> Job:
    """Move a job by an event, as `move` does, and return it as it is afterwards.

    Raises:
        Outrun: the job is not in a state in which this may happen, or the claim is lost.
    """
    apply_transition(session, job_id, event, at=at, by=by, lease_token=lease_token, note=note, **values)
    return get(session, job_id)


def apply_transition(
    session: Session,
    job_id: str,
    event: JobEvent,
    *,
    at: datetime,
    by: str,
    lease_token: str | None = None,
    note: str | None = None,
    **values: Any,
) -> None:
    """Move a job by an event: one guarded update and one line of history.

    owner: when given, the claim that must still be held.
    values: columns to set besides; `due_at` and `error` are cleared unless given.

    Raises:
        Outrun: the job is not in a state in which this may happen, or the claim is lost.
    """
    fresh = transitions.columns_of(event, values, at=at)
    at_once = needs_locks(session)
    statement = _transition_statement(
        event, frozenset(fresh), leased=lease_token is not None, at_once=at_once
    )
    guard = {"old_id": job_id} if lease_token is None else {"old_id": job_id, "old_owner": lease_token}
    line = transitions.history_values(event, at=at, by=by, note=note)
    given = (
        transitions.prefix_params("new", fresh)
        | guard
        | (transitions.prefix_params("line", line) if at_once else {})
    )
    if statement.run(session, given) == 0:
        raise StaleState(f"{event} does not fit where the job {job_id} is now")
    if not at_once:
        insert_values(session, History, {"job_id": job_id, **line})
    if fresh["state"] in ENDED_WITHOUT_VIDEO and (fresh["error"] or {}).get("charged") == "no":
        ledger.release_unbilled(session, get(session, job_id), at=at)


@lru_cache(maxsize=512)
def _transition_statement(
    event: JobEvent, names: frozenset[str], *, leased: bool, at_once: bool
) -> CompiledStatement:
    """The guarded update of an event that sets these columns.

    at_once: with its line of history, which a server is spared a question by; SQLite knows no such thing.
    """
    statement = transitions.guarded_update(event, names, leased=leased)
    return CompiledStatement(transitions.with_history(statement) if at_once else statement)


def update_if_unchanged(session: Session, job: Job, *, lease_token: str | None = None, **values: Any) -> Job:
    """Write what is new about a job without moving it, if it is still as `job` says.

    Raises:
        Outrun: somebody moved or woke it meanwhile, or the claim is lost.
    """
    guard = [col(Job.id) == job.id, col(Job.version) == job.version, col(Job.state) == job.state]
    if lease_token is not None:
        guard.append(col(Job.claimed_by) == lease_token)
    fresh = _one(session, update(Job).where(*guard).values(**values))
    if fresh is None:
        raise StaleState(f"the job {job.id} moved on meanwhile")
    return fresh


def make_due(session: Session, job_id: str, *, at: datetime, **values: Any) -> Job:
    """Make a job due at `at`, whatever a worker that has it in hand was about to decide.

    Raises:
        NotFound: there is no such job.
    """
    job = _one(
        session,
        update(Job).where(col(Job.id) == job_id).values(due_at=at, version=Job.version + 1, **values),
    )
    if job is None:
        raise NotFound("There is no take with that id.")
    return job


def live_claims(session: Session, *, now: datetime) -> set[tuple[str, str]]:
    """(job id, owner token) of every claim that is alive."""
    rows = session.exec(
        select(Job.id, Job.claimed_by).where(col(Job.claimed_by).is_not(None), col(Job.claimed_until) > now)
    )
    return {(job_id, owner) for job_id, owner in rows if owner is not None}


def _free(now: datetime) -> Any:
    return or_(col(Job.claimed_by).is_(None), col(Job.claimed_until) <= now)


def _one(session: Session, statement: Update) -> Job | None:
    """Run an update of at most one job and return the row as it is afterwards."""
    rows = session.scalars(
        statement.returning(Job),
        execution_options={"synchronize_session": False, "populate_existing": True},
    )
    return rows.one_or_none()


def stranded(session: Session, *, limit: int) -> list[str]:
    """Ids of jobs that should be moving and are due at no time: nothing would ever look at them."""
    return list(session.exec(select(Job.id).where(STRANDED).limit(limit)).all())


def ids_to_fetch(session: Session) -> set[str]:
    """Ids of jobs whose file is still to be fetched: what was left half-way is of use to them."""
    return set(session.exec(select(Job.id).where(Job.state == JobState.RENDERED)).all())


def count_due(session: Session, *, now: datetime) -> int:
    """How many jobs wait for a look that nobody has begun."""
    return session.exec(select(func.count()).select_from(Job).where(col(Job.due_at) <= now, _free(now))).one()


def count_open_calls(session: Session, provider: str, *, now: datetime) -> int:
    """How many calls to a blocking provider are held open now, over all workers."""
    return session.exec(
        select(func.count())
        .select_from(Job)
        .where(Job.state == JobState.SUBMITTING, Job.provider == provider, col(Job.claimed_until) > now)
    ).one()


def count_ahead(session: Session, job: Job) -> int:
    """How many jobs of the same provider were asked for before this one and are not sent yet."""
    return session.exec(
        select(func.count())
        .select_from(Job)
        .where(Job.state == JobState.CREATED, Job.provider == job.provider, col(Job.id) < job.id)
    ).one()
