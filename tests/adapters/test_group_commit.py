"""Transactions that share a commit: nobody hears of success before it, nor pays for another's fault."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from backend.domain.errors import StoreUnavailable
from backend.models import KeyValue
from backend.store.database.engine import Store
from backend.store.fast.group_commit import MAX_GROUP_SIZE, GroupCommit, _CommitGroup
from backend.store.records import key_values
from tests import databases
from tests.waiting import PATIENCE_S, eventually

NOW = datetime(2026, 11, 21, tzinfo=UTC)
#: What a transaction does besides writing its row.
Work = Callable[[Any], None] | None


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    path = tmp_path / "dailies.db"
    databases.put_migrated_file(path)
    with closing(Store(f"sqlite:///{path}")) as made:
        yield made


class Writer(threading.Thread):
    """One transaction in a thread of its own; `inside` and `go` say how far it may get.

    It starts the next one while it writes, and goes on when that one waits: a lock says nothing about the
    order of those who wait for it.
    """

    def __init__(self, store: Store, name: str, work: Work) -> None:
        super().__init__(name=name)
        self.inside, self.go, self.outcome = threading.Event(), threading.Event(), "unknown"
        self.next: Writer | None = None
        self._store, self._work = store, work

    def run(self) -> None:
        try:
            with self._store.begin(shared=True) as session:
                key_values.set_value(session, self.name, {"by": self.name}, at=NOW)
                self.inside.set()
                assert self.go.wait(PATIENCE_S)
                if self.next:
                    self.next.start()
                    group = self._store._group_commit
                    eventually(lambda: group is not None and group._coming == 1)
                if self._work:
                    self._work(session)
        except Exception as error:
            self.outcome = type(error).__name__
        else:
            self.outcome = "kept"


def queue_up(store: Store, *works: Work) -> list[Writer]:
    """Writers of which the first is inside; each of the others comes while the one before writes."""
    writers = [Writer(store, f"writer-{i}", work) for i, work in enumerate(works)]
    for writer, following in pairwise(writers):
        writer.next = following
        following.go.set()
    writers[0].start()
    assert writers[0].inside.wait(PATIENCE_S)
    return writers


def finish(writers: list[Writer]) -> list[str]:
    writers[0].go.set()
    for writer in writers:
        writer.join(PATIENCE_S)
    return [writer.outcome for writer in writers]


def names(store: Store) -> set[str]:
    """What another process would see."""
    with closing(sqlite3.connect(store.engine.url.database or "")) as connection:
        rows = connection.execute("SELECT name FROM fact WHERE name LIKE 'writer-%'").fetchall()
    return {str(name) for (name,) in rows}


def fails(_session: Any) -> None:
    raise LookupError


def ends_the_transaction(session: Any) -> None:
    session.info["connection"].connection.driver_connection.rollback()


@pytest.mark.parametrize(
    ("writers", "shared"), [(1, [1]), (3, [3]), (MAX_GROUP_SIZE + 3, [MAX_GROUP_SIZE, 3])]
)
def test_writers_that_come_in_meanwhile_share_one_commit_up_to_a_limit(store, monkeypatch, writers, shared):
    """One alone is committed at once."""
    commits, real = list[int](), _CommitGroup.end
    monkeypatch.setattr(_CommitGroup, "end", lambda group: commits.append(group.size) or real(group))
    assert finish(queue_up(store, *[None] * writers)) == ["kept"] * writers
    assert names(store) == {f"writer-{number}" for number in range(writers)}
    assert commits == shared


@pytest.mark.parametrize(
    ("works", "outcomes"),
    [
        ([None, fails, None], ["kept", "LookupError", "kept"]),
        ([None, fails], ["kept", "LookupError"]),
        ([None, ends_the_transaction, None], ["StoreUnavailable", "StoreUnavailable", "kept"]),
        ([None, ends_the_transaction, fails], ["StoreUnavailable", "StoreUnavailable", "LookupError"]),
        ([None, fails, ends_the_transaction], ["StoreUnavailable"] * 3),
    ],
    ids=["one fails", "the last fails", "all is lost", "lost before a failure", "lost after a failure"],
)
def test_who_fails_undoes_only_what_is_theirs_and_who_shared_what_is_lost_hears_of_it(store, works, outcomes):
    """Who comes later comes into a new transaction; what made somebody fail in a lost one was never true."""
    assert finish(queue_up(store, *works)) == outcomes
    assert names(store) == {f"writer-{at}" for at, outcome in enumerate(outcomes) if outcome == "kept"}


def early_outcomes(
    store: Store, monkeypatch: pytest.MonkeyPatch, *works: Work
) -> tuple[list[str], list[str], set[str]]:
    """What the writers have heard while the disk has their commit, and afterwards; what is seen meanwhile."""
    commit, begun, may, waiting = _CommitGroup.end, threading.Event(), threading.Event(), set[str]()

    def slow(group: _CommitGroup) -> bool:
        begun.set()
        assert may.wait(PATIENCE_S)
        return commit(group)

    monkeypatch.setattr(_CommitGroup, "end", slow)
    monkeypatch.setattr("backend.store.fast.group_commit.COMMIT_CHECK_S", 0.01)
    monkeypatch.setattr(GroupCommit, "_look_after", lambda *_: waiting.add(threading.current_thread().name))
    writers = queue_up(store, *works)
    writers[0].go.set()
    assert begun.wait(PATIENCE_S)
    # The last one commits; each of the others waits for it, or was told already.
    eventually(lambda: all(one.name in waiting or one.outcome != "unknown" for one in writers[:-1]))
    early, seen = [writer.outcome for writer in writers], names(store)
    may.set()
    return early, finish(writers), seen


def test_whoever_fails_hears_of_it_when_the_others_can_be_read(store, monkeypatch):
    """Who is refused because of another's row can read that row, though both share a commit."""
    early, late, _ = early_outcomes(store, monkeypatch, None, fails, None)
    assert late == ["kept", "LookupError", "kept"]
    assert early[1] == "unknown", "refused because of a row that nobody can read yet"


def test_a_build_that_refuses_too_early_is_caught(store, monkeypatch):
    """The control: a failure that waits for nobody."""
    made = _CommitGroup.undo
    monkeypatch.setattr(_CommitGroup, "undo", lambda group: (made(group), fails(group)))
    with pytest.raises(AssertionError, match="nobody can read yet"):
        test_whoever_fails_hears_of_it_when_the_others_can_be_read(store, monkeypatch)


def test_nobody_is_told_before_the_commit(store, monkeypatch):
    """Nobody returns while their rows are not what another process would see."""
    early, late, seen = early_outcomes(store, monkeypatch, None, None)
    assert early == ["unknown", "unknown"], "somebody was told before it was durable"
    assert (seen, late) == (set(), ["kept", "kept"])


def test_a_build_that_tells_too_early_is_caught(store, monkeypatch):
    """The control: a group that counts as ended from the first one's work on."""
    made = _CommitGroup.join
    monkeypatch.setattr(_CommitGroup, "join", lambda group: (made(group), group.ended.set()))
    with pytest.raises(AssertionError, match="before it was durable"):
        test_nobody_is_told_before_the_commit(store, monkeypatch)


def test_a_transaction_of_one_s_own_waits_for_nobody_s_commit_but_sees_all(store):
    writers, seen = queue_up(store, None), list[bool]()

    def alone() -> None:
        with store.begin() as session:
            seen.append(key_values.get(session, "writer-0") is not None)

    other = threading.Thread(target=alone)
    other.start()
    assert finish(writers) == ["kept"]
    other.join(PATIENCE_S)
    assert seen == [True]


def test_rows_of_the_unit_of_work_are_refused_where_commits_are_shared(store):
    with pytest.raises(RuntimeError, match="statements alone"), store.begin(shared=True) as session:
        session.add(KeyValue(name="writer-x", value={}, at=NOW))
    assert names(store) == set()


def test_a_locked_file_is_trouble_for_each_and_over_when_it_is_free_again(store, monkeypatch):
    monkeypatch.setattr("backend.store.database.sqlite.BUSY_TIMEOUT_MS", 50)
    with store.begin(shared=True) as session:
        key_values.set_value(session, "writer-a", {}, at=NOW)
    store.close()  # its next connection waits for 50 ms only
    with closing(sqlite3.connect(store.engine.url.database or "", isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        for _ in range(2):
            with pytest.raises(StoreUnavailable), store.begin(shared=True):
                pass
    with store.begin(shared=True) as session:
        key_values.set_value(session, "writer-b", {}, at=NOW)
    assert names(store) == {"writer-a", "writer-b"}
