"""Transactions that share a commit: nobody hears of success before it, nor pays for another's fault."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from backend.domain.errors import StoreUnavailable
from backend.models import KeyValue
from backend.store.database.engine import Store
from backend.store.database.schema.migrate import migrate_schema
from backend.store.fast import group_commit
from backend.store.records import key_values

NOW = datetime(2026, 11, 21, tzinfo=UTC)
WAIT_S = 20.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path / 'dailies.db'}")
    migrate_schema(made)
    yield made
    made.close()


class Writer(threading.Thread):
    """One transaction in a thread of its own; `inside` and `go` say how far it may get.

    It starts the next one while it writes, and goes on when that one waits: a lock says nothing about the
    order of those who wait for it.
    """

    def __init__(self, store: Store, name: str, work: Callable[[Any], None] | None) -> None:
        super().__init__(name=name)
        self.inside, self.go, self.outcome = threading.Event(), threading.Event(), "unknown"
        self.next: Writer | None = None
        self._store, self._work = store, work

    def run(self) -> None:
        try:
            with self._store.begin(shared=True) as session:
                key_values.set_value(session, self.name, {"by": self.name}, at=NOW)
                self.inside.set()
                assert self.go.wait(WAIT_S)
                if self.next:
                    self.next.start()
                    until(
                        lambda: (
                            self._store._group_commit is not None and self._store._group_commit._coming == 1
                        )
                    )
                if self._work:
                    self._work(session)
        except Exception as error:
            self.outcome = type(error).__name__
        else:
            self.outcome = "kept"


def queue_up(store: Store, *works: Callable[[Any], None] | None) -> list[Writer]:
    """Writers of which the first is inside; each of the others comes while the one before writes."""
    writers = [Writer(store, f"writer-{i}", work) for i, work in enumerate(works)]
    for writer, following in pairwise(writers):
        writer.next = following
        following.go.set()
    writers[0].start()
    assert writers[0].inside.wait(WAIT_S)
    return writers


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < end
        time.sleep(0.005)


def finish(writers: list[Writer]) -> list[str]:
    writers[0].go.set()
    for writer in writers:
        writer.join(WAIT_S)
    return [writer.outcome for writer in writers]


def names(store: Store) -> set[str]:
    """What another process would see."""
    with sqlite3.connect(store.engine.url.database or "") as connection:
        rows = connection.execute("SELECT name FROM fact WHERE name LIKE 'writer-%'").fetchall()
    connection.close()
    return {str(name) for (name,) in rows}


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many transactions each commit held."""
    sizes: list[int] = []
    real = group_commit._CommitGroup.end

    def counted(group: Any) -> bool:
        sizes.append(group.size)
        return real(group)

    monkeypatch.setattr(group_commit._CommitGroup, "end", counted)
    return sizes


def test_what_comes_in_while_another_writes_shares_one_commit(store, commits) -> None:
    assert finish(queue_up(store, None, None, None)) == ["kept"] * 3
    assert names(store) == {"writer-0", "writer-1", "writer-2"}
    assert commits == [3]


def test_one_alone_is_committed_at_once(store, commits) -> None:
    assert finish(queue_up(store, None)) == ["kept"]
    assert finish(queue_up(store, None)) == ["kept"]
    assert commits == [1, 1]


def test_a_commit_is_shared_by_so_many_at_most(store, commits) -> None:
    assert finish(queue_up(store, *[None] * (group_commit.MAX_GROUP_SIZE + 3))) == ["kept"] * (
        group_commit.MAX_GROUP_SIZE + 3
    )
    assert commits == [group_commit.MAX_GROUP_SIZE, 3]


def fails(_session: Any) -> None:
    raise LookupError


def test_who_fails_undoes_only_what_is_theirs(store) -> None:
    assert finish(queue_up(store, None, fails, None)) == ["kept", "LookupError", "kept"]
    assert names(store) == {"writer-0", "writer-2"}


def test_the_last_one_s_failure_still_commits_for_the_others(store) -> None:
    assert finish(queue_up(store, None, fails)) == ["kept", "LookupError"]
    assert names(store) == {"writer-0"}


def the_one_who_comes_second_finds_the_first(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is refused because of another's row can read that row, though both share a commit."""
    commit, may = group_commit._CommitGroup.end, threading.Event()

    def slow(group: Any) -> bool:
        assert may.wait(WAIT_S)
        return commit(group)

    def taken(_session: Any) -> None:
        raise LookupError("the key is taken")

    monkeypatch.setattr(group_commit._CommitGroup, "end", slow)
    writers = queue_up(store, None, taken, None)
    writers[0].go.set()
    until(lambda: store._group_commit is not None and store._group_commit._group is None)  # the disk has it
    time.sleep(0.1)
    early = writers[1].outcome
    may.set()
    assert finish(writers) == ["kept", "LookupError", "kept"]
    assert early == "unknown", "refused because of a row that nobody can read yet"


def test_whoever_fails_hears_of_it_when_the_others_can_be_read(store, monkeypatch) -> None:
    the_one_who_comes_second_finds_the_first(store, monkeypatch)


def test_a_build_that_refuses_too_early_is_caught(store, monkeypatch) -> None:
    """The control: a failure that waits for nobody."""
    made = group_commit._CommitGroup.undo

    def hasty(group: Any) -> None:
        made(group)
        raise LookupError

    monkeypatch.setattr(group_commit._CommitGroup, "undo", hasty)
    with pytest.raises(AssertionError, match="nobody can read yet"):
        the_one_who_comes_second_finds_the_first(store, monkeypatch)


def test_a_failure_beside_a_commit_that_failed_is_the_database_s(store) -> None:
    """What it failed by was never true."""
    assert finish(queue_up(store, None, ends_the_transaction, fails))[:2] == ["StoreUnavailable"] * 2
    outcomes = finish(queue_up(store, None, fails, ends_the_transaction))
    assert outcomes == ["StoreUnavailable"] * 3
    assert names(store) == set()


def told_only_after_the_commit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody returns while their rows are not what another process would see."""
    commit, may = group_commit._CommitGroup.end, threading.Event()

    def slow(group: Any) -> bool:
        assert may.wait(WAIT_S)
        return commit(group)

    monkeypatch.setattr(group_commit._CommitGroup, "end", slow)
    writers = queue_up(store, None, None)
    writers[0].go.set()
    until(lambda: store._group_commit is not None and store._group_commit._group is None)  # the disk has it
    time.sleep(0.1)
    told, seen = [writer.outcome for writer in writers], names(store)
    may.set()
    finish(writers)
    assert told == ["unknown", "unknown"], "somebody was told before it was durable"
    assert seen == set()
    assert [writer.outcome for writer in writers] == ["kept", "kept"]


def test_nobody_is_told_before_the_commit(store, monkeypatch) -> None:
    told_only_after_the_commit(store, monkeypatch)


def test_a_build_that_tells_too_early_is_caught(store, monkeypatch) -> None:
    """The control: a group that counts as ended from the start."""
    made = group_commit._CommitGroup.__init__

    def hasty(group: Any, connection: Any) -> None:
        made(group, connection)
        group.ended.set()

    monkeypatch.setattr(group_commit._CommitGroup, "__init__", hasty)
    with pytest.raises(AssertionError, match="before it was durable"):
        told_only_after_the_commit(store, monkeypatch)


def ends_the_transaction(session: Any) -> None:
    session.info["connection"].connection.driver_connection.rollback()


def test_when_the_transaction_is_lost_everybody_who_shared_it_hears_of_it(store) -> None:
    outcomes = finish(queue_up(store, None, ends_the_transaction, None))
    assert outcomes[:2] == ["StoreUnavailable", "StoreUnavailable"]
    assert outcomes[2] == "kept"  # it came into a new one
    assert names(store) == {"writer-2"}


def test_a_transaction_of_one_s_own_waits_for_nobody_s_commit_but_sees_all(store) -> None:
    writers = queue_up(store, None)
    seen: list[bool] = []

    def alone() -> None:
        with store.begin() as session:
            seen.append(key_values.get(session, "writer-0") is not None)

    other = threading.Thread(target=alone)
    other.start()
    assert finish(writers) == ["kept"]
    other.join(WAIT_S)
    assert seen == [True]


def test_rows_of_the_unit_of_work_are_refused_where_commits_are_shared(store) -> None:
    with pytest.raises(RuntimeError, match="statements alone"), store.begin(shared=True) as session:
        session.add(KeyValue(name="writer-x", value={}, at=NOW))
    assert names(store) == set()


def test_a_locked_file_is_trouble_for_each_and_over_when_it_is_free_again(store, monkeypatch) -> None:
    monkeypatch.setattr("backend.store.database.sqlite.BUSY_TIMEOUT_MS", 50)
    with store.begin(shared=True) as session:
        key_values.set_value(session, "writer-a", {}, at=NOW)
    store.close()  # its next connection waits for 50 ms only
    blocker = sqlite3.connect(store.engine.url.database or "", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        with pytest.raises(StoreUnavailable), store.begin(shared=True):
            pass
    blocker.execute("ROLLBACK")
    blocker.close()
    with store.begin(shared=True) as session:
        key_values.set_value(session, "writer-b", {}, at=NOW)
    assert names(store) == {"writer-a", "writer-b"}
