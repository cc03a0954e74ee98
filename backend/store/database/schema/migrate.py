"""Bring the database to the newest schema; any number of processes may try at once.

One migrates while it holds a lock (a file beside an SQLite database, an advisory lock in PostgreSQL);
the others wait, and find nothing to do. In PostgreSQL the queue's own schema is brought along.

A newer program may bring the schema forward while older ones run. Each revision says by `oldest_program`
the oldest schema whose programs go on working with it: one that only adds what they need not know names
the revision before it, or one still further back; one that says nothing is for its own program and newer
ones alone. The database remembers it, in the transaction of the migration, so that an older program,
which knows nothing of the revision, knows whether it may run.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from backend.domain.errors import SettingsError, StoreUnavailable
from backend.store.database.connect_advice import explain_failure
from backend.store.database.engine import Store
from backend.store.queue import schema
from backend.store.records import key_values
from backend.store.search.index import take_index

log = logging.getLogger(__name__)

#: The facts that stand in a database that `move-database` has not filled yet, and in one that it has left.
MOVING_FROM_FACT, MOVED_TO_FACT = "move:from", "move:to"
#: Where the revisions are.
MIGRATIONS = Path(__file__).parents[1] / "migrations"
#: The fact that says which programs may run on the schema.
SCHEMA_FACT = "schema"


def migrate_schema(store: Store, *, migrations: Path = MIGRATIONS) -> str:
    """Upgrade to the newest schema; returns the revision that the database is at.

    That may be a newer one than this program's, when programs as old as this one can run on it.

    Raises:
        SettingsError: the database can't be opened or used, or is too new for this program.
    """
    script = script_directory(migrations)
    head = script.get_current_head() or ""
    try:
        at, oldest = _standing(store)
        if at == head and _queue_stands(store):
            return head
        if at is not None and at not in _revisions(script):
            return _beside(store, script, at, oldest)
        with store.database.migration_lock(store.url), store.engine.connect() as connection:
            store.database.prepare_migration(connection)
            if fault := store.database.compatibility_error(connection, partial(datetime.now, UTC)):
                raise _unfit(store, fault)
            _upgrade(connection, script)
            if not store.embedded:
                schema.apply_installed(connection)
            connection.commit()
        take_index.index_all_pending(store)
        at, oldest = _standing(store)  # a newer program may have been first while we waited
    except StoreUnavailable as error:
        raise _cannot_open(store, error.why) from error
    except SQLAlchemyError as error:
        raise _cannot_open(store, str(getattr(error, "orig", None) or error)) from error
    return head if at == head else _beside(store, script, at or "", oldest)


def script_directory(migrations: Path = MIGRATIONS) -> ScriptDirectory:
    """The revisions of a folder and of those in it: a folder of its own for each stage of the program."""
    return ScriptDirectory(str(migrations), recursive_version_locations=True)


def check_database(store: Store, now: Callable[[], datetime]) -> None:
    """Is this a database that this host can work with?

    now: this host's clock. Leases are moments, so hosts whose clocks differ would take work from each other.

    Raises:
        SettingsError: its encoding or its clock is wrong, or it can't be opened.
    """
    try:
        with store.read() as session:
            fault = store.database.compatibility_error(session.connection(), now) or _move(session)
    except StoreUnavailable as error:
        raise _cannot_open(store, error.why) from error
    if fault:
        raise _unfit(store, fault)


def _move(session: Session) -> str | None:
    """Why this database may not be used, if it is the source or the target of a move."""
    if half := key_values.get_value(session, MOVING_FROM_FACT):
        return f"it is half filled from {half['source']}: finish it with python -m backend move-database"
    if moved := key_values.get_value(session, MOVED_TO_FACT):
        return f"it was moved to {moved['to']}: put that into DATABASE_URL; this one is kept as a backup"
    return None


def _unfit(store: Store, fault: str) -> SettingsError:
    return SettingsError(f"The database {store.redacted_url} can't be used: {fault}")


def _cannot_open(store: Store, why: str) -> SettingsError:
    return SettingsError(f"The database {store.redacted_url} can't be opened: {explain_failure(why)}")


def current_revision(store: Store) -> str | None:
    """The revision that the database is at; None when it is new."""
    with store.read() as session:
        return _at(session.connection())


def _queue_stands(store: Store) -> bool:
    if store.embedded:
        return True
    with store.read() as session:
        return schema.applied_version(session.connection()) == schema.installed_version()


def _at(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def oldest_program(script: ScriptDirectory, revision: str) -> str:
    """The oldest revision whose programs can run on the schema of this one.

    What one revision demands holds for all that follow it: the newest demand of them all.
    """
    line = _revisions(script)
    demands = [getattr(script.get_revision(step).module, "oldest_program", step) for step in line]
    upto = line.index(revision) + 1
    return max(demands[:upto], key=line.index)


def _revisions(script: ScriptDirectory) -> list[str]:
    """Every revision that this program knows, oldest first."""
    return [step.revision for step in script.walk_revisions()][::-1]


def _standing(store: Store) -> tuple[str | None, str | None]:
    """(the revision, the oldest one whose programs may run on it), as the database says."""
    with store.read() as session:
        at = _at(session.connection())
        fact = None if at is None else key_values.get(session, SCHEMA_FACT)
        return at, None if fact is None else fact.value["oldest_program"]


def _beside(store: Store, script: ScriptDirectory, at: str, oldest: str | None) -> str:
    """The database is newer: run beside the newer programs where it says that we may."""
    if oldest in _revisions(script):
        log.warning("a newer schema", extra={"schema": at, "ours": script.get_current_head()})
        return at
    raise SettingsError(
        f"The database {store.redacted_url} is newer than this program (its schema is {at}, "
        f"this program knows up to {script.get_current_head()}): start the newer program, or restore an "
        "older backup"
    )


def _upgrade(connection: Connection, script: ScriptDirectory) -> None:
    at = _at(connection)
    if at is not None and at not in _revisions(script):
        return
    config = Config()
    config.set_main_option("script_location", script.dir.replace("%", "%%"))  # it interpolates
    config.set_main_option("recursive_version_locations", "true")
    config.attributes["connection"] = connection
    config.attributes["remember"] = partial(_remember, script)
    command.upgrade(config, "head")


def _remember(script: ScriptDirectory, connection: Connection, revision: str) -> None:
    """Write down which programs may run, in the transaction that changes the schema."""
    value = {"revision": revision, "oldest_program": oldest_program(script, revision)}
    with Session(bind=connection, join_transaction_mode="create_savepoint") as session:
        key_values.set_value(session, SCHEMA_FACT, value, at=datetime.now(UTC))
        session.commit()
