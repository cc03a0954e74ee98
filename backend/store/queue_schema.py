"""Procrastinate's own tables and functions: put in, and brought up to the version that is installed.

Its schema has its own version, kept as a fact. Applied in the migration's transaction, so by one process
at a time; an update runs the library's own migrations between the two versions, in its order.
"""

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from backend.domain.errors import SettingsError

#: The fact that says which version's schema is there.
FACT = "queue_schema"
_GET = text("SELECT value ->> 'version' FROM fact WHERE name = :name")
_KEEP = text(
    "INSERT INTO fact (name, value, at) "
    "VALUES (:name, CAST(json_build_object('version', CAST(:version AS text)) AS json), now()) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value, at = excluded.at"
)


def wanted() -> str:
    """The version of the library that is installed, such as "3.10.0"."""
    return version("procrastinate")


def at(connection: Connection) -> str | None:
    """The version whose schema is there; None when there is none."""
    found: str | None = connection.execute(_GET, {"name": FACT}).scalar()
    return found


def apply(connection: Connection) -> None:
    """Bring the queue's schema to the installed version, in the transaction that is open.

    Raises:
        SettingsError: the schema is newer than the installed library.
    """
    now, then = wanted(), at(connection)
    if then == now:
        return
    if then is not None and _parts(then) > _parts(now):
        raise SettingsError(
            f"The queue in the database is newer than this program (its schema is {then}, this program "
            f"brings {now}): start the newer program, or restore an older backup"
        )
    for sql in _steps(then, now):
        _run(connection, sql)
    connection.execute(_KEEP, {"name": FACT, "version": now})


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
    with driver.cursor() as cursor:
        cursor.execute(sql)
