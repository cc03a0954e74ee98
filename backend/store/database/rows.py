"""One row by its key, or put in by a statement: what every table needs."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement
from sqlmodel import Session, SQLModel, col, insert

from backend.domain.errors import NotFound

Row = TypeVar("Row", bound=SQLModel)


def get_row(session: Session, table: type[Row], key: str, otherwise: str, **options: Any) -> Row:
    """The row as it is now. options: as `Session.get` has them.

    Raises:
        NotFound: there is none with that key; `otherwise` is what people are told.
    """
    row = session.get(table, key, populate_existing=True, **options)
    if row is None:
        raise NotFound(otherwise)
    return row


def insert_row(session: Session, row: SQLModel) -> None:
    """Insert one row; it stays a plain value, which a transaction tried again can put in again."""
    values = {name: getattr(row, name) for name in type(row).model_fields}
    session.connection().execute(insert(type(row)), values)


def one_of(column: Any, values: Sequence[str]) -> ColumnElement[bool]:
    """Is it one of these? For a single value an equation, which an index answers in its order."""
    found: ColumnElement[bool] = column == values[0] if len(values) == 1 else col(column).in_(values)
    return found
