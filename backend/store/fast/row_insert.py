"""Putting one row in without the ORM's unit of work, which costs more than the insert itself."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

from backend.store.fast.compiled import compiled_insert

Row = TypeVar("Row", bound=SQLModel)


def insert_values(session: Session, table: type[SQLModel], values: dict[str, Any]) -> None:
    """Insert one row; columns that are not given get NULL, or the database's own value."""
    compiled_insert(table.__table__, frozenset(values)).run(session, values)  # type: ignore[attr-defined]


def insert_row(session: Session, row: SQLModel) -> None:
    """Insert one row as it stands; it stays a plain value, unknown to the session."""
    insert_values(session, type(row), non_null_columns(row))


def non_null_columns(row: SQLModel) -> dict[str, Any]:
    """The columns of a row that have a value."""
    state = row.__dict__
    return {name: state[name] for name in type(row).model_fields if state.get(name) is not None}


def upsert_values(session: Session, table: type[SQLModel], values: dict[str, Any], *, key: str) -> None:
    """Insert one row, or write its values over the row that has the same `key`; nobody can come between."""
    make = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = make(table).values(values)
    fresh = {name: statement.excluded[name] for name in values if name != key}
    session.connection().execute(statement.on_conflict_do_update(index_elements=[key], set_=fresh))


def new_row(table: type[Row], **values: Any) -> Row:
    """A row with these values and the table's defaults, made as the ORM makes what it loads.

    Setting fifty attributes one by one, as a constructor does, costs more than all of an insert.
    """
    row: Row = table.__mapper__.class_manager.new_instance()  # type: ignore[attr-defined]
    plain, made = _defaults(table)
    row.__dict__.update(plain, **{name: make() for name, make in made.items()})
    row.__dict__.update(values)
    return row


@cache
def _defaults(table: type[SQLModel]) -> tuple[dict[str, Any], dict[str, Callable[[], Any]]]:
    """The table's defaults: values, and what makes one anew for each row."""
    fields = table.model_fields.items()
    made: dict[str, Any] = {name: field.default_factory for name, field in fields if field.default_factory}
    return {name: field.get_default() for name, field in fields if name not in made}, made
