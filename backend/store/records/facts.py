"""Facts as values: each a frozen dataclass under one name; fields, or their aliases, are the JSON's keys."""

from copy import copy
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

from pydantic import TypeAdapter
from sqlmodel import Session

from backend.models import KeyValue
from backend.store.database.engine import Store
from backend.store.records import key_values


class Known(Protocol):
    """A frozen dataclass that says since when, or as of when, it holds."""

    @property
    def at(self) -> datetime:
        """As the row has it."""


T = TypeVar("T", bound=Known)


class Fact(Generic[T]):
    """One fact. What an older program left out has its default; what a newer one adds is passed over."""

    def __init__(self, kind: type[T], name: str) -> None:
        self.kind, self.name = kind, name

    def read(self, session: Session) -> T | None:
        """The fact; None when nobody knows it yet."""
        row = session.get(KeyValue, self.name, populate_existing=True)
        return None if row is None else self.typed(row)

    def query(self, store: Store) -> T | None:
        """The same by one bare statement: for what is asked again and again, and alone."""
        row = key_values.query_row(store, self.name)
        return None if row is None else self._adapter.validate_python({**row[0], "at": row[1]})

    def lock_and_read(self, session: Session) -> T | None:
        """The same; until the transaction ends, nobody else decides by it, also by there being none."""
        row = key_values.get(session, self.name)
        return None if row is None else self.typed(row)

    def put(self, session: Session, value: T) -> None:
        """Write it, over what was known before."""
        kept = self._adapter.dump_python(value, mode="json", by_alias=True)
        key_values.set_value(session, self.name, kept, at=value.at)

    def forget(self, session: Session) -> None:
        """Remove it; nothing happens when there is none."""
        key_values.delete_value(session, self.name)

    def typed(self, row: KeyValue) -> T:
        """What a row says."""
        return self._adapter.validate_python({**row.value, "at": row.at})

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        return TypeAdapter[Any](self.kind)


class FactFamily(Generic[T]):
    """A fact for each of several things; their names share a prefix."""

    def __init__(self, kind: type[T], prefix: str) -> None:
        self._prefix, self._any = prefix, Fact(kind, prefix)

    def of(self, key: str) -> Fact[T]:
        """The one for this thing."""
        fact = copy(self._any)
        fact.name = f"{self._prefix}{key}"
        return fact

    def read_all(self, session: Session) -> dict[str, T]:
        """Every thing's fact, by name."""
        rows = key_values.list_by_prefix(session, self._prefix)
        return {row.name.removeprefix(self._prefix): self._any.typed(row) for row in rows}
