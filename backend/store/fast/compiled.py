"""Statements that run at every start and every delivery: their SQL is written once, not each time.

SQLAlchemy's way from a statement to its rows costs several times what SQLite needs to run it. Here it
writes the SQL and says how values are converted, once for each kind of database; each run hands both to
the driver. For the few statements on the hot paths; everything else goes through the session as usual.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Connection, Dialect, Executable
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

Converter = Callable[[Any], Any]


class CompiledStatement:
    """A statement and its SQL for each kind of database, written at the first run there. Thread-safe.

    It may hold no `IN (…)`: how many values that has is known only when it runs. Bytes may be parameters
    only: constants are written into the SQL.
    """

    def __init__(self, statement: Executable, *, columns: Sequence[str] = ()) -> None:
        """columns: those that an insert sets."""
        self._statement = statement
        self._columns = columns
        self._made: dict[str, _DialectSql] = {}

    def run(self, session: Session, values: Mapping[str, Any]) -> int:
        """Run it in a session with these values of its parameters; returns how many rows it changed."""
        connection = _connection(session)
        driver = connection.connection.driver_connection
        return int(self._for(connection.dialect).run(driver, values).rowcount)

    def run_on_driver(self, driver: Any, dialect: Dialect, values: Mapping[str, Any]) -> list[list[Any]]:
        """Run it on the driver's own connection; returns every row, each value as its column's type says."""
        made = self._for(dialect)
        result = made.run(driver, values)
        return made.read(result.description, result)

    async def run_on_loop(
        self, connection: Any, dialect: Dialect, values: Mapping[str, Any]
    ) -> list[list[Any]]:
        """The same on a server's connection of an event loop's own. Raises the driver's own errors."""
        made = self._for(dialect)
        cursor = await connection.execute(made.sql, made.given(values))
        return made.read(cursor.description, await cursor.fetchall())

    def _for(self, dialect: Dialect) -> "_DialectSql":
        made = self._made.get(dialect.name)
        if made is None:
            made = self._made[dialect.name] = _DialectSql(self._statement, dialect, self._columns)
        return made


class _DialectSql:
    """The SQL of a statement for one kind of database, and how values are converted there and back.

    On a server, where parameters have names, what is the same at every run is written into the SQL.
    """

    def __init__(self, statement: Executable, dialect: Dialect, columns: Sequence[str]) -> None:
        compiled: Any = cast(Any, statement).compile(dialect=dialect, column_keys=list(columns) or None)
        self.sql = str(compiled)
        fixed = compiled.params
        names = compiled.positiontup or list(fixed)
        if not compiled.positional:  # a server's driver takes time for each value that travels
            own = {name for bind, name in compiled.bind_names.items() if bind.unique}  # named by nobody
            written = {name for name in own if fixed[name] is not None}
            names = [name for name in names if name not in written]
            for name in written:
                said = compiled.render_literal_value(fixed[name], compiled.binds[name].type)
                self.sql = self.sql.replace(f"%({name})s", said)
        self._params = [(name, fixed[name]) for name in names]
        ways = [_bind(compiled.binds.get(name), dialect) for name in names]
        self._writes = [(place, way) for place, way in enumerate(ways) if way is not None]
        self._positional = bool(compiled.positional)
        self._error: Any = cast(Any, dialect.dbapi).Error
        self._statement, self._dialect = statement, dialect
        self._reads: list[tuple[int, Converter]] | None = None

    def run(self, driver: Any, values: Mapping[str, Any]) -> Any:
        """Run it on the driver's connection; returns the driver's cursor. Errors are SQLAlchemy's."""
        try:
            return driver.execute(self.sql, self.given(values))
        except self._error as error:
            raise cast(Any, DBAPIError).instance(
                self.sql,
                None,
                error,
                self._error,
                hide_parameters=True,
                connection_invalidated=self._dialect.is_disconnect(error, driver, None),
                dialect=self._dialect,
            ) from error

    def given(self, values: Mapping[str, Any]) -> Any:
        """The parameters as the driver takes them: by place, or by name."""
        given = [values.get(name, fixed) for name, fixed in self._params]
        for place, convert in self._writes:
            given[place] = convert(given[place])
        if self._positional:
            return given
        return {name: value for (name, _), value in zip(self._params, given, strict=True)}

    def read(self, description: Any, found: Iterable[Any]) -> list[list[Any]]:
        """Every row that came back, converted."""
        if self._reads is None:  # the driver's codes for the types are known only now
            codes = [column[1] for column in description]
            self._reads = _reads(self._statement, self._dialect, codes)
        rows = [list(row) for row in found]
        for place, convert in self._reads:
            for row in rows:
                row[place] = convert(row[place])
        return rows


@lru_cache(maxsize=256)
def compiled_statement(statement: Executable) -> CompiledStatement:
    """The same for the same object each time: for statements that are constants of their modules."""
    return CompiledStatement(statement)


@lru_cache(maxsize=256)
def compiled_insert(table: Any, names: frozenset[str]) -> CompiledStatement:
    """The insert of one row that gives these columns; the others get NULL, or the database's own value."""
    return CompiledStatement(table.insert().inline(), columns=sorted(names))


def _connection(session: Session) -> Connection:
    """The session's connection; the store says which it is where that is known, and asking costs more."""
    known: Connection | None = session.info.get("connection")
    return session.connection() if known is None else known


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
