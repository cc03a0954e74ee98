"""Bring the database to the newest schema; any number of processes may try at once.

One migrates while it holds a lock file beside the database; the others wait, and find nothing to do.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from backend.domain.errors import SettingsError
from backend.store.engine import Store

#: How long to wait for another process that is migrating.
LOCK_TIMEOUT_S = 120.0


def migrate(store: Store) -> str:
    """Upgrade to the newest schema; returns its revision.

    Raises:
        SettingsError: the database can't be opened, or is newer than this program.
    """
    script = ScriptDirectory(str(Path(__file__).parent / "migrations"))
    head = script.get_current_head() or ""
    try:
        if revision(store) == head:
            return head
        with FileLock(_lock_path(store), timeout=LOCK_TIMEOUT_S):
            _upgrade(store, script, head)
    except OperationalError as error:
        raise SettingsError(f"The database {make_url(store.url)!r} can't be opened: {error.orig}") from error
    return head


def revision(store: Store) -> str | None:
    """The revision that the database is at; None when it is new."""
    with store.read() as session:
        return MigrationContext.configure(session.connection()).get_current_revision()


def _upgrade(store: Store, script: ScriptDirectory, head: str) -> None:
    at = revision(store)
    known = {step.revision for step in script.walk_revisions()}
    if at is not None and at not in known:
        raise SettingsError(
            f"The database {make_url(store.url)!r} is newer than this program (its schema is {at}, "
            f"this program knows up to {head}): start the newer program, or restore an older backup"
        )
    if at == head:
        return
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with store.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def _lock_path(store: Store) -> str:
    database = make_url(store.url).database or "dailies.db"
    return f"{database}.migrate.lock"
