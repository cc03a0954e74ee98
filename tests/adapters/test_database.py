"""The store over a real server: what writers side by side may not do, and a server that goes and comes."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Integer, bindparam, event, func, literal, select, update
from sqlalchemy.exc import DataError
from sqlalchemy.orm.exc import DetachedInstanceError
from sqlmodel import col

from backend.domain.errors import SettingsError, StoreUnavailable
from backend.domain.place import sqlite_url
from backend.models import KeyValue, Token
from backend.store.database import pool_liveness, postgres
from backend.store.database.engine import Store
from backend.store.database.schema.migrate import (
    MIGRATIONS,
    check_database,
    current_revision,
    migrate_schema,
)
from backend.store.records import catalogue, key_values, tokens
from tests import databases
from tests.databases import asked_of
from tests.ports import reserve_port
from tests.world import at_once, cut_line_in_commit, throw

NOW = datetime(2026, 3, 29, 2, 30, 0, 123457, tzinfo=UTC)
pytestmark = [databases.BOTH, pytest.mark.xdist_group("a server of their own")]


@pytest.fixture
def url(database_kind: str, tmp_path) -> Iterator[str]:
    with databases.fresh_url() as given:
        if given is None:
            databases.put_migrated_file(tmp_path / "x.db")
        yield given or f"sqlite:///{tmp_path / 'x.db'}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """Nothing is connected yet."""
    with closing(Store(url)) as made:
        yield made


@pytest.fixture(scope="module")
def server() -> Iterator[databases.Server]:
    """A server of these tests' own, to be stopped and killed."""
    with closing(databases.Server()) as made:
        made.start()
        yield made


@pytest.fixture
def far_store(server: databases.Server) -> Iterator[Store]:
    """A database of that server."""
    with closing(Store(server.fresh())) as made:
        yield made


# -- the same on both -------------------------------------------------------------------------


def keep(store: Store, name: str, value: object) -> KeyValue | None:
    with store.begin() as session:
        key_values.set_value(session, name, {"value": value}, at=NOW)
    with store.read() as session:
        return key_values.get(session, name)


@pytest.mark.parametrize(
    "value",
    ["é 中 🎬", "nul \0 here", "\ud800 half", 2**62, 0.1, {"prompt": 1, "a": [None, True], "Z": 4}],
    ids=str,
)
def test_json_and_moments_come_back_as_they_were_written(store, value):
    """Keys keep their order; moments are aware, in UTC, and have their microseconds."""
    kept = keep(store, "x", value)
    assert json.dumps(kept.value) == json.dumps({"value": value})
    assert (kept.at, kept.at.tzinfo) == (NOW, UTC)


def test_numbers_that_json_does_not_have_become_words(store):
    assert keep(store, "x", [float("nan"), float("inf")]).value == {"value": ["nan", "inf"]}


def test_text_loses_nul_and_is_ordered_by_its_bytes(store):
    names = ["b", "B", "a\0", "ä", "Z", "z", "_", "é"]
    with store.begin() as session:
        for name in names:
            token = Token(id=f"id {name}", name=name, role="x", secret_sha256="", created_at=NOW)
            tokens.insert_token(session, token)
    with store.read() as session:
        told = [token.name for token in session.scalars(select(Token).order_by(Token.name))]
    assert told == sorted(name.replace("\0", "") for name in names)


def test_a_reader_sees_one_moment_from_begin_to_end(store):
    keep(store, "x", 1)
    with store.read() as session:
        before = key_values.get_value(session, "x")
        keep(store, "x", 2)
        after = key_values.get_value(session, "x")
    assert before == after == {"value": 1}


def test_what_is_in_use_when_a_store_closes_is_closed_when_it_is_given_back(store):
    with store.read() as session:
        in_use = session.connection().connection.driver_connection
        store.close()
        assert session.connection().exec_driver_sql("SELECT 1").scalar() == 1
    with pytest.raises(Exception, match="closed"):
        in_use.execute("SELECT 1")


@pytest.mark.databases("sqlite")  # of a server the pool's own connections are as quick
def test_one_connection_serves_statements_alone_and_none_is_kept_of_a_store_that_is_closed(url, store):
    taken: list[object] = []
    event.listen(store.engine, "checkout", lambda *connection: taken.append(connection))
    for _ in range(3):
        assert store.query(select(literal(1)), {}) == [[1]]
    assert len(taken) == 1
    assert keep(store, "x", 1) is not None, "a statement alone leaves no transaction open"
    store.close()
    assert store.query(select(literal(1)), {}) == [[1]], "whoever comes too late is answered"
    file = url.removeprefix("sqlite:///")
    assert not [
        at for at in Path("/proc/self/fd").iterdir() if at.exists() and str(at.readlink()).startswith(file)
    ]


@pytest.mark.databases("postgres")  # a reader of a file is never committed; there is nothing to refuse
def test_a_reader_can_not_write(store):
    with pytest.raises(StoreUnavailable), store.read() as session:
        key_values.set_value(session, "x", {}, at=NOW)


# -- writers side by side ---------------------------------------------------------------------


def count_up(store: Store, *, times: int = 1) -> None:
    """Read, add one, write: as pauses and refreshes do with their facts."""
    for _ in range(times):
        with store.begin() as session:
            fact = key_values.get(session, "n")
            key_values.set_value(session, "n", {"value": 1 + (fact.value["value"] if fact else 0)}, at=NOW)


def counted(store: Store) -> int:
    at_once(4, lambda _: count_up(store, times=25))
    with store.read() as session:
        return key_values.get(session, "n").value["value"]


def test_what_is_read_to_be_written_is_changed_by_nobody_between(store):
    assert counted(store) == 100


@pytest.mark.databases("postgres")  # a file has one writer at a time, lock or no lock
def test_without_the_lock_something_is_lost(store, monkeypatch):
    """The control: without `serialise` a server's writers overwrite each other, and the one above sees it."""
    monkeypatch.setattr(key_values, "acquire_advisory_lock", lambda *_: None)
    assert counted(store) < 100


def test_a_catalogue_is_replaced_whole_by_two_at_once(store):
    def refresh(mark: int) -> None:
        with store.begin() as session:
            catalogue.replace_all(session, [(f"model {n}", {"by": mark}) for n in range(200)], at=NOW)

    at_once(2, refresh)
    with store.read() as session:
        found = [entry.data["by"] for entry in catalogue.list_all(session)]
    assert found in ([0] * 200, [1] * 200)


# -- the server -------------------------------------------------------------------------------


@pytest.mark.databases("postgres")
@pytest.mark.parametrize(
    ("setting", "given", "used"),
    [
        ("synchronous_commit", "off", "on"),
        ("synchronous_commit", "local", "on"),
        ("synchronous_commit", "remote_apply", "remote_apply"),
        ("timezone", "Asia/Tokyo", "UTC"),
        ("default_transaction_isolation", "serializable", "read committed"),
    ],
)
def test_commits_are_on_the_disk_and_isolated_whatever_the_server_says(store, setting, given, used):
    """So is one statement alone."""
    with databases.server().connect() as admin:
        admin.execute(f"ALTER DATABASE {store.engine.url.database} SET {setting} = '{given}'")
    asked = select(func.current_setting(setting.removeprefix("default_")))
    assert store.query(asked, {}) == [[used]]
    with store.begin() as session:
        assert session.execute(asked).scalar_one() == used


@pytest.mark.databases("postgres")  # a file's writers are judged by the operating system alone
def test_whoever_falls_silent_in_a_transaction_holds_nobody_up(url, store, monkeypatch):
    count_up(store)
    with closing(Store(url)) as frozen:
        with monkeypatch.context() as patch:
            patch.setattr(postgres, "IDLE_IN_TRANSACTION_TIMEOUT_MS", 300)
            with pytest.raises(StoreUnavailable), frozen.begin() as session:  # noqa: PT012
                key_values.get(session, "n")
                count_up(store)  # waits until the server has ended the other
                key_values.set_value(session, "n", {"value": 99}, at=NOW)
        with store.read() as session:
            assert key_values.get_value(session, "n") == {"value": 2}
        assert keep(frozen, "y", 1) is not None, "and its next transaction is a new connection's"


@pytest.mark.parametrize("believed_s", [0.0, 3600.0], ids=["asked", "looked at"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "killed"])
def test_a_server_that_is_gone_is_our_error_and_one_that_is_back_is_used_at_once(
    server, far_store, monkeypatch, how, believed_s
):
    monkeypatch.setattr(pool_liveness, "PING_AFTER_IDLE_S", believed_s)
    keep(far_store, "x", 1)
    with far_store.watch_commits() as ask:
        seen = ask()
        server.stop(how)
        for act in (lambda: keep(far_store, "x", 2), ask):
            with pytest.raises(StoreUnavailable) as trouble:
                act()
            assert databases.PASSWORD not in f"{trouble.value} {trouble.value.why}"
        server.start()
        assert keep(far_store, "x", 3).value == {"value": 3}
        assert ask() != seen
        again = ask()
        keep(far_store, "x", 4)
        assert ask() != again


@pytest.mark.parametrize(("believed_s", "asks"), [(0.0, True), (3600.0, False)], ids=["asked", "control"])
def test_a_server_that_went_away_in_silence_is_found_out_by_asking(
    server, far_store, tmp_path, monkeypatch, believed_s, asks
):
    """Nothing is there to be read when the network is cut: as if the look at the connection saw nothing.

    The control: a connection that was used just now is not asked whether it lives.
    """
    monkeypatch.setattr(pool_liveness, "_is_readable", lambda connection: False)
    monkeypatch.setattr(pool_liveness, "PING_AFTER_IDLE_S", believed_s)
    with asked_of(far_store, tmp_path) as questions:
        keep(far_store, "x", 1)
    assert len(questions) >= 3
    assert ('";"' in questions[0]) == asks
    server.stop()
    server.start()
    with nullcontext() if asks else pytest.raises(StoreUnavailable):
        assert keep(far_store, "x", 2).value == {"value": 2}


def test_one_statement_alone_is_as_sure_or_unsure_as_a_commit(server, far_store):
    touched = update(KeyValue).where(col(KeyValue.name) == bindparam("name")).values(at=bindparam("now"))
    touch = select(touched.returning(col(KeyValue.name)).cte("touched").c.name)
    given = {"name": "x", "now": NOW}
    keep(far_store, "x", 1)
    assert far_store.execute(touch, given) == [["x"]]
    server.stop()
    with pytest.raises(StoreUnavailable) as away:
        far_store.execute(touch, given)
    server.start()
    assert not away.value.outcome_unknown, "nothing left"
    cut_line_in_commit(far_store, "fact")
    with pytest.raises(StoreUnavailable) as lost:
        far_store.execute(touch, given)
    assert lost.value.outcome_unknown


@pytest.mark.databases("postgres")
@pytest.mark.parametrize("divisor", [1, 0])
def test_a_connection_that_had_one_statement_alone_has_whole_transactions_again(store, divisor):
    keep(store, "x", 1)
    divided = select(literal(6) / bindparam("divisor", type_=Integer))
    with suppress(DataError):
        store.query(divided, {"divisor": divisor})
    assert store.engine.pool.checkedin() == 1
    with suppress(LookupError), store.begin() as session:
        key_values.set_value(session, "x", {"value": 2}, at=NOW)
        raise LookupError
    with store.read() as session:
        assert key_values.get(session, "x").value == {"value": 1}, "rolled back"
    assert store.engine.pool.checkedin() == 1


def read_and_fail(store: Store, fail: Callable[[], object] = lambda: None) -> tuple[KeyValue, Any]:
    """What a transaction had read that failed, and how it did, by itself or in its commit."""
    with pytest.raises((StoreUnavailable, LookupError)) as error, store.begin() as session:  # noqa: PT012
        known = key_values.get(session, "x")
        key_values.set_value(session, "y", {"value": 2}, at=NOW)
        fail()
    return known, error.value


@pytest.fixture
def dying(store: Store) -> Store:
    """The server cuts the line in every commit."""
    keep(store, "x", 1)
    cut_line_in_commit(store, "fact")
    return store


@pytest.mark.databases("postgres")
def test_a_commit_whose_answer_is_lost_may_be_done_and_what_was_read_can_be_told(dying):
    known, trouble = read_and_fail(dying)
    assert trouble.outcome_unknown
    assert "may be kept or not" in str(trouble)
    assert known.value == {"value": 1}


@pytest.mark.databases("postgres")
def test_a_build_whose_rows_are_emptied_by_a_rollback_is_caught(dying, monkeypatch):
    """The control: whoever wants to log what failed meets an error instead, and it stays unsaid."""
    monkeypatch.setattr("backend.store.database.engine._kept", lambda session: nullcontext())
    with pytest.raises(DetachedInstanceError):
        assert read_and_fail(dying)[0].value


def test_what_was_read_can_be_told_when_the_work_itself_failed(store):
    keep(store, "x", 1)
    assert read_and_fail(store, lambda: throw(LookupError()))[0].value == {"value": 1}


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("name", [b"100% %2F ?", "Früh".encode("latin-1")], ids=["odd", "no text"])
def test_database_and_program_lie_in_folders_of_any_name(tmp_path, name):
    folder = tmp_path / os.fsdecode(name)
    shutil.copytree(MIGRATIONS, folder / "program", ignore=shutil.ignore_patterns("__pycache__"))
    with closing(Store(sqlite_url(folder / "x.db"))) as made:
        head = migrate_schema(made, migrations=folder / "program")
        check_database(made, lambda: NOW)
        assert current_revision(made) == head
        assert made.redacted_url.encode().decode().endswith("/x.db"), "it can be said"
    assert {path.name for path in folder.iterdir()} == {"program", "x.db", "x.db.migrate.lock"}
    assert len(list(tmp_path.iterdir())) == 1


# -- what stops a start -----------------------------------------------------------------------


def refusal(url: str) -> str:
    with closing(Store(url)) as store, pytest.raises(SettingsError) as refused:  # noqa: PT012  either may find it
        migrate_schema(store)
        check_database(store, lambda: datetime.now(UTC))
    assert databases.PASSWORD not in str(refused.value)
    assert "Traceback" not in str(refused.value)
    return str(refused.value)


def test_a_server_or_a_database_that_can_not_be_used_is_told_with_what_to_do(server):
    good, reads, empty = server.url(), server.fresh(), server.fresh(empty=True)
    with server.connect() as admin:
        admin.execute(f"ALTER DATABASE {reads.rsplit('/', 1)[1]} SET default_transaction_read_only = on")
        admin.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
        admin.execute("CREATE DATABASE old ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")

    assert "refuses the user or the password" in refusal(server.url(password="another"))
    assert "no database of that name" in refusal(server.url("nowhere"))
    assert "no host of that name" in refusal(good.replace("127.0.0.1", "nowhere.invalid"))
    assert "nobody listens there" in refusal(good.replace(str(server.port), str(reserve_port())))
    assert "only reads" in refusal(reads)
    owner = f"{databases.USER}:{databases.PASSWORD}"
    assert "grant the rights" in refusal(empty.replace(owner, "guest:guest"))
    assert "LATIN1" in refusal(server.url("old"))


@pytest.mark.databases("postgres")
@pytest.mark.parametrize(("off_s", "word"), [(7, "ahead of"), (-7, "behind"), (90, "ahead of")])
def test_clocks_that_differ_by_so_much_that_claims_mean_nothing_stop_the_start(store, off_s, word):
    check_database(store, lambda: datetime.now(UTC) + timedelta(seconds=off_s / abs(off_s)))
    with pytest.raises(SettingsError, match=rf"clock is \d+ s {word}"):
        check_database(store, lambda: datetime.now(UTC) + timedelta(seconds=off_s))


@pytest.mark.databases("postgres")
def test_a_slow_answer_is_not_taken_for_a_clock_that_differs(store):
    """A process may be frozen just there: the answer lies between two looks at its own clock."""
    for before_s, after_s, off_s in ((-30, 30, 0.0), (-60, -30, -30.0), (30, 60, 30.0)):
        looks = iter(datetime.now(UTC) + timedelta(seconds=s) for s in (before_s, after_s))
        with store.read() as session:
            assert store.clock_skew_s(session, lambda looks=looks: next(looks)) == pytest.approx(off_s, abs=2)


def test_eight_at_once_migrate_an_empty_database_once(server):
    url = server.fresh(empty=True)

    def run(_: int) -> str:
        with closing(Store(url)) as store:
            return migrate_schema(store)

    first, *others = at_once(8, run)
    assert others == [first] * 7
