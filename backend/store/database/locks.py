"""Locks where several writers meet: what a transaction has read must still hold when it writes.

SQLite has one writer at a time, so nothing here does anything there. On PostgreSQL writers run side by
side, and each says what it builds upon: a row, or something that has a name but no row.
"""

from typing import Any

from sqlalchemy import bindparam, func, select
from sqlmodel import Session

_LOCK = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("name"), 0)))


def needs_locks(session: Session) -> bool:
    """Was this session opened to write, on a database with several writers?"""
    return bool(session.info.get("locks"))


def row_lock(session: Session) -> Any:
    """For `Session.get(with_for_update=…)`: lock the row if this session writes."""
    return {"key_share": True} if needs_locks(session) else None


def acquire_advisory_lock(session: Session, *names: str) -> None:
    """From here to the end of the transaction nobody else holds any of these names.

    names: what is guarded, such as "budget"; in the same order everywhere, or two could wait for
    each other.
    """
    if needs_locks(session):
        for name in names:
            session.connection().execute(_LOCK, {"name": name})
