"""Bring the database to the newest schema; any number of processes may try at once.

One migrates while it holds a lock (a file beside an SQLite database, an advisory lock in PostgreSQL);
the others wait, and find nothing to do. In PostgreSQL the queue's own schema is brought along.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from backend.domain.errors import SettingsError, StoreUnavailable
from backend.store import facts, queue_schema
from backend.store.engine import Store
from backend.store.trouble import advice

#: The facts that stand in a database that `move-database` has not filled yet, and in one that it has left.
MOVING, MOVED = "move:from", "move:to"


def migrate(store: Store) -> str:
    """Upgrade to the newest schema; returns its revision.

    Raises:
        SettingsError: the database can't be opened, or is newer than this program.
    """
    script = ScriptDirectory(str(Path(__file__).parent / "migrations"))
    head = script.get_current_head() or ""
    try:
        if _is_newest(store, head):
            return head
        with store.database.migrating(store.url), store.engine.connect() as connection:
            store.database.prepare_migration(connection)
            _upgrade(store, connection, script, head)
            if not store.embedded:
                queue_schema.apply(connection)
            connection.commit()
    except StoreUnavailable as error:
        raise _cannot_open(store, error.why) from error
    except SQLAlchemyError as error:
        raise _cannot_open(store, str(getattr(error, "orig", None) or error)) from error
    return head


def check(store: Store, now: Callable[[], datetime]) -> None:
    """Is this a database that this host can work with?

    now: this host's clock. Leases are moments, so hosts whose clocks differ would take work from each other.

    Raises:
        SettingsError: its encoding or its clock is wrong, or it can't be opened.
    """
    try:
        with store.read() as session:
            fault = store.database.fault(session.connection(), now) or _move(session)
    except StoreUnavailable as error:
        raise _cannot_open(store, error.why) from error
    if fault:
        raise SettingsError(f"The database {store.shown} can't be used: {fault}")


def _move(session: Session) -> str | None:
    """Is this one of the two ends of a move, and not to be worked on?"""
    if half := facts.value_of(session, MOVING):
        return f"it is half filled from {half['source']}: finish it with python -m backend move-database"
    if moved := facts.value_of(session, MOVED):
        return f"it was moved to {moved['to']}: put that into DATABASE_URL; this one is kept as a backup"
    return None


def _cannot_open(store: Store, why: str) -> SettingsError:
    return SettingsError(f"The database {store.shown} can't be opened: {advice(why)}")


def revision(store: Store) -> str | None:
    """The revision that the database is at; None when it is new."""
    with store.read() as session:
        return _at(session.connection())


def _is_newest(store: Store, head: str) -> bool:
    with store.read() as session:
        connection = session.connection()
        if _at(connection) != head:
            return False
        return store.embedded or queue_schema.at(connection) == queue_schema.wanted()


def _at(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(store: Store, connection: Connection, script: ScriptDirectory, head: str) -> None:
    at = _at(connection)
    known = {step.revision for step in script.walk_revisions()}
    if at is not None and at not in known:
        raise SettingsError(
            f"The database {store.shown} is newer than this program (its schema is {at}, "
            f"this program knows up to {head}): start the newer program, or restore an older backup"
        )
    if at == head:
        return
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
