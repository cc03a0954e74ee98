"""Connections that somebody works with now, so that those who wait for a server that hangs can be let go.

A server that is frozen, or cut off so that its network still answers, says nothing for as long as that
lasts, and neither the driver nor the server's own time-outs end the wait.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.pool import ConnectionPoolEntry

_OPTION = "dailies_in_use"


def track(engine: Engine) -> None:
    """From now on it is known which connections of this engine are in use."""
    in_use: dict[object, Any] = {}
    engine.update_execution_options(**{_OPTION: in_use})

    def note(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        in_use[record] = connection

    def forget(_connection: Any, record: ConnectionPoolEntry) -> None:
        in_use.pop(record, None)

    event.listen(engine, "checkout", note)
    event.listen(engine, "checkin", forget)


@contextmanager
def noted(engine: Engine, connection: Any) -> Iterator[None]:
    """This one, which is not of the engine's pool, is in use as well."""
    in_use, mark = engine.get_execution_options()[_OPTION], object()
    in_use[mark] = connection
    try:
        yield
    finally:
        del in_use[mark]


def cut_all(engine: Engine) -> int:
    """Whoever waits on one of them is told that the line is broken; returns how many were cut."""
    cut = 0
    for connection in list(engine.get_execution_options()[_OPTION].values()):
        # The driver's own socket, which it goes on to close; not our copy of it.
        with suppress(OSError, connection.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)
            cut += 1
    return cut
