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
from tests.waiting import PATIENCE_S, eventually

NOW = datetime(2026, 11, 21, tzinfo=UTC)


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


def queue_up(store: Store, *works: Callable[[Any], None] | None) -> list[Writer]:
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


MOST = group_commit.MAX_GROUP_SIZE


@pytest.mark.parametrize(("writers", "shared"), [(1, [1]), (3, [3]), (MOST + 3, [MOST, 3])])
def test_what_comes_in_while_another_writes_shares_one_commit_by_so_many_at_most(
    store, commits, writers, shared
) -> None:
    """One alone is committed at once."""
    assert finish(queue_up(store, *[None] * writers)) == ["kept"] * writers
    assert names(store) == {f"writer-{number}" for number in range(writers)}
    assert commits == shared


def fails(_session: Any) -> None:
    raise LookupError


@pytest.mark.parametrize(
    "others", [[None, fails, None], [None, fails]], ids=["in the middle", "the last one"]
)
def test_who_fails_undoes_only_what_is_theirs(store, others) -> None:
    outcomes = finish(queue_up(store, *others))
    assert outcomes == ["LookupError" if one else "kept" for one in others]
    assert names(store) == {f"writer-{at}" for at, one in enumerate(others) if one is None}


def early_outcomes(
    store: Store, monkeypatch: pytest.MonkeyPatch, *works: Callable[[Any], None] | None
) -> tuple[list[str], list[str], set[str]]:
    """What the writers have heard while the disk has their commit, and afterwards; what is seen meanwhile."""
    commit, begun, may = group_commit._CommitGroup.end, threading.Event(), threading.Event()

    def slow(group: Any) -> bool:
        begun.set()
        assert may.wait(PATIENCE_S)
        return commit(group)

    monkeypatch.setattr(group_commit._CommitGroup, "end", slow)
    writers = queue_up(store, *works)
    writers[0].go.set()
    assert begun.wait(PATIENCE_S)
    time.sleep(0.1)  # long enough for who would be told too early: the controls are
    early, seen = [writer.outcome for writer in writers], names(store)
    may.set()
    return early, finish(writers), seen


def the_one_who_comes_second_finds_the_first(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is refused because of another's row can read that row, though both share a commit."""
    early, late, _ = early_outcomes(store, monkeypatch, None, fails, None)
    assert late == ["kept", "LookupError", "kept"]
    assert early[1] == "unknown", "refused because of a row that nobody can read yet"


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
    early, late, seen = early_outcomes(store, monkeypatch, None, None)
    assert early == ["unknown", "unknown"], "somebody was told before it was durable"
    assert (seen, late) == (set(), ["kept", "kept"])


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
    other.join(PATIENCE_S)
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
