"""Connections of PostgreSQL that rest in the pool: is one still of use when it is wanted again?"""

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
    event.listen(engine, "checkin", _laid_by)
    event.listen(engine, "checkout", partial(_look_at, engine.dialect))


def _laid_by(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["laid_by"] = time.monotonic()


def _look_at(dialect: Dialect, connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    """Is a connection out of the pool still one? If not, the pool makes another, and so for all its others.

    A server that went away has said so, or closed the connection: there is something to read. One that is
    cut off says nothing, so whatever was idle for longer is asked, which costs a question each time.
    """
    laid_by = record.info.get("laid_by")
    if laid_by is None:
        return  # it was made just now
    if time.monotonic() - laid_by < PING_AFTER_IDLE_S and not _has_something_to_say(connection):
        return
    try:
        dialect.do_ping(connection)
    except cast(Any, dialect).dbapi.Error as error:
        raise InvalidatePoolError from error


def _has_something_to_say(connection: Any) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
