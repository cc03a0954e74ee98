"""A take that somebody asked for: its row, its history's first line, what it reserves, and who asked."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Insert, bindparam, insert
from sqlmodel import Session, SQLModel

from backend.domain.library.origin import Origin
from backend.domain.states import JobEvent
from backend.models import AuditEntry, History, Job, LedgerEntry, TakeOrigin
from backend.store.database.locks import needs_locks
from backend.store.fast.compiled import CompiledStatement
from backend.store.fast.row_insert import insert_values, non_null_columns
from backend.store.jobs.transitions import prefix_params
from backend.store.money import ledger

#: Tables, each with the columns of a row.
_Rows = tuple[tuple[type[SQLModel], dict[str, Any]], ...]


def insert_take(
    session: Session,
    job: Job,
    *,
    by: str,
    reserved: ledger.Reservation,
    deed: dict[str, Any],
    made_from: Sequence[Origin] = (),
) -> Job:
    """Put a new job in, with the first line of its history and of the ledger; its `state` is where it starts.

    deed: the columns of its row in the audit. made_from: the takes that it is made from.

    Afterwards the job is a plain value, unknown to the session: the transaction may share its commit.

    Raises:
        IntegrityError: its owner has used its form key.
    """
    insert_values(session, Job, non_null_columns(job))
    created = {"event": JobEvent.CREATED, "state": job.state, "at": job.created_at, "by": by}
    rows = (
        (History, {"job_id": job.id, **created}),
        (LedgerEntry, ledger.reservation_columns(job, reserved)),
        (AuditEntry, deed),
    )
    if needs_locks(session):
        _insert_at_once(session, rows)
    else:
        for table, values in rows:
            insert_values(session, table, values)
    for origin in dict.fromkeys(made_from):  # most starts have none
        row = {"job_id": job.id, "from_id": origin.take, "how": str(origin.how)}
        insert_values(session, TakeOrigin, row)
    return job


def _insert_at_once(session: Session, rows: _Rows) -> None:
    """A server is asked once for all of them."""
    named = tuple((table, frozenset(values)) for table, values in rows)
    params: dict[str, Any] = {}
    for table, values in rows:
        params |= prefix_params(str(table.__tablename__), values)
    _one_statement(named).run(session, params)


@lru_cache(maxsize=64)
def _one_statement(rows: tuple[tuple[type[SQLModel], frozenset[str]], ...]) -> CompiledStatement:
    inserts = [_insert(table, names) for table, names in rows]
    return CompiledStatement(
        inserts[-1].add_cte(*(one.cte(f"row_{n}") for n, one in enumerate(inserts[:-1])))
    )


def _insert(table: type[SQLModel], names: frozenset[str]) -> Insert:
    columns = table.__table__.c  # type: ignore[attr-defined]  # SQLModel gives it one
    prefix = table.__tablename__
    values = {name: bindparam(f"{prefix}_{name}", type_=columns[name].type) for name in sorted(names)}
    return insert(table).inline().values(values)
