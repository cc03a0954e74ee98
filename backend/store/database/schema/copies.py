"""Copies of a database: making one while everything runs, and knowing that one is a copy.

A copy says of itself that it is one, and PostgreSQL says which database this is; so whoever opens a copy
knows that the takes in it may have gone on elsewhere.
"""

import os
import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlmodel import Session, col, select

from backend.domain.errors import SettingsError
from backend.domain.place import sqlite_url
from backend.domain.states import JobState
from backend.models import Job, KeyValue
from backend.store.database.engine import Store
from backend.store.records import key_values

#: The fact that stands in a copy alone: when it was made.
COPY_FACT = "copy"
#: The fact that says which database this was when a program last opened it.
IDENTITY_FACT = "which_database"
#: Pages copied at a time (4 MiB), so that progress can be shown.
PAGES_PER_STEP = 1024


def database_path(store: Store) -> Path:
    """Where the embedded database lies. Raises SettingsError: it is a server's, which has its own tools."""
    if not store.embedded:
        raise SettingsError(
            f"The database {store.redacted_url} is backed up and restored with PostgreSQL's own tools "
            "(pg_dump, or a base backup with archived WAL); docs/operations.md says how. After restoring "
            "it run: python -m backend restored"
        )
    return Path(make_url(store.url).database or "")


def make_copy(store: Store, target: Path, *, at: datetime, on_progress: Callable[[str], None]) -> None:
    """Copy the embedded database, as it is at one moment, while others read and write it.

    Afterwards `target` is one whole, checked file, on disk, that says that it is a copy. A target that
    is there already is replaced.

    Raises:
        SettingsError: the database is a server's, or the copy is not whole.
    """
    source = database_path(store)
    target.unlink(missing_ok=True)
    _copy_pages(source, target, on_progress)
    copy = Store(sqlite_url(target))
    try:
        with copy.begin() as session:
            key_values.set_value(session, COPY_FACT, {"at": at.isoformat()}, at=at)
    finally:
        copy.close()
    _check(target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def _copy_pages(source: Path, target: Path, on_progress: Callable[[str], None]) -> None:
    """Page by page, not by VACUUM: row ids stay, which indexes over a table's text point to."""
    read, write = sqlite3.connect(source, isolation_level=None), sqlite3.connect(target)
    try:
        # One snapshot from the first page to the last: without it every commit would start the copy over.
        read.execute("BEGIN")
        read.execute("SELECT count(*) FROM sqlite_master").fetchone()

        def progress(_status: int, left: int, pages: int) -> None:
            on_progress(f"database: {pages - left} of {pages} pages")

        read.backup(write, pages=PAGES_PER_STEP, progress=progress)
    finally:
        write.close()
        read.close()


def _check(path: Path) -> None:
    """One file, and SQLite finds nothing wrong in it."""
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode = DELETE")  # nothing beside the file belongs to it
        found = database.execute("PRAGMA quick_check").fetchone()[0]
    finally:
        database.close()
    if found != "ok":
        raise SettingsError(f"The copy {path} is not whole ({found}): the database itself is damaged.")


def copied_at(session: Session) -> str | None:
    """When this database was copied from another, if it is a copy; None: it is none.

    A server's database that was dumped and restored is another one than when it was last opened.
    """
    copy: KeyValue | None = key_values.get(session, COPY_FACT)
    if copy is not None:
        return str(copy.value["at"])
    known, now = key_values.get(session, IDENTITY_FACT), database_identity(session)
    if known is not None and now is not None and known.value["database"] != now:
        return known.at.isoformat()
    return None


def is_unidentified(session: Session) -> bool:
    """Has nobody written down yet which database this is?"""
    return database_identity(session) is not None and key_values.get(session, IDENTITY_FACT) is None


def list_unsent_jobs(session: Session) -> Sequence[Job]:
    """Every job that this database says was not sent, oldest first."""
    return session.exec(select(Job).where(Job.state == JobState.CREATED).order_by(col(Job.id))).all()


def mark_in_use(session: Session, *, at: datetime) -> None:
    """From here on this database is no copy, but the one that is used."""
    key_values.delete_value(session, COPY_FACT)
    now = database_identity(session)
    if now is not None:
        key_values.set_value(session, IDENTITY_FACT, {"database": now}, at=at)


def database_identity(session: Session) -> str | None:
    """The name that no other database of any server has; None: a file has none, or we may not ask."""
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        return None
    allowed = "SELECT has_function_privilege('pg_control_system()', 'EXECUTE')"
    if not connection.exec_driver_sql(allowed).scalar():
        return None
    row: Any = connection.exec_driver_sql(
        "SELECT system_identifier, (SELECT oid FROM pg_database WHERE datname = current_database()) "
        "FROM pg_control_system()"
    ).one()
    return f"{row[0]}/{row[1]}"
