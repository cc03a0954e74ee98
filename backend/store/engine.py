"""The database: one engine a process, and the only ways to open a transaction.

SQLite is used as a server would be: WAL so that readers never wait, `synchronous=FULL` so that a
commit survives a power cut, `BEGIN IMMEDIATE` for writers so that nobody is refused half-way.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

#: How long a writer waits for another one, in milliseconds.
BUSY_TIMEOUT_MS = 30_000
#: The log is folded into the database after this many pages (16 MiB): the pages at the end of each index
#: are written by every new job, and so reach the database once instead of hundreds of times.
CHECKPOINT_PAGES = 4000


class Store:
    """A database, by its URL. Opens nothing until it is first used."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = create_engine(
            url,
            pool_size=8,
            max_overflow=56,
            pool_timeout=20,
            hide_parameters=True,  # errors reach logs, and parameters hold prompts
            connect_args={"check_same_thread": False},
        )
        event.listen(self.engine, "connect", _configure)
        event.listen(self.engine, "begin", _begin)
        # SQLite has one writer at a time, and lets the others sleep and try again; threads of one
        # process wait here instead, where they are woken as soon as it is their turn.
        self._writing = threading.Lock()
        self._reader = self.engine.execution_options(dailies_read_only=True)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A transaction that may write: committed at the end, rolled back on an error.

        What was read stays usable afterwards, as read-only values.
        """
        with self._writing, Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only looks: it never waits for a writer and never commits."""
        with Session(self._reader, expire_on_commit=False, autoflush=False) as session:
            yield session

    @contextmanager
    def watching(self) -> Iterator[Callable[[], int]]:
        """A question to ask often: its answer changes when another connection has committed."""
        connection = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            yield lambda: int(cursor.execute("PRAGMA data_version").fetchone()[0])
        finally:
            connection.close()

    def close(self) -> None:
        """Close every idle connection."""
        self.engine.dispose()


def _configure(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not open transactions by itself
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA cache_size = -16000")
    cursor.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    cursor.close()


def _begin(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("dailies_read_only")
    # Straight to the driver: this runs in every transaction, and needs none of the layers between.
    driver = connection.connection.driver_connection
    assert driver is not None
    try:
        driver.execute("BEGIN" if read_only else "BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        raise OperationalError("BEGIN", None, error) from error
