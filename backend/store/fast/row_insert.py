"""Inserts of one row without the ORM's unit of work, which costs more than the insert itself."""

from typing import Any

from sqlmodel import Session, SQLModel

from backend.store.fast.compiled import compiled_insert


def insert_values(session: Session, table: type[SQLModel], values: dict[str, Any]) -> None:
    """Insert one row; columns that are not given get NULL, or the database's own value."""
    compiled_insert(table.__table__, frozenset(values)).run(session, values)  # type: ignore[attr-defined]  # SQLModel gives it one


def non_null_columns(row: SQLModel) -> dict[str, Any]:
    """The columns of a row that have a value."""
    state = row.__dict__
    return {name: state[name] for name in type(row).model_fields if state.get(name) is not None}
