"""From a file to a server: everything goes along, also when the move is killed half-way."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Integer, LargeBinary, String, insert, select, text
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
from tests.e2e.small_moves import BATCH
from tests.waiting import eventually

#: More than a batch, so that there is a middle to be killed in.
ROWS = BATCH + 10
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


#: A move needs both; the target is the server's.
pytestmark = [pytest.mark.databases("postgres"), pytest.mark.xdist_group("a full file")]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_to_postgres, "BATCH", BATCH)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with every table full, and values that databases like to treat differently."""
    path = tmp_path_factory.mktemp("full") / "dailies.db"
    with closing(Store(f"sqlite:///{path}")) as store:
        migrate_schema(store)
        with store.begin() as session:
            for table in SQLModel.metadata.sorted_tables:
                columns = list(table.columns)
                rows = [{one.name: _value(one, number) for one in columns} for number in range(ROWS)]
                session.connection().execute(insert(table), rows)
    return path


def _value(column: Any, number: int) -> Any:
    if isinstance(column.type, UtcDateTime):
        return LONG_AGO + timedelta(microseconds=number * 1_000_003)
    affinity = column.type._type_affinity
    if issubclass(affinity, Integer):
        return number * 3 + 1 if column.primary_key else 2**40 + number
    if column.name == "job_id" or (column.table.name, column.name) == ("job", "id"):
        return f"0192f0c1-2b3c-7000-8000-{number:012x}"
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
    with closing(Store(f"sqlite:///{path}")) as store:
        yield store


@pytest.fixture
def target() -> Iterator[Store]:
    url = databases.server().fresh(empty=True)
    with closing(Store(url)) as store:
        yield store
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


def test_everything_goes_along_once_and_the_file_that_was_left_refuses_every_write(source, target):
    before = everything(source)
    rows = moved(source, target)

    assert everything(target) == before
    assert set(rows.values()) == {ROWS}
    check_database(target, Clock().now)
    with target.begin() as session:
        run = session.connection().exec_driver_sql
        assert run("SELECT count(*) FROM unindexed").scalar() == 0, "the index of takes is behind"
        assert run("SELECT sum(takes) FROM take_block").scalar() == ROWS
        found = pages.find_page(session, TakeQuery(TakeFilter(text="prompt ä00017", trashed=True), 5)).items
        line = {"event": "x", "state": "created", "at": LONG_AGO, "by": "test"}
        session.execute(insert(History).values(job_id=found[0][0].id, **line))
        newest = session.execute(select(History.id).order_by(History.id.desc()).limit(1)).scalar_one()
    assert [job.prompt for job, _ in found] == ["prompt ä00017"]
    assert newest == (ROWS - 1) * 3 + 2, "new ids follow the old"

    with sqlite3.connect(source.engine.url.database) as file:
        for sentence in ("UPDATE job SET state = 'x'", "DELETE FROM delivery", "DELETE FROM fact"):
            with pytest.raises(sqlite3.IntegrityError, match="was moved"):
                file.execute(sentence)
    file.close()
    with pytest.raises(SettingsError, match="it was moved to postgresql") as told:
        check_database(source, Clock().now)
    assert databases.PASSWORD not in str(told.value)

    # A second database of the same takes would send those that were unsent once more.
    with pytest.raises(SettingsError, match="moved there already"):
        moved(source, target)
    url = databases.server().fresh(empty=True)
    with closing(Store(url)) as other:
        with pytest.raises(SettingsError, match="only there"):
            moved(source, other)
        with other.read() as session:
            assert session.execute(select(Job.id)).first() is None
    databases.server().drop(url)


def test_a_file_that_is_not_there_is_not_made(target, tmp_path):
    path = tmp_path / "dalies.db"
    with closing(Store(f"sqlite:///{path}")) as wrong, pytest.raises(SettingsError, match="no such file"):
        moved(wrong, target)
    assert not path.exists()


@pytest.mark.parametrize("sign", ["heartbeat", "one that speaks seldom", "claim", "another's rows"])
def test_while_somebody_works_with_the_file_or_the_server_nothing_is_moved(source, target, sign):
    now, mine = datetime.now(UTC), source if sign != "another's rows" else target
    migrate_schema(mine)
    with mine.begin() as session:
        if sign == "claim":
            first = session.execute(select(Job).limit(1)).scalar_one()
            first.claimed_until = now + timedelta(minutes=10)
        elif sign == "one that speaks seldom":  # by its lease of an hour
            at = now - timedelta(minutes=50)
            key_values.set_value(session, "worker:host:1", {"lease_s": 3600.0}, at=at)
        else:
            key_values.set_value(session, "worker:host:1", {}, at=now)

    with pytest.raises(SettingsError, match="stop everything first" if mine is source else "not empty"):
        moved(source, target)
    check_database(source, Clock().now)


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
    """What has changed in the file meanwhile is moved as it is now."""
    installation: Installation = make_installation(DATABASE_URL=None)
    words = ("-m", "tests.e2e.small_moves", "move-database", source.url, target.url)
    migrate_schema(target)
    with target.engine.connect() as somebody:  # has written a row of the second batch, and not committed
        line = {
            "id": 3 * (ROWS - 1) + 1,
            "job_id": "x",
            "event": "x",
            "state": "x",
            "at": LONG_AGO,
            "by": "x",
        }
        somebody.execute(insert(History).values(line))
        first = installation.run("move", *words)
        eventually(lambda: f"history: {BATCH} of" in first.said(), process=first)
        first.kill()
    assert "Moved" not in first.said()
    with pytest.raises(SettingsError, match="half filled"):
        check_database(target, Clock().now)
    with source.begin() as session:
        for table in (Job, Delivery):
            session.delete(session.execute(select(table).limit(1)).scalar_one())
        session.add(KeyValue(name="new", value={}, at=LONG_AGO))
    with target.read() as session:
        assert session.execute(select(Delivery.id)).first(), "nothing that has changed was there already"

    second = installation.run("move-again", *words)

    assert second.wait() == 0, second.said()
    assert "all compared" in second.said()
    assert "Next: set DATABASE_URL" in second.said()
    assert databases.PASSWORD not in first.said() + second.said()
    assert everything(target) == everything(source)
