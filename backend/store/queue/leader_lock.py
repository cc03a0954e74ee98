"""One leader for each duty, over all hosts: whoever holds an advisory lock of the server.

The lock belongs to a connection of its own, and ends with it: when the process dies, when its host is
cut off, and when it is frozen, because the server ends a session that is silent for too long.
"""

import threading
from contextlib import suppress

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from backend.store.database import postgres
from backend.store.database.engine import Store

#: A holder that says nothing for this long, in seconds, has lost the duty: it is frozen or cut off.
IDLE_TIMEOUT_S = 8
#: No statement waits longer than this for its answer, in milliseconds.
STATEMENT_TIMEOUT_MS = 5_000

_SESSION = text(
    "SELECT set_config('idle_session_timeout', :silence_ms, false), "
    f"set_config('statement_timeout', '{STATEMENT_TIMEOUT_MS}', false), "
    "set_config('tcp_keepalives_idle', '3', false), "
    "set_config('tcp_keepalives_interval', '2', false), set_config('tcp_keepalives_count', '2', false), "
    "set_config('application_name', 'dailies ' || :name, false)"
)
_TRY = text("SELECT pg_try_advisory_lock(hashtextextended('duty:' || :name, 0))")
_LEAVE = text("SELECT pg_advisory_unlock_all()")
_STILL = text("SELECT true")


class LeaderLock:
    """One duty, seen from one process. On SQLite everybody has it: one host, and every step is guarded."""

    def __init__(self, store: Store, name: str, *, idle_timeout_s: float = IDLE_TIMEOUT_S) -> None:
        self._store, self._name = store, name
        self._silence_ms = str(round(idle_timeout_s * 1000))
        self._connection: Connection | None = None
        self._mine = store.embedded
        self._lock = threading.Lock()

    @property
    def is_held(self) -> bool:
        """Was it ours when `try_acquire` last looked?"""
        return self._mine

    def try_acquire(self) -> bool:
        """Take the duty if nobody has it; returns whether it is ours. Call it every second or so."""
        if self._store.embedded:
            return True
        with self._lock:
            try:
                self._mine = self._hold(self._open())
            except SQLAlchemyError:
                self._close()
                self._mine = False
            return self._mine

    def release(self) -> None:
        """Leave it to others, at once."""
        if not self._store.embedded:
            with self._lock:
                if self._connection is not None and self._mine:
                    with suppress(SQLAlchemyError):
                        self._connection.execute(_LEAVE)  # the end of the connection may be noticed later
                self._close()
                self._mine = False

    def _open(self) -> Connection:
        if self._connection is None:
            self._mine = False
            self._connection = postgres.autocommit_engine(self._store.engine).connect()
            self._connection.execute(_SESSION, {"name": self._name, "silence_ms": self._silence_ms})
        return self._connection

    def _hold(self, connection: Connection) -> bool:
        if self._mine:
            return bool(connection.execute(_STILL).scalar())
        return bool(connection.execute(_TRY, {"name": self._name}).scalar())

    def _close(self) -> None:
        """The connection is not given back to the pool: its settings, and the lock, end with it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.detach()
                connection.close()
