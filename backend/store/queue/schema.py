"""Procrastinate's own tables and functions: put in, and brought up to the version that is installed.

Its schema has its own version, kept as the comment on its table of tasks. Applied in the migration's
transaction, so by one process at a time; an update runs the library's own migrations between the two
versions, in its order.
"""

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, text
from sqlalchemy.exc import DatabaseError

from backend.domain.errors import SettingsError

_GET = text("SELECT obj_description(to_regclass('procrastinate_jobs'), 'pg_class')")


def installed_version() -> str:
    """The version of the library that is installed, such as "3.10.0"."""
    return version("procrastinate")


def applied_version(connection: Connection) -> str | None:
    """The version whose schema is there; None when there is none."""
    found: str | None = connection.execute(_GET).scalar()
    return found


def apply_installed(connection: Connection) -> None:
    """Bring the queue's schema to the installed version, in this transaction. SettingsError: it is newer."""
    now, then = installed_version(), applied_version(connection)
    if then == now:
        return
    if then is not None and _parts(then) > _parts(now):
        raise SettingsError(
            f"The queue in the database is newer than this program (its schema is {then}, this program "
            f"brings {now}): start the newer program, or restore an older backup"
        )
    for sql in _steps(then, now):
        _run(connection, sql)
    record_version(connection, now)


def record_version(connection: Connection, version: str) -> None:
    """Write down whose schema this is."""
    connection.exec_driver_sql(f"COMMENT ON TABLE procrastinate_jobs IS '{version}'")


def _steps(then: str | None, now: str) -> list[str]:
    from procrastinate.schema import SchemaManager  # only here: half a second that nobody else needs to wait

    if then is None:
        return [SchemaManager.get_schema()]
    files = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    return [file.read_text() for file in files if _parts(then) < _parts(file.name) <= _parts(now)]


def _parts(name: str) -> tuple[int, ...]:
    """The three numbers that a version, or the name of a migration, starts with."""
    return tuple(int(number) for number in re.findall(r"\d+", name)[:3])


def _run(connection: Connection, sql: str) -> None:
    """Several statements at once, as they stand: a % in them is no parameter."""
    driver: Any = connection.connection.dbapi_connection
    try:
        with driver.cursor() as cursor:
            cursor.execute(sql)
    except cast(Any, connection.dialect.dbapi).Error as error:
        raise DatabaseError("the queue's schema", None, error) from error
