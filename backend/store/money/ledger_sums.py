"""Sums of the ledger by day, person and model: those that are kept, and the lines since.

A sweep adds lines to `day_sum`, oldest first, and a fact says up to which. Whoever asks adds the lines that
came since, so that a sum is always exact and never reads the whole ledger. Nothing is written for it when
a line is, and so no row is fought for.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Subquery,
    cast,
    func,
    literal,
    text,
    union_all,
)
from sqlalchemy import select as columns
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col

from backend.domain.clock import id_lower_bound
from backend.models import CollectionTake, DaySum, Job, LedgerEntry
from backend.store.database.locks import acquire_advisory_lock, needs_locks
from backend.store.database.rows import one_of
from backend.store.records import key_values

#: The fact that says up to which line sums are kept.
SUMMED_FACT = "summed"
#: Whoever decides by a sum holds a lock of this name, and so does whoever adds lines to the kept sums:
#: at READ COMMITTED one would otherwise read the fact before, and the sums after.
BUDGET_LOCK = "budget"
#: Lines are added to the sums when so many have come; as many are read by who asks, within a millisecond.
MIN_NEW_ENTRIES = 1000

#: A line that was begun earlier may be committed later, with a smaller id: wait until none is being written.
_ALL_WRITTEN = (text("SET LOCAL lock_timeout = 250"), text("LOCK TABLE line IN SHARE MODE"))
_ADD = text(
    "INSERT INTO day_sum (day, owner, model, micros)"
    " SELECT l.day, l.owner, COALESCE(j.model, ''), CAST(SUM(l.micros) AS BIGINT)"
    " FROM line l LEFT JOIN job j ON j.id = l.job_id WHERE l.id > :last AND l.id <= :upto"
    " GROUP BY l.day, l.owner, COALESCE(j.model, '')"
    " ON CONFLICT (day, owner, model) DO UPDATE SET micros = day_sum.micros + excluded.micros"
)


def roll_up(session: Session, *, at: datetime, limit: int, at_least: int = MIN_NEW_ENTRIES) -> int:
    """Add the next lines to the kept sums, at most `limit`; returns how many, 0 when fewer are new."""
    if newest_line(session) - summed_line(session) < at_least:
        return 0
    acquire_advisory_lock(session, BUDGET_LOCK)
    if not are_lines_written(session):
        return 0
    last, newest = summed_line(session), newest_line(session)
    upto = min(newest, last + limit)
    session.connection().execute(_ADD, {"last": last, "upto": upto})
    key_values.set_value(session, SUMMED_FACT, {"line": upto}, at=at)
    return max(0, upto - last)


def spent_micros(
    session: Session,
    *,
    first_day: str,
    last_day: str,
    owners: Sequence[str] | None = None,
    model: str | None = None,
    project: str | None = None,
    collection: str | None = None,
) -> int:
    """What the takes of these days (the team's, "2026-11-21") count for: of these people, a model, or all.

    project, collection: of those that are in this one now; then people and models are not told apart.

    Who decides by it in a transaction that writes must hold `BUDGET_LOCK` before.
    """
    if project is not None or collection is not None:
        return _of_group(session, project, collection, first_day, last_day)
    amounts = _amounts(summed_line(session), first_day, last_day, owners, models=model is not None)
    query = columns(_total(amounts.c.micros))
    if model is not None:
        query = query.where(amounts.c.model == model)
    return int(session.connection().execute(query).scalar_one())


def spent_of_day_and_since(
    session: Session, first_day: str, *, day: str, owners: Sequence[str] | None = None
) -> tuple[int, int]:
    """What the takes of a day count for, and those from `first_day` until then; see `spent_micros`."""
    query = _day_and_since(first_day, day, None if owners is None else tuple(owners), summed_line(session))
    today, since = session.connection().execute(query).one()
    return int(today), int(since)


@lru_cache(maxsize=128)  # making it costs more than asking it
def _day_and_since(first_day: str, day: str, owners: tuple[str, ...] | None, summed: int) -> Select[int, int]:
    amounts = _amounts(summed, first_day, day, owners)
    of_day = amounts.c.micros * cast(amounts.c.day == day, Integer)
    return columns(_total(of_day), _total(amounts.c.micros))


def _of_group(
    session: Session, project: str | None, collection: str | None, first_day: str, last_day: str
) -> int:
    """Take by take, since each may be moved at any time. Ids sort by age, and no zone is days from UTC."""
    since = datetime.fromisoformat(first_day).replace(tzinfo=UTC) - timedelta(days=2)
    total = cast(func.coalesce(func.sum(col(LedgerEntry.micros)), 0), BigInteger)
    query = columns(total).join(Job, col(Job.id) == col(LedgerEntry.job_id))
    query = query.where(col(Job.id) >= id_lower_bound(since))
    query = query if project is None else query.where(col(Job.project_id) == project)
    if collection is not None:
        query = query.join(CollectionTake, col(CollectionTake.job_id) == col(Job.id))
        query = query.where(col(CollectionTake.collection_id) == collection)
    query = query.where(col(LedgerEntry.day) >= first_day, col(LedgerEntry.day) <= last_day)
    return int(session.connection().execute(query).scalar_one())


def list_models(session: Session, owners: Sequence[str]) -> list[str]:
    """Every endpoint of these people's takes, by their lines; kept sums are few, however many takes are."""
    amounts = _amounts(summed_line(session), "", "~", owners, models=True)
    models = columns(amounts.c.model).where(amounts.c.model != "").distinct()
    return sorted(session.connection().execute(models).scalars())


def _total(micros: ColumnElement[int]) -> ColumnElement[int]:
    """The sum, as a whole number on every database."""
    return cast(func.coalesce(func.sum(micros), 0), BigInteger)


def _amounts(
    summed: int, first_day: str, last_day: str, owners: Sequence[str] | None, *, models: bool = False
) -> Subquery:
    """Rows of day, owner, model and micros: those that are kept, and the lines since. See `summed_line`."""
    kept = columns(col(DaySum.day), col(DaySum.owner), col(DaySum.model), col(DaySum.micros))
    since = columns(
        col(LedgerEntry.day), col(LedgerEntry.owner),
        func.coalesce(col(Job.model), "") if models else literal(""), col(LedgerEntry.micros),
    ).where(col(LedgerEntry.id) > summed)  # fmt: skip
    if models:
        since = since.outerjoin(Job, col(Job.id) == col(LedgerEntry.job_id))
    for table, query in ((DaySum, kept), (LedgerEntry, since)):
        query = query.where(col(table.day) >= first_day, col(table.day) <= last_day)
        if owners is not None:
            query = query.where(one_of(table.owner, owners))
        kept, since = (query, since) if table is DaySum else (kept, query)
    return union_all(kept, since).subquery()


def summed_line(session: Session) -> int:
    """The last line that the kept sums hold."""
    said = key_values.get_value(session, SUMMED_FACT)
    return int(said["line"]) if said else 0


def newest_line(session: Session) -> int:
    """The id of the last line; 0: there is none."""
    return session.connection().execute(columns(func.max(col(LedgerEntry.id)))).scalar_one() or 0


def are_lines_written(session: Session) -> bool:
    """Is no line being written now, until this transaction ends? False: somebody is, and takes long."""
    if not needs_locks(session):  # SQLite: whoever writes is alone
        return True
    try:
        with session.begin_nested():
            for statement in _ALL_WRITTEN:
                session.connection().execute(statement)
    except OperationalError:
        return False
    return True
