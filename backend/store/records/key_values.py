"""Facts by name: what was learnt while running, and every process must know."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, delete
from sqlalchemy import select as columns
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from backend.models import KeyValue
from backend.store.database.engine import Store
from backend.store.database.locks import acquire_advisory_lock

_VALUE = columns(col(KeyValue.value)).where(col(KeyValue.name) == bindparam("name"))
_ROW = columns(col(KeyValue.value), col(KeyValue.at)).where(col(KeyValue.name) == bindparam("name"))


def get(session: Session, name: str) -> KeyValue | None:
    """The fact, or None when nobody knows it yet."""
    # What is decided by it, also by there being none, is decided once.
    acquire_advisory_lock(session, f"fact:{name}")
    return session.get(KeyValue, name, populate_existing=True)


def get_value(session: Session, name: str) -> dict[str, Any] | None:
    """What a fact says, read without the ORM; None when nobody knows it yet."""
    value: dict[str, Any] | None = session.connection().execute(_VALUE, {"name": name}).scalar()
    return value


def query_value(store: Store, name: str) -> dict[str, Any] | None:
    """As `get_value`, in no transaction: for what never changes once it is known. Raises StoreUnavailable."""
    rows = store.query(_VALUE, {"name": name})
    return rows[0][0] if rows else None


def query_row(store: Store, name: str) -> tuple[dict[str, Any], datetime] | None:
    """(value, since when), in no transaction; None when nobody knows it yet. Raises StoreUnavailable."""
    rows = store.query(_ROW, {"name": name})
    return (rows[0][0], rows[0][1]) if rows else None


def get_value_for_update(session: Session, name: str) -> dict[str, Any] | None:
    """As `get_value`; when nobody knows it yet, the caller is the only one who may `set_value` it now."""
    acquire_advisory_lock(session, f"fact:{name}")
    return get_value(session, name)


def set_value(session: Session, name: str, value: dict[str, Any], *, at: datetime) -> KeyValue:
    """Write a fact, over what was known before."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    insert = dialect.insert(KeyValue).values(name=name, value=value, at=at)
    upsert = insert.on_conflict_do_update(index_elements=["name"], set_={"value": value, "at": at})
    session.connection().execute(upsert)
    return KeyValue(name=name, value=value, at=at)


def delete_value(session: Session, name: str) -> None:
    """Remove a fact; nothing happens when there is none."""
    session.exec(delete(KeyValue).where(col(KeyValue.name) == name))


def list_by_prefix(session: Session, prefix: str) -> list[KeyValue]:
    """Every fact whose name starts with `prefix`, by name."""
    return list(session.exec(_named(prefix)).all())


@lru_cache(maxsize=32)  # every page asks; prefixes are few
def _named(prefix: str) -> SelectOfScalar[KeyValue]:
    named = select(KeyValue).where(col(KeyValue.name).startswith(prefix, autoescape=True))
    return named.order_by(KeyValue.name)
