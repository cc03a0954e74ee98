"""The store over a real server: what writers side by side may not do, and a server that goes and comes."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Integer, bindparam, func, literal, select, text, update
from sqlalchemy.exc import DataError
from sqlalchemy.orm.exc import DetachedInstanceError
from sqlmodel import col

from backend.domain.errors import SettingsError, StoreUnavailable
from backend.models import CatalogueEntry, KeyValue, Token
from backend.store.database import locks, pool_liveness, postgres
from backend.store.database.engine import Store
from backend.store.database.schema.migrate import SCHEMA_FACT, check_database, migrate_schema
from backend.store.records import catalogue, key_values, tokens
from tests import databases
from tests.databases import asked_of
from tests.ports import reserve_port

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


pytestmark = databases.BOTH


@pytest.fixture
def url(database_kind: str, tmp_path) -> Iterator[str]:
    with databases.fresh_url() as given:
        yield given or f"sqlite:///{tmp_path / 'x.db'}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    made = Store(url)
    migrate_schema(made)
    yield made
    made.close()


@pytest.fixture
def server() -> Iterator[databases.Server]:
    """A server of the test's own, to be stopped and killed."""
    made = databases.Server()
    made.start()
    yield made
    made.close()


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
def test_json_comes_back_as_it_was_written(store, value):
    """Keys keep their order."""
    assert json.dumps(keep(store, "x", value).value) == json.dumps({"value": value})


def test_numbers_that_json_does_not_have_become_words(store):
    assert keep(store, "x", [float("nan"), float("inf")]).value == {"value": ["nan", "inf"]}


def test_text_loses_nul_and_is_ordered_by_its_bytes(store):
    names = ["b", "B", "a\0", "ä", "Z", "z", "_", "é"]
    with store.begin() as session:
        for name in names:
            tokens.insert_token(
                session, Token(id=f"id {name}", name=name, role="x", secret_sha256="", created_at=NOW)
            )
    with store.read() as session:
        told = [token.name for token in session.scalars(select(Token).order_by(Token.name))]

    assert told == sorted(name.replace("\0", "") for name in names)


def test_moments_come_back_aware_and_in_utc_to_the_microsecond(store):
    moment = datetime(2026, 3, 29, 2, 30, 0, 123457, tzinfo=UTC)
    with store.begin() as session:
        key_values.set_value(session, "x", {}, at=moment)
    with store.read() as session:
        at = key_values.get(session, "x").at

    assert (at, at.tzinfo) == (moment, UTC)


def test_a_reader_sees_one_moment_from_begin_to_end(store):
    keep(store, "x", 1)
    with store.read() as session:
        before = key_values.get_value(session, "x")
        keep(store, "x", 2)
        after = key_values.get_value(session, "x")

    assert before == after == {"value": 1}


@pytest.mark.databases("postgres")  # a reader of a file is never committed; there is nothing to refuse
def test_a_reader_can_not_write(store):
    with pytest.raises(StoreUnavailable), store.read() as session:
        key_values.set_value(session, "x", {}, at=NOW)


# -- writers side by side ---------------------------------------------------------------------


def at_once(*acts) -> None:
    threads = [threading.Thread(target=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


def count_up(store: Store, *, times: int) -> None:
    """Read, add one, write: as pauses and refreshes do with their facts."""
    for _ in range(times):
        with store.begin() as session:
            fact = key_values.get(session, "n")
            key_values.set_value(session, "n", {"value": 1 + (fact.value["value"] if fact else 0)}, at=NOW)


def counted(store: Store) -> int:
    at_once(*[lambda: count_up(store, times=25)] * 4)
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
    def refresh(mark: str) -> None:
        with store.begin() as session:
            catalogue.replace_all(session, [(f"model {n}", {"by": mark}) for n in range(200)], at=NOW)

    at_once(lambda: refresh("a"), lambda: refresh("b"))
    with store.read() as session:
        found: list[CatalogueEntry] = list(catalogue.list_all(session))

    assert len(found) == 200
    assert len({offer.data["by"] for offer in found}) == 1


@pytest.mark.databases("postgres")  # a file has one writer at a time
def test_a_name_is_held_to_the_end_of_the_transaction(store):
    order = []

    def second() -> None:
        with store.begin() as session:
            locks.acquire_advisory_lock(session, "budget")
            order.append("second")

    with store.begin() as session:
        locks.acquire_advisory_lock(session, "budget")
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.3)
        order.append("first")
    thread.join(10)

    assert order == ["first", "second"]


# -- the server -------------------------------------------------------------------------------


def setting(store: Store, name: str) -> str:
    with store.begin() as session:
        return session.execute(text(f"SHOW {name}")).scalar_one()


@pytest.mark.parametrize(
    ("given", "used"), [("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")]
)
def test_a_commit_is_at_least_on_the_disk(server, given, used):
    with server.connect() as admin:
        admin.execute(f"ALTER ROLE {databases.USER} SET synchronous_commit = {given}")
    store = Store(server.url())

    assert setting(store, "synchronous_commit") == used
    assert setting(store, "timezone") == "UTC"
    store.close()


@pytest.mark.databases("postgres")  # a file's writers are judged by the operating system alone
def test_whoever_falls_silent_in_a_transaction_holds_nobody_up(url, store, monkeypatch):
    monkeypatch.setattr(postgres, "IDLE_IN_TRANSACTION_TIMEOUT_MS", 300)
    frozen = Store(url)
    count_up(store, times=1)

    with pytest.raises(StoreUnavailable), frozen.begin() as session:  # noqa: PT012
        key_values.get(session, "n")
        count_up(store, times=1)  # waits until the server has ended the other
        key_values.set_value(session, "n", {"value": 99}, at=NOW)
    with store.read() as session:
        assert key_values.get_value(session, "n") == {"value": 2}
    assert keep(frozen, "y", 1) is not None, "and its next transaction is a new connection's"
    frozen.close()


@pytest.mark.parametrize("believed_s", [0.0, 3600.0], ids=["asked", "looked at"])
@pytest.mark.parametrize("how", ["SIGINT", "SIGQUIT"])
def test_a_server_that_is_gone_is_our_error_and_one_that_is_back_is_used_at_once(
    server, monkeypatch, how, believed_s
):
    import signal

    monkeypatch.setattr(pool_liveness, "PING_AFTER_IDLE_S", believed_s)
    store = Store(server.fresh())
    keep(store, "x", 1)
    with store.watch_commits() as ask:
        seen = ask()
        server.stop(signal.Signals[how])

        for act in (lambda: keep(store, "x", 2), lambda: ask()):
            with pytest.raises(StoreUnavailable) as trouble:
                act()
            assert databases.PASSWORD not in f"{trouble.value} {trouble.value.why}"

        server.start()
        assert keep(store, "x", 3).value == {"value": 3}
        assert ask() != seen
        again = ask()
        keep(store, "x", 4)
        assert ask() != again
    store.close()


@pytest.mark.databases("postgres")
@pytest.mark.parametrize(("believed_s", "asked"), [(0.0, True), (3600.0, False)])
def test_a_connection_that_was_used_just_now_is_not_asked_whether_it_lives(
    store, tmp_path, monkeypatch, believed_s, asked
):
    monkeypatch.setattr(pool_liveness, "PING_AFTER_IDLE_S", believed_s)
    with asked_of(store, tmp_path) as questions:
        keep(store, "x", 1)
    assert len(questions) >= 3
    assert ('";"' in questions[0]) == asked
    store.close()


def test_a_server_that_went_away_in_silence_is_found_out_by_asking(server, monkeypatch):
    """Nothing is there to be read when the network is cut: as if the look at the connection saw nothing."""
    store = Store(server.fresh())
    monkeypatch.setattr(pool_liveness, "_is_readable", lambda connection: False)
    for believed_s in (0.0, 3600.0):
        monkeypatch.setattr(pool_liveness, "PING_AFTER_IDLE_S", believed_s)
        keep(store, "x", 1)
        server.stop()
        server.start()
        if believed_s:  # control: neither looked at nor asked
            with pytest.raises(StoreUnavailable):
                keep(store, "x", 2)
        else:
            assert keep(store, "x", 2).value == {"value": 2}
    store.close()


def commits_die(store: Store) -> None:
    """From now on the server cuts the line of whoever commits a fact."""
    with store.begin() as session:
        session.execute(text(
            "CREATE FUNCTION die() RETURNS trigger AS $$ BEGIN "
            "PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$ LANGUAGE plpgsql"
        ))  # fmt: skip
        session.execute(text(
            "CREATE CONSTRAINT TRIGGER dies AFTER INSERT OR UPDATE ON fact DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION die()"
        ))  # fmt: skip


def test_one_statement_alone_is_as_sure_or_unsure_as_a_commit(server):
    store = Store(server.fresh())
    touched = update(KeyValue).where(col(KeyValue.name) == bindparam("name")).values(at=bindparam("now"))
    touch = select(touched.returning(col(KeyValue.name)).cte("touched").c.name)
    given = {"name": "x", "now": NOW}
    keep(store, "x", 1)
    assert store.execute(touch, given) == [["x"]]
    server.stop()
    with pytest.raises(StoreUnavailable) as away:
        store.execute(touch, given)
    server.start()
    assert not away.value.outcome_unknown, "nothing left"
    commits_die(store)
    with pytest.raises(StoreUnavailable) as lost:
        store.execute(touch, given)
    assert lost.value.outcome_unknown
    store.close()


def test_one_statement_alone_is_isolated_as_a_transaction_is_whatever_the_server_says(server):
    url = server.fresh()
    name = url.rsplit("/", 1)[1]
    with server.connect() as admin:
        admin.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    store = Store(url)
    asked = select(func.current_setting("transaction_isolation"))
    assert store.query(asked, {}) == [["read committed"]]
    store.close()


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
    store.close()


@pytest.mark.databases("postgres")
def test_a_commit_whose_answer_is_lost_says_that_it_may_be_done(store):
    keep(store, "x", 1)
    commits_die(store)
    with pytest.raises(StoreUnavailable) as trouble:
        keep(store, "x", 2)
    assert trouble.value.outcome_unknown
    assert "may be kept or not" in str(trouble.value)
    store.close()


def read_and_write(store: Store) -> KeyValue:
    """What a transaction had read when its commit failed."""
    keep(store, "x", 1)
    commits_die(store)
    seen: list[KeyValue] = []
    with pytest.raises(StoreUnavailable):
        look_and_keep(store, seen)
    return seen[0]


def look_and_keep(store: Store, seen: list[KeyValue], *, then: Callable[[], None] = lambda: None) -> None:
    with store.begin() as session:
        known = key_values.get(session, "x")
        assert known is not None
        seen.append(known)
        key_values.set_value(session, "y", {"value": 2}, at=NOW)
        then()


@pytest.mark.databases("postgres")
def test_what_was_read_can_be_told_when_the_commit_failed(store):
    assert read_and_write(store).value == {"value": 1}
    store.close()


@pytest.mark.databases("postgres")
def test_a_build_whose_rows_are_emptied_by_a_rollback_is_caught(store, monkeypatch):
    """The control: whoever wants to log what failed meets an error instead, and it stays unsaid."""
    monkeypatch.setattr("backend.store.database.engine._kept", lambda session: nullcontext())
    with pytest.raises(DetachedInstanceError):
        assert read_and_write(store).value
    store.close()


def test_what_was_read_can_be_told_when_the_work_itself_failed(store):
    keep(store, "x", 1)
    seen: list[KeyValue] = []

    def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        look_and_keep(store, seen, then=fail)
    assert seen[0].value == {"value": 1}


# -- what stops a start -----------------------------------------------------------------------


def refusal(url: str) -> str:
    store = Store(url)
    try:
        with pytest.raises(SettingsError) as refused:  # noqa: PT012  either may find it
            migrate_schema(store)
            check_database(store, lambda: datetime.now(UTC))
    finally:
        store.close()
    assert databases.PASSWORD not in str(refused.value)
    assert "Traceback" not in str(refused.value)
    return str(refused.value)


def test_a_server_that_can_not_be_used_is_told_with_what_to_do(server):
    good = server.url()

    assert "refuses the user or the password" in refusal(server.url(password="another"))
    assert "no database of that name" in refusal(server.url("nowhere"))
    assert "no host of that name" in refusal(good.replace("127.0.0.1", "nowhere.invalid"))
    assert "nobody listens there" in refusal(good.replace(str(server.port), str(reserve_port())))


def test_a_database_that_is_of_no_use_is_refused_with_what_to_do(server):
    reads, empty = server.fresh(), server.fresh(empty=True)
    with server.connect() as admin:
        admin.execute(f"ALTER DATABASE {reads.rsplit('/', 1)[1]} SET default_transaction_read_only = on")
        admin.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
        admin.execute("CREATE DATABASE old ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")

    assert "only reads" in refusal(reads)
    assert "grant the rights" in refusal(
        empty.replace(f"{databases.USER}:{databases.PASSWORD}", "guest:guest")
    )
    assert "LATIN1" in refusal(server.url("old"))


def test_a_database_that_is_newer_than_the_program_is_left_alone(store, url):
    with store.begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        key_values.set_value(
            session, SCHEMA_FACT, {"revision": "9999", "oldest_program": "9999"}, at=datetime.now(UTC)
        )

    told = refusal(url)
    assert "newer than this program" in told
    assert "9999" in told


@pytest.mark.databases("postgres")
@pytest.mark.parametrize(("off_s", "word"), [(7, "ahead of"), (-7, "behind"), (90, "ahead of")])
def test_clocks_that_differ_by_so_much_that_claims_mean_nothing_stop_the_start(store, off_s, word):

    check_database(store, lambda: datetime.now(UTC) + timedelta(seconds=off_s / abs(off_s)))
    with pytest.raises(SettingsError, match=rf"clock is \d+ s {word}"):
        check_database(store, lambda: datetime.now(UTC) + timedelta(seconds=off_s))
    store.close()


@pytest.mark.databases("postgres")
def test_a_slow_answer_is_not_taken_for_a_clock_that_differs(store):
    """A process may be frozen just there: the answer lies between two looks at its own clock."""
    for before_s, after_s, off_s in ((-30, 30, 0.0), (-60, -30, -30.0), (30, 60, 30.0)):
        looks = iter(datetime.now(UTC) + timedelta(seconds=s) for s in (before_s, after_s))
        with store.read() as session:
            assert store.clock_skew_s(session, lambda looks=looks: next(looks)) == pytest.approx(off_s, abs=2)
    store.close()


def test_eight_at_once_migrate_an_empty_database_once(server):
    url, told = server.fresh(empty=True), []

    def run() -> None:
        store = Store(url)
        told.append(migrate_schema(store))
        store.close()

    at_once(*[run] * 8)

    assert len(told) == 8
    assert len(set(told)) == 1
