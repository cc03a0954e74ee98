"""A row for `insert_take` or `accept_delivery`, made without its constructor, which costs more than they."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from sqlmodel import SQLModel

Row = TypeVar("Row", bound=SQLModel)


def new_row(table: type[Row], **values: Any) -> Row:
    """A row with these values and the table's defaults, made as the ORM makes what it loads.

    Setting fifty attributes one by one, as a constructor does, costs more than all of an insert.
    """
    row: Row = table.__mapper__.class_manager.new_instance()  # type: ignore[attr-defined]  # SQLModel gives it one
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
