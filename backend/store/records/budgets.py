"""Limits of money that admins set: those in force, and those that were."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, update
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.models import Budget
from backend.store.database.engine import Store
from backend.store.database.locks import acquire_advisory_lock
from backend.store.database.rows import get_row, insert_row

#: The columns of a row, in the order in which `read_row` takes them, and in which order rows are read.
NAMES = list(Budget.model_fields)
ORDER = (col(Budget.scope), col(Budget.name), col(Budget.id))
_IN_FORCE = (
    columns(*(col(getattr(Budget, name)) for name in NAMES))
    .where(col(Budget.ended_at).is_(None))
    .order_by(*ORDER)
)


def query_in_force(store: Store) -> list[Budget]:
    """The limits in force, by one statement: every start asks for them. Raises StoreUnavailable."""
    return [read_row(row) for row in store.query(_IN_FORCE, {})]


def in_force(session: Session) -> list[Budget]:
    """The same, within a transaction."""
    return [read_row(row) for row in session.connection().execute(_IN_FORCE)]


def replace(session: Session, budget: Budget) -> None:
    """Put a limit in force; one of the same scope, name, period and kind ends with it."""
    acquire_advisory_lock(session, "budgets")
    same = (
        col(Budget.scope) == budget.scope, col(Budget.name) == budget.name,
        col(Budget.period) == budget.period, col(Budget.hard).is_(budget.hard),
    )  # fmt: skip
    _end(session, *same, at=budget.set_at, by=budget.set_by)
    insert_row(session, budget)


def end(session: Session, budget_id: str, *, at: datetime, by: str) -> Budget:
    """End a limit; nothing happens to one that has ended. Raises NotFound."""
    _end(session, col(Budget.id) == budget_id, at=at, by=by)
    return get_row(session, Budget, budget_id, "There is no limit with that id.")


def list_ended(session: Session, *, limit: int) -> Sequence[Budget]:
    """Limits that are no longer in force, the one that ended last first."""
    ended = select(Budget).where(col(Budget.ended_at).is_not(None))
    return session.exec(ended.order_by(col(Budget.ended_at).desc(), col(Budget.id)).limit(limit)).all()


def read_row(row: Sequence[Any]) -> Budget:
    """A limit, of the values of its columns."""
    return Budget(**dict(zip(NAMES, row, strict=True)))


def _end(session: Session, *which: ColumnElement[bool], at: datetime, by: str) -> None:
    in_force = update(Budget).where(*which, col(Budget.ended_at).is_(None))
    session.connection().execute(in_force.values(ended_at=at, ended_by=by))
