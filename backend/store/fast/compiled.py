"""Statements that run at every start and every delivery: their SQL is made once, not each time.

SQLAlchemy's way from a statement to its rows costs several times what SQLite needs to run it. Here it
writes the SQL and knows how values travel, once for each kind of database; each run hands both to the
driver. For the few statements on the hot paths; everything else goes through the session as usual.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Connection, Dialect, Executable
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

Converter = Callable[[Any], Any]


class CompiledStatement:
    """A statement with its SQL at hand; thread-safe, made at import and filled at its first run.

    It may hold no `IN (…)`: how many values that has is known only when it runs. Nor bytes, but as a
    parameter: what it says itself is written into its SQL.
    """

    def __init__(self, statement: Executable, *, columns: Sequence[str] = ()) -> None:
        """columns: what an insert gives."""
        self._statement = statement
        self._columns = columns
        self._made: dict[str, _DialectSql] = {}

    def run(self, session: Session, values: Mapping[str, Any]) -> int:
        """Run it with these values of its parameters; returns how many rows it changed."""
        connection = _connection(session)
        return int(self._for(connection.dialect).run(_driver(connection), values).rowcount)

    def first(self, session: Session, values: Mapping[str, Any]) -> list[Any] | None:
        """The first row, each value as its column's type says; None when there is none."""
        found = self.all(session, values)
        return found[0] if found else None

    def all(self, session: Session, values: Mapping[str, Any]) -> list[list[Any]]:
        """Every row, each value as its column's type says."""
        connection = _connection(session)
        made = self._for(connection.dialect)
        return made.read(made.run(_driver(connection), values))

    def all_on_driver(self, driver: Any, dialect: Dialect, values: Mapping[str, Any]) -> list[list[Any]]:
        """The same from the driver's own connection."""
        made = self._for(dialect)
        return made.read(made.run(driver, values))

    def _for(self, dialect: Dialect) -> "_DialectSql":
        made = self._made.get(dialect.name)
        if made is None:
            made = self._made[dialect.name] = _DialectSql(self._statement, dialect, self._columns)
        return made


class _DialectSql:
    """The SQL of a statement for one kind of database, and how its values travel there and back.

    What is the same at every run is written into the SQL where parameters have names: on a server.
    """

    def __init__(self, statement: Executable, dialect: Dialect, columns: Sequence[str]) -> None:
        compiled: Any = cast(Any, statement).compile(dialect=dialect, column_keys=list(columns) or None)
        self._sql = str(compiled)
        fixed = compiled.params
        names = compiled.positiontup or list(fixed)
        if not compiled.positional:  # a server's driver takes time for each value that travels
            own = {name for bind, name in compiled.bind_names.items() if bind.unique}  # named by nobody
            written = {name for name in own if fixed[name] is not None}
            names = [name for name in names if name not in written]
            for name in written:
                said = compiled.render_literal_value(fixed[name], compiled.binds[name].type)
                self._sql = self._sql.replace(f"%({name})s", said)
        self._params = [(name, fixed[name]) for name in names]
        ways = [_bind(compiled.binds.get(name), dialect) for name in names]
        self._writes = [(place, way) for place, way in enumerate(ways) if way is not None]
        self._positional = bool(compiled.positional)
        self._error: Any = cast(Any, dialect.dbapi).Error
        self._statement, self._dialect = statement, dialect
        self._reads: list[tuple[int, Converter]] | None = None

    def run(self, driver: Any, values: Mapping[str, Any]) -> Any:
        """To the driver without the layers between, which take longer than a file needs to answer.

        What comes back has `rowcount`, and rows to go through. Errors are SQLAlchemy's, as everywhere.
        """
        given: Any = [values.get(name, fixed) for name, fixed in self._params]
        for place, convert in self._writes:
            given[place] = convert(given[place])
        if not self._positional:
            given = {name: value for (name, _), value in zip(self._params, given, strict=True)}
        try:
            return driver.execute(self._sql, given)
        except self._error as error:
            raise cast(Any, DBAPIError).instance(
                self._sql,
                None,
                error,
                self._error,
                hide_parameters=True,
                connection_invalidated=self._dialect.is_disconnect(error, driver, None),
                dialect=self._dialect,
            ) from error

    def read(self, result: Any) -> list[list[Any]]:
        """Every row that came back, converted."""
        if self._reads is None:  # the driver's codes for the types are known only now
            codes = [column[1] for column in result.description]
            self._reads = _reads(self._statement, self._dialect, codes)
        rows = [list(row) for row in result]
        for place, convert in self._reads:
            for row in rows:
                row[place] = convert(row[place])
        return rows


@lru_cache(maxsize=256)
def compiled_insert(table: Any, names: frozenset[str]) -> CompiledStatement:
    """The insert of one row that gives these columns; the others get NULL, or the database's own value."""
    return CompiledStatement(table.insert().inline(), columns=sorted(names))


def _connection(session: Session) -> Connection:
    """The session's connection; the store says which it is where that is known, and asking costs more."""
    known: Connection | None = session.info.get("connection")
    return session.connection() if known is None else known


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _bind(parameter: Any, dialect: Dialect) -> Converter | None:
    if parameter is None:
        return None
    way: Converter | None = parameter.type.dialect_impl(dialect).bind_processor(dialect)
    return way


def _reads(statement: Any, dialect: Dialect, codes: Sequence[Any]) -> list[tuple[int, Converter]]:
    """Which columns need a conversion, and which."""
    ways = [
        column.type.dialect_impl(dialect).result_processor(dialect, code)
        for column, code in zip(statement.selected_columns, codes, strict=True)
    ]
    return [(place, way) for place, way in enumerate(ways) if way is not None]
