"""Several processes at once bring a new database to its schema: each moment at which one meets another."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace

import psycopg
import pytest
from filelock import FileLock

from backend.domain.errors import SettingsError
from backend.store.database import postgres, sqlite
from backend.store.database.engine import Store
from backend.store.database.schema.migrate import current_revision, migrate_schema
from backend.store.queue import schema
from tests import databases
from tests.waiting import eventually


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
@pytest.mark.parametrize("broken", [False, True], ids=["as it is", "broken"])
def test_whoever_migrates_may_think_for_longer_than_others(new, monkeypatch, broken):
    """A busy host is silent for seconds between two statements, as while it loads a library."""
    if broken:
        monkeypatch.setattr(postgres, "MIGRATION_IDLE_TIMEOUT_MS", 50)
    monkeypatch.setattr(postgres, "IDLE_IN_TRANSACTION_TIMEOUT_MS", 50)
    steps, name = schema._steps, new.engine.url.database
    silent = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND state = 'idle in transaction'"

    def think(then: str | None, now: str) -> list[str]:
        """Until the server has ended somebody else who fell silent after us."""
        plain = new.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with databases.server().connect() as admin, closing(psycopg.connect(plain)) as other:
            other.execute("SET idle_in_transaction_session_timeout = 50")
            eventually(lambda: admin.execute(silent, [name]).fetchone() == (0 if broken else 1,))
        return steps(then, now)

    monkeypatch.setattr(schema, "_steps", think)
    if broken:
        with pytest.raises(SettingsError):
            migrate_schema(new)
    else:
        assert migrate_schema(new) == current_revision(new)


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
