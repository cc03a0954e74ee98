"""SQLite, used as a server would be.

WAL so that readers never wait, `synchronous=FULL` so that a commit survives a power cut,
`BEGIN IMMEDIATE` for writers so that nobody is refused half-way.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import PoolProxiedConnection

from backend.domain.errors import StoreUnavailable
from backend.store.database import sqlite_frozen
from backend.store.database.connect_advice import STILL_MIGRATING

#: How long a writer waits for another one, in milliseconds.
BUSY_TIMEOUT_MS = 30_000
#: How long to wait before a new file is asked again to keep a log, in seconds.
WAL_PAUSE_S = 0.02
#: The log is folded into the database after this many pages (16 MiB): the pages at the end of each index
#: are written by every new job, and so reach the database once instead of hundreds of times.
CHECKPOINT_PAGES = 4000
#: How long to wait for another process that is migrating, in seconds.
MIGRATION_WAIT_S = 600.0


def make_engine(url: str, **common: Any) -> Engine:
    """An engine for a database file. Opens nothing."""
    engine = create_engine(url, connect_args={"check_same_thread": False}, **common)
    sqlite_frozen.listen_to(engine)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def read_only_engine(engine: Engine) -> Engine:
    """The same engine for transactions that only look: they never wait for a writer."""
    return engine.execution_options(dailies_read_only=True)


@contextmanager
def watch_commits(engine: Engine) -> Iterator[Callable[[], object]]:
    """A question to ask often: its answer changes when another connection has committed."""
    connection = open_connection(engine)

    def ask() -> object:
        with _translated("PRAGMA data_version"):
            driver: Any = connection.driver_connection
            return driver.execute("PRAGMA data_version").fetchone()[0]

    try:
        yield ask
    finally:
        connection.close()


def open_connection(engine: Engine) -> PoolProxiedConnection:
    """A connection of the pool. OperationalError: it can't be opened."""
    with _translated("connect"):
        return engine.raw_connection()


def is_frozen(connection: PoolProxiedConnection) -> bool:
    """Was its file, when it was opened, on a disk that takes nothing more?"""
    return sqlite_frozen.is_frozen(connection.info)


@contextmanager
def migration_lock(url: str) -> Iterator[None]:
    """Held by the one process that migrates: a lock file beside the database.

    Raises:
        StoreUnavailable: another one has it for longer than `MIGRATION_WAIT_S`.
    """
    lock = FileLock(f"{make_url(url).database or 'dailies.db'}.migrate.lock")
    try:
        lock.acquire(timeout=MIGRATION_WAIT_S)
    except Timeout as error:
        raise StoreUnavailable(f"{STILL_MIGRATING}: {error}") from error
    try:
        yield
    finally:
        lock.release()


def prepare_migration(connection: Connection) -> None:
    """Nothing: the lock file is enough."""


def compatibility_error(connection: Connection, now: Callable[[], datetime]) -> str | None:
    """A file has neither a clock nor an encoding of its own."""
    return None


def clock_skew_s(connection: Connection, now: Callable[[], datetime]) -> float:
    """None that could differ from its host's."""
    return 0.0


def write_refusal(connection: Connection) -> str | None:
    """None: a file tells it at the write."""
    return None


def cut_waiting(engine: Engine) -> int:
    """None: there is no line."""
    return 0


def is_unavailable(error: Exception) -> bool:
    """Locked, unreadable, full: not the statement's fault."""
    return isinstance(error, OperationalError)


def _configure(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not open transactions by itself
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    _keep_log(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA cache_size = -4000")  # KiB; each of a process's connections has its own
    cursor.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    cursor.close()


def _keep_log(cursor: sqlite3.Cursor) -> None:
    """Put the file into WAL mode, where it then stays.

    Of several processes that do so with a new file at the same moment, SQLite refuses all but one at once,
    whatever `busy_timeout` says: each reads the file's head first, and whoever waited for a lock while it
    holds one might wait for ever. So they ask again.

    Source: sqlite.org/c3ref/busy_handler.html, on when the handler is not called.
    """
    give_up = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() >= give_up:
                raise
        time.sleep(WAL_PAUSE_S)


def _begin(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("dailies_read_only")
    # Straight to the driver: this runs in every transaction, and needs none of the layers between.
    driver = connection.connection.driver_connection
    assert driver is not None
    with _translated("BEGIN"):
        driver.execute("BEGIN" if read_only else "BEGIN IMMEDIATE")


@contextmanager
def _translated(statement: str) -> Iterator[None]:
    """What the driver says where SQLAlchemy does not stand between: in SQLAlchemy's words."""
    try:
        yield
    except sqlite3.Error as error:
        raise OperationalError(statement, None, error) from error
