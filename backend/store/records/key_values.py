"""Facts: what was learnt while running and every process must know; one row a name."""

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.models import Fact
from backend.store.database.engine import Store
from backend.store.database.locks import serialise
from backend.store.fast.compiled import Prepared
from backend.store.fast.row_insert import upsert

_VALUE = Prepared(columns(col(Fact.value)).where(col(Fact.name) == bindparam("name")))


def get(session: Session, name: str) -> Fact | None:
    """The fact, or None when nobody knows it yet."""
    serialise(session, f"fact:{name}")  # what is decided by it, also by there being none, is decided once
    return session.get(Fact, name, populate_existing=True)


def value_of(session: Session, name: str) -> dict[str, Any] | None:
    """What a fact says, read around the ORM: for what is asked at every request."""
    row = _VALUE.first(session, {"name": name})
    return None if row is None else row[0]


def ask(store: Store, name: str) -> dict[str, Any] | None:
    """As `value_of`, in no transaction: for what never changes once it is known.

    Raises:
        StoreUnavailable: the database can't be used now.
    """
    rows = store.ask(_VALUE, {"name": name})
    return rows[0][0] if rows else None


def decide(session: Session, name: str) -> dict[str, Any] | None:
    """As `value_of`; when nobody knows it yet, the caller is the only one who may `keep` it now."""
    serialise(session, f"fact:{name}")
    return value_of(session, name)


def keep(session: Session, name: str, value: dict[str, Any], *, at: datetime) -> Fact:
    """Write a fact, over what was known before."""
    upsert(session, Fact, {"name": name, "value": value, "at": at}, key="name")
    return Fact(name=name, value=value, at=at)


def forget(session: Session, name: str) -> None:
    """Remove a fact; nothing happens when there is none."""
    session.exec(delete(Fact).where(col(Fact.name) == name))


def named(session: Session, prefix: str) -> list[Fact]:
    """Every fact whose name starts with `prefix`, by name."""
    return list(
        session.exec(
            select(Fact).where(col(Fact.name).startswith(prefix, autoescape=True)).order_by(Fact.name)
        ).all()
    )
