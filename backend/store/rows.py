"""Putting one row in without the ORM's unit of work, which costs more than the insert itself."""

from typing import Any

from sqlmodel import Session, SQLModel


def insert(session: Session, table: type[SQLModel], values: dict[str, Any]) -> None:
    """Insert one row; columns that are not given get NULL, or the database's own value."""
    session.connection().execute(table.__table__.insert(), values)  # type: ignore[attr-defined]


def insert_row(session: Session, row: SQLModel) -> None:
    """Insert one row as it stands; it stays a plain value, unknown to the session."""
    state = row.__dict__
    known = {name: state[name] for name in type(row).model_fields if state.get(name) is not None}
    insert(session, type(row), known)
