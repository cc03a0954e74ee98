"""From a file to a server: everything goes along, also when the move is killed half-way."""

import shutil
import signal
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Integer, LargeBinary, String, Table, insert, select, text
from sqlmodel import SQLModel

from backend.domain.clock import Clock
from backend.domain.errors import SettingsError
from backend.domain.take_filter import TakeFilter
from backend.models import Delivery, History, Job, KeyValue, UtcDateTime
from backend.store.database.engine import Store
from backend.store.database.schema import sqlite_to_postgres
from backend.store.database.schema.migrate import check_database, migrate_schema
from backend.store.records import key_values
from backend.store.search import pages
from backend.store.search.query import TakeQuery
from tests import databases
from tests.e2e.installation import Installation
from tests.waiting import eventually

#: Enough rows for several batches, so that there is a middle to be killed in.
ROWS = 3500
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


#: A move needs both; the target is the server's.
pytestmark = pytest.mark.databases("postgres")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with every table full, and values that databases like to treat differently."""
    path = tmp_path_factory.mktemp("full") / "dailies.db"
    store = Store(f"sqlite:///{path}")
    migrate_schema(store)
    with store.begin() as session:
        for table in SQLModel.metadata.sorted_tables:
            session.connection().execute(insert(table), [_row(table, number) for number in range(ROWS)])
    store.close()
    return path


def _row(table: Table, number: int) -> dict[str, Any]:
    return {column.name: _value(column, number) for column in table.columns}


def _value(column: Any, number: int) -> Any:
    if isinstance(column.type, UtcDateTime):
        return LONG_AGO + timedelta(microseconds=number * 1_000_003)
    affinity = column.type._type_affinity
    if issubclass(affinity, Integer):
        return number * 3 + 1 if column.primary_key else 2**40 + number
    if issubclass(affinity, String):
        empty = column.nullable and number % 3 == 0
        return None if empty else f"{column.name} ä{number:05}"
    if isinstance(column.type, LargeBinary):
        return b"\0\xff" + str(number).encode()
    if isinstance(column.type, JSON):
        return {"z": number, "a": ["é 🎬", None, 0.1, 2**53], "nul": "\0"}
    return number % 2 == 0 if isinstance(column.type, Boolean) else number / 7


@pytest.fixture
def source(full: Path, tmp_path: Path) -> Iterator[Store]:
    path = tmp_path / "dailies.db"
    shutil.copy(full, path)
    store = Store(f"sqlite:///{path}")
    yield store
    store.close()


@pytest.fixture
def target() -> Iterator[Store]:
    url = databases.server().fresh(empty=True)
    store = Store(url)
    yield store
    store.close()
    databases.server().drop(url)


def moved(source: Store, target: Store) -> dict[str, int]:
    return sqlite_to_postgres.move_to_postgres(source, target, now=Clock().now, on_progress=lambda line: None)


def everything(store: Store) -> dict[str, list]:
    with store.read() as session:
        return {
            table.name: [
                tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))
                if table.name != "fact" or not row[0].startswith(("move:", "schema"))
            ]
            for table in SQLModel.metadata.sorted_tables
        }  # fmt: skip


def test_every_row_of_every_table_goes_along_and_new_ids_follow_the_old(source, target):
    before = everything(source)
    rows = moved(source, target)

    assert everything(target) == before
    assert set(rows.values()) == {ROWS}
    with target.begin() as session:
        job = session.execute(select(Job.id).limit(1)).scalar_one()
        line = {"event": "x", "state": "created", "at": LONG_AGO, "by": "test"}
        session.execute(insert(History).values(job_id=job, **line))
        newest = session.execute(select(History.id).order_by(History.id.desc()).limit(1)).scalar_one()
    assert newest == (ROWS - 1) * 3 + 2


def test_the_index_of_words_holds_every_take_that_went_along(source, target):
    moved(source, target)

    with target.read() as session:
        ask = session.connection().exec_driver_sql
        assert ask("SELECT count(*) FROM unread").scalar() == 0
        assert ask("SELECT count(*) FROM take_words").scalar() == ROWS
        found = pages.find_page(session, TakeQuery(TakeFilter(text="prompt ä00017"), 5)).items
    assert [job.prompt for job, _ in found] == ["prompt ä00017"]


def test_the_file_that_was_left_refuses_every_write_and_says_where_its_rows_are(source, target):
    moved(source, target)

    with sqlite3.connect(source.engine.url.database) as file:
        for sentence in ("UPDATE job SET state = 'x'", "DELETE FROM delivery", "DELETE FROM fact"):
            with pytest.raises(sqlite3.IntegrityError, match="was moved"):
                file.execute(sentence)
    file.close()
    with pytest.raises(SettingsError, match="it was moved to postgresql") as told:
        check_database(source, Clock().now)
    assert databases.PASSWORD not in str(told.value)
    check_database(target, Clock().now)


def test_a_full_database_is_not_written_into(source, target):
    migrate_schema(target)
    with target.begin() as session:
        key_values.set_value(session, "mine", {}, at=LONG_AGO)

    with pytest.raises(SettingsError, match="not empty"):
        moved(source, target)
    check_database(source, Clock().now)


def test_a_file_that_was_moved_is_moved_nowhere_else(source, target):
    """A second database of the same takes would send those that were unsent once more."""
    moved(source, target)
    with pytest.raises(SettingsError, match="moved there already"):
        moved(source, target)
    url = databases.server().fresh(empty=True)
    other = Store(url)
    with pytest.raises(SettingsError, match="only there"):
        moved(source, other)
    with other.read() as session:
        assert session.execute(select(Job.id)).first() is None
    other.close()
    databases.server().drop(url)


def test_a_file_that_is_not_there_is_not_made(source, target, tmp_path):
    wrong = Store(f"sqlite:///{tmp_path / 'dalies.db'}")
    with pytest.raises(SettingsError, match="no such file"):
        moved(wrong, target)
    wrong.close()
    assert not (tmp_path / "dalies.db").exists()


@pytest.mark.parametrize("sign", ["heartbeat", "claim"])
def test_while_a_worker_is_at_work_nothing_is_moved(source, target, sign):
    now = datetime.now(UTC)
    with source.begin() as session:
        if sign == "heartbeat":
            key_values.set_value(session, "worker:host:1", {}, at=now)
        else:
            first = session.execute(select(Job).limit(1)).scalar_one()
            first.claimed_until = now + timedelta(seconds=10)

    with pytest.raises(SettingsError, match="stop everything first"):
        moved(source, target)
    check_database(source, Clock().now)


def test_what_changed_in_the_file_after_a_move_was_killed_is_moved_as_it_is_now(source, target, monkeypatch):
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(sqlite_to_postgres, "_seal", die)
    with pytest.raises(Killed):
        moved(source, target)
    monkeypatch.undo()
    with pytest.raises(SettingsError, match="half filled"):
        check_database(target, Clock().now)
    with source.begin() as session:
        for table in (Job, Delivery):
            first = session.execute(select(table).limit(1)).scalar_one()
            session.delete(first)
        session.add(KeyValue(name="new", value={}, at=LONG_AGO))

    moved(source, target)

    assert everything(target) == everything(source)


def test_a_copy_that_differs_is_found_and_the_file_stays_in_use(source, target, monkeypatch):
    """The control: a copy that loses one column's value is caught by the comparison."""
    whole = sqlite_to_postgres._copy

    def lossy(old, target, table, total, on_progress):
        whole(old, target, table, total, on_progress)
        if table.name == "job":
            with target.begin() as new:
                new.execute(text("UPDATE job SET prompt = 'another' WHERE id = (SELECT min(id) FROM job)"))

    monkeypatch.setattr(sqlite_to_postgres, "_copy", lossy)

    with pytest.raises(SettingsError, match="job differs"):
        moved(source, target)
    check_database(source, Clock().now)


def test_a_move_that_is_killed_is_finished_by_the_same_command(source, target, make_installation):
    installation: Installation = make_installation(DATABASE_URL=None)
    words = ("-m", "backend", "move-database", source.url, target.url)
    first = installation.run("move", *words)
    eventually(lambda: "history: 1,000" in first.said(), process=first)
    first.send(signal.SIGKILL)
    first.wait()
    assert "Moved" not in first.said()

    second = installation.run("move-again", *words)

    assert second.wait(60) == 0, second.said()
    assert "all compared" in second.said()
    assert "Next: set DATABASE_URL" in second.said()
    assert databases.PASSWORD not in first.said() + second.said()
    assert everything(target) == everything(source)
