"""Several processes at once bring a new database to its schema: each moment at which one meets another."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace

import pytest
from filelock import FileLock
from sqlalchemy import Connection, text

from backend.domain.errors import SettingsError
from backend.store.database import postgres, sqlite
from backend.store.database.engine import Store
from backend.store.database.schema.migrate import current_revision, migrate_schema
from backend.store.queue import schema
from tests import databases


@pytest.fixture
def new(database_kind: str, tmp_path) -> Iterator[Store]:
    """A database without any table; nothing is connected yet."""
    server = databases.server() if database_kind == "postgres" else None
    url = server.fresh(empty=True) if server else f"sqlite:///{tmp_path / 'x.db'}"
    with closing(Store(url)) as store:
        yield store
    if server:
        server.drop(url)


@pytest.mark.databases("sqlite")
def test_a_new_file_that_another_process_is_just_making_is_waited_for(new, monkeypatch):
    """SQLite itself refuses at once, however long it was told to wait."""
    asked: list[float] = []
    with closing(sqlite3.connect(new.engine.url.database, isolation_level=None)) as other:

        def let_go(pause_s: float) -> None:
            asked.append(pause_s)
            if len(asked) == 2:
                other.execute("ROLLBACK")

        monkeypatch.setattr(sqlite, "time", SimpleNamespace(monotonic=time.monotonic, sleep=let_go))
        other.execute("BEGIN IMMEDIATE")
        with monkeypatch.context() as impatient:
            impatient.setattr(sqlite, "BUSY_TIMEOUT_MS", 0)
            with pytest.raises(SettingsError, match="another process holds it"):
                migrate_schema(new)
        assert asked == []
        assert migrate_schema(new) == current_revision(new)
    assert len(asked) == 2


@pytest.mark.databases("postgres")
def test_whoever_migrates_may_think_for_longer_than_others(new, monkeypatch):
    """A busy host is silent for seconds between two statements, as while it loads a library."""
    asked, apply = text("SHOW idle_in_transaction_session_timeout"), schema.apply_installed
    allowed: list[str] = []

    def think(connection: Connection) -> None:
        allowed.append(connection.execute(asked).scalar_one())
        apply(connection)

    monkeypatch.setattr(postgres, "IDLE_IN_TRANSACTION_TIMEOUT_MS", 30_000)
    monkeypatch.setattr(schema, "apply_installed", think)
    assert migrate_schema(new) == current_revision(new)
    with new.read() as session:
        allowed.append(session.connection().execute(asked).scalar_one())
    assert allowed == ["1min", "30s"]


@databases.BOTH
def test_whoever_waits_too_long_for_a_migration_is_told_whom_it_waited_for(new, monkeypatch):
    monkeypatch.setattr(sqlite, "MIGRATION_WAIT_S", 0.05)
    monkeypatch.setattr(postgres, "MIGRATION_WAIT_MS", 50)
    other = FileLock(f"{new.engine.url.database}.migrate.lock") if new.embedded else new.engine.connect()
    with other:
        if not new.embedded:
            postgres.prepare_migration(other)
        with pytest.raises(SettingsError, match="another process is bringing it to a newer schema"):
            migrate_schema(new)
    assert migrate_schema(new) == current_revision(new)
