"""Idle connections in the pool of PostgreSQL: does one still work when it is taken out again?"""

import select
import time
from functools import partial
from typing import Any, cast

from sqlalchemy import Dialect, Engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

#: A connection that was used so lately, and is silent, is used again without asking whether it lives.
PING_AFTER_IDLE_S = 1.0


def check_on_checkout(engine: Engine) -> None:
    """Look at each connection that this engine's pool hands out."""
    event.listen(engine, "checkin", _note_checkin)
    event.listen(engine, "checkout", partial(_check, engine.dialect))


def _note_checkin(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["idle_since"] = time.monotonic()


def _check(dialect: Dialect, connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    """Is the connection alive? If not, the pool makes another, and drops all others as well.

    A server that went away has said so, or has closed the connection: there is something to read. One that
    is cut off says nothing, so a connection that was idle for longer is pinged, which costs a round trip.
    """
    idle_since = record.info.get("idle_since")
    if idle_since is None:
        return  # it was made just now
    if time.monotonic() - idle_since < PING_AFTER_IDLE_S and not _is_readable(connection):
        return
    try:
        dialect.do_ping(connection)
    except cast(Any, dialect).dbapi.Error as error:
        raise InvalidatePoolError from error


def _is_readable(connection: Any) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
