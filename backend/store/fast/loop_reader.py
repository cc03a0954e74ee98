"""What every request asks a server, in the event loop that it is in: a thread costs more than the answer.

It answers where it can at once, and says nothing where it can't: whoever hears nothing asks the usual way,
which waits, tries again, and says what is wrong.
"""

import asyncio
import time
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Engine

from backend.store.database import connections_in_use, postgres
from backend.store.fast.compiled import CompiledStatement

if TYPE_CHECKING:
    import psycopg

#: No sooner is a connection tried again, in seconds.
RETRY_S = 5.0


class LoopReader:
    """Asks on one connection, which it makes in the background and loses at the first doubt.

    Who waits for a server that hangs is let go as on any other connection (`Store.cut_waiting`).
    """

    def __init__(self, url: str, engine: Engine) -> None:
        self._url, self._engine = url, engine
        self._failures = (cast(Any, engine.dialect).dbapi.Error, OSError)
        self._held: list[psycopg.AsyncConnection[Any]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._fresh_until = self._not_before = 0.0
        weakref.finalize(self, _close_all, self._held)

    async def query(self, statement: CompiledStatement, values: Mapping[str, Any]) -> list[list[Any]] | None:
        """The rows of a statement that only looks; None: nobody can say at once."""
        connection = self._connection()
        if connection is None:
            return None
        try:
            with connections_in_use.noted(self._engine, connection):
                return await statement.run_on_loop(connection, self._engine.dialect, values)
        except self._failures:
            return None

    def _connection(self) -> "psycopg.AsyncConnection[Any] | None":
        loop, now = asyncio.get_running_loop(), time.monotonic()
        if self._loop is not loop:  # a loop that asks once needs no connection
            _close_all(self._held)
            self._loop, self._connecting, self._not_before = loop, None, 0.0
            return None
        if self._held and not self._held[0].closed and now < self._fresh_until:
            return self._held[0]
        under_way = self._connecting is not None and not self._connecting.done()
        if not under_way and now >= self._not_before:
            self._not_before = now + RETRY_S
            self._connecting = loop.create_task(self._connect())
        return None

    async def _connect(self) -> None:
        try:
            made = await _connect(self._url)
        except self._failures:
            return
        left, self._held[:] = self._held[:], [made]
        self._fresh_until = time.monotonic() + postgres.POOL_RECYCLE_S
        for old in left:
            async with old.lock:  # a socket is closed when nobody waits for it any more
                await old.close()


async def _connect(url: str) -> "psycopg.AsyncConnection[Any]":
    """Each statement is a transaction by itself on it."""
    import psycopg  # whoever has a file needs no driver of a server

    conninfo, parameters = postgres.driver_conninfo(url)
    made = await psycopg.AsyncConnection.connect(conninfo, autocommit=True, **parameters)
    try:
        await made.execute(*postgres.session_settings())
    except BaseException:
        made.pgconn.finish()
        raise
    return made


def _close_all(held: "list[psycopg.AsyncConnection[Any]]") -> None:
    """Close them without their loop, which has ended."""
    while held:
        connection = held.pop()
        connection.pgconn.finish()
