"""Statements of months, each written once."""

from sqlmodel import Session, col, select

from backend.models import MonthStatement


def find(session: Session, month: str) -> MonthStatement | None:
    """The statement of a month, "2026-10"; None: it was not closed."""
    return session.get(MonthStatement, month)


def insert_statement(session: Session, statement: MonthStatement) -> None:
    """Keep a statement. Raises IntegrityError: the month was closed before."""
    session.add(statement)
    session.flush()


def list_all(session: Session) -> list[MonthStatement]:
    """Every statement, the latest month first."""
    return list(session.exec(select(MonthStatement).order_by(col(MonthStatement.month).desc())).all())
