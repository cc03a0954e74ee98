"""One row by its key, or put in by a statement: what every table needs."""

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, bindparam, func, inspect
from sqlmodel import Session, SQLModel, col, insert, select

from backend.domain.errors import NotFound

Row = TypeVar("Row", bound=SQLModel)


def get_row(
    session: Session, table: type[Row], key: str, otherwise: str, *, with_for_update: Any = None
) -> Row:
    """The row as it is now. with_for_update: as `Session.get` has it.

    Raises:
        NotFound: there is none with that key; `otherwise` is what people are told.
    """
    found = session.execute(_by_key(table, **(with_for_update or {})), {"key": key})
    row = cast(Row | None, found.scalar_one_or_none())
    if row is None:
        raise NotFound(otherwise)
    return row


@cache
def _by_key(table: type[SQLModel], **lock: Any) -> Any:
    """One statement for each table: SQLAlchemy's own takes half as long again, as it is made each time."""
    (key,) = cast(Any, inspect(table)).primary_key
    query = select(table).where(key == bindparam("key")).execution_options(populate_existing=True)
    return query.with_for_update(**lock) if lock else query


def insert_row(session: Session, row: SQLModel) -> None:
    """Insert one row; it stays a plain value, which a transaction tried again can put in again."""
    values = {name: getattr(row, name) for name in type(row).model_fields}
    session.connection().execute(insert(type(row)), values)


def one_of(column: Any, values: Sequence[str]) -> ColumnElement[bool]:
    """Is it one of these? For a single value an equation, which an index answers in its order."""
    found: ColumnElement[bool] = column == values[0] if len(values) == 1 else col(column).in_(values)
    return found


def distinct_values(session: Session, column: Any) -> list[str]:
    """The different values of an indexed column, in order: one jump in its index for each, all at once."""
    jump = select(func.min(column).label("value")).cte("jump", recursive=True)
    following = select(func.min(column)).where(column > jump.c.value).scalar_subquery()
    jump = jump.union_all(select(following).where(jump.c.value.is_not(None)))
    return list(session.connection().execute(select(jump.c.value).where(jump.c.value.is_not(None))).scalars())
