"""Connections to a file, kept between statements that read: the pool's way to one costs what reading does."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.pool import PoolProxiedConnection

from backend.store.database import sqlite
from backend.store.fast.compiled import CompiledStatement

#: So many are kept; of more at one moment, the others go back to the pool.
KEPT_MAX = 16


class Readers:
    """Runs one statement at a time on a connection of its own. Thread-safe: a list's ends are."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._resting: list[PoolProxiedConnection] = []
        self._closed = False

    def run(self, statement: CompiledStatement, values: Mapping[str, Any]) -> list[list[Any]]:
        """Every row of a statement that only looks."""
        try:
            connection = self._resting.pop()
        except IndexError:
            connection = sqlite.open_connection(self._engine)
        try:
            rows = statement.run_on_driver(connection.driver_connection, self._engine.dialect, values)
        except BaseException:
            connection.close()
            raise
        # The pool looks at each use whether a frozen file is one still.
        if self._closed or len(self._resting) >= KEPT_MAX or sqlite.is_frozen(connection):
            connection.close()
        else:
            self._resting.append(connection)
        return rows

    def close(self) -> None:
        """Give back what rests, and keep nothing more."""
        self._closed = True
        while self._resting:
            self._resting.pop().close()
