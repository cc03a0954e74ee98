"""PostgreSQL: many hosts, one database.

Writers run at READ COMMITTED: a guarded `UPDATE … WHERE` looks at the row again when it had to wait for
it, rows that are read in order to be written are locked (`locks.py`), and sums are guarded by a lock of
their name. Readers see one snapshot from begin to end, as they do on SQLite.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from backend.domain.errors import StoreUnavailable
from backend.store.database import connections_in_use, pool_liveness
from backend.store.database.connect_advice import STILL_MIGRATING

#: Longer than any statement of ours takes with a million jobs; a stuck one must not hold a page for ever.
STATEMENT_TIMEOUT_MS = 30_000
#: How long a writer waits for another one's rows.
LOCK_TIMEOUT_MS = 20_000
#: Nothing slow happens in a transaction, so whoever is silent in one is frozen or cut off, and what it locked
#: goes on elsewhere: within the 5 s that are promised besides the lease, and before `LOCK_TIMEOUT_MS`.
IDLE_IN_TRANSACTION_TIMEOUT_MS = 4_000
#: A connection is made within this, or the database counts as unreachable; for each address of the URL.
CONNECT_TIMEOUT_S = 5
#: A connection older than this is replaced, in seconds: behind a name that moved, or a proxy that forgets.
POOL_RECYCLE_S = 1800
#: How long to wait for another process that is migrating, in milliseconds.
MIGRATION_WAIT_MS = 600_000
#: How long the one that migrates waits for rows and tables; whoever comes after it waits behind it.
MIGRATION_LOCK_TIMEOUT_MS = 120_000
#: How long it may be silent between two statements: it thinks there, on a host that may be busy. Others
#: take over well within their own wait.
MIGRATION_IDLE_TIMEOUT_MS = 60_000
#: Clocks that differ by more would let one host take over work that another has in hand, in seconds: a
#: claim that is alive has two thirds of a lease (15 s) left.
MAX_CLOCK_SKEW_S = 5.0
#: The key of the lock that the one who migrates holds; any number that nobody else uses.
MIGRATION_LOCK_KEY = 0x0DA111E5

#: Connection parameters; those that the URL gives win.
CONNECT_ARGS: dict[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "application_name": "dailies",
    "client_encoding": "utf8",
    # After a failover the name may still lead to a server that only reads.
    "target_session_attrs": "read-write",
    # A host that was cut off says nothing: find out within half a minute instead of two hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
#: The isolation counts where no BEGIN names one. Durable at least to this server's own disk; a stronger
#: setting of the server's (remote_apply) stays.
_SESSION = """
SELECT set_config('TimeZone', 'UTC', false),
       set_config('statement_timeout', %s, false),
       set_config('lock_timeout', %s, false),
       set_config('idle_in_transaction_session_timeout', %s, false),
       set_config('default_transaction_isolation', 'read committed', false),
       set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') IN ('off', 'local')
                  THEN 'on' ELSE current_setting('synchronous_commit') END, false)
"""
#: The server is no longer one that can be written to, or is going away: such a connection is of no use.
#: read-only transaction, admin shutdown, crash shutdown, cannot connect now, idle in transaction.
_GOING_AWAY = frozenset({"25006", "57P01", "57P02", "57P03", "25P03"})
#: `lock_timeout` has passed.
_LOCK_NOT_AVAILABLE = "55P03"


def make_engine(url: str, **common: Any) -> Engine:
    """An engine for a server's database. Connects to nothing."""
    engine = create_engine(
        url,
        pool_recycle=POOL_RECYCLE_S,
        pool_use_lifo=True,
        isolation_level="READ COMMITTED",
        connect_args=_connect_args(url),
        **common,
    )
    event.listen(engine, "connect", _configure)
    pool_liveness.check_on_checkout(engine)
    connections_in_use.track(engine)
    event.listen(engine, "handle_error", _judge)
    return engine


def read_only_engine(engine: Engine) -> Engine:
    """The same engine for transactions that only look: one snapshot each, and no lock of any row."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


@contextmanager
def driver_connection(engine: Engine) -> Iterator[Any]:
    """A connection of the driver's own, on which each statement is a transaction by itself meanwhile.

    SQLAlchemy's own way to such a connection takes half as long again, and every request asks for one.

    Raises:
        OperationalError: there is no server, as every other way to it says.
    """
    failed = cast(Any, engine.dialect).dbapi.Error
    try:
        connection = engine.raw_connection()
    except failed as error:
        raise OperationalError("connect", None, error) from error
    driver = cast(Any, connection.driver_connection)
    try:
        driver.autocommit = True
        yield driver
    except failed as error:  # it broke just now
        raise OperationalError("autocommit", None, error) from error
    except DBAPIError as error:  # what `fast` sends, SQLAlchemy has not judged
        if error.connection_invalidated or is_going_away(error):
            connection.invalidate(error)
        raise
    finally:
        try:
            if connection.is_valid:
                driver.autocommit = False
        except failed as error:  # not at rest, so of no use to anybody
            connection.invalidate(error)
        connection.close()


def autocommit_engine(engine: Engine) -> Engine:
    """The same engine for statements that are transactions by themselves."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def watch_commits(engine: Engine) -> Iterator[Callable[[], object]]:
    """A question to ask often: its answer changes when anybody on the server has committed."""
    watch = _Watch(autocommit_engine(engine))
    try:
        yield watch
    finally:
        watch.close()


def migration_lock(url: str) -> AbstractContextManager[Any]:
    """Nothing outside the database: see `prepare_migration`."""
    return nullcontext()


def prepare_migration(connection: Connection) -> None:
    """Wait until nobody else migrates; held until this transaction ends. A change may take its time.

    Raises:
        StoreUnavailable: another one is at it for longer than `MIGRATION_WAIT_MS`.
    """
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = {MIGRATION_IDLE_TIMEOUT_MS}"))
    connection.execute(text(f"SET LOCAL lock_timeout = {MIGRATION_WAIT_MS}"))
    try:
        connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK_KEY})"))
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            raise StoreUnavailable(f"{STILL_MIGRATING}: {error.orig}") from error
        raise
    connection.execute(text(f"SET LOCAL lock_timeout = {MIGRATION_LOCK_TIMEOUT_MS}"))


def compatibility_error(connection: Connection, now: Callable[[], datetime]) -> str | None:
    """Why this host can't work with this server's database: its encoding, or clocks that differ."""
    encoding = connection.execute(text("SELECT current_setting('server_encoding')")).scalar_one()
    if encoding != "UTF8":
        return f"it keeps text as {encoding}; create it with ENCODING 'UTF8' TEMPLATE template0"
    off_s = clock_skew_s(connection, now)
    if abs(off_s) > MAX_CLOCK_SKEW_S:
        ahead = "ahead of" if off_s > 0 else "behind"
        return (
            f"this host's clock is {abs(off_s):.0f} s {ahead} the server's: have both follow a time server "
            "(NTP); work is handed from host to host by the clock"
        )
    return None


def clock_skew_s(connection: Connection, now: Callable[[], datetime]) -> float:
    """How far this host's clock is certainly ahead of the server's, in seconds; negative: behind.

    The server's time was read somewhere between two looks at ours, however long the answer took.
    """
    before = now()
    at = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    after = now()
    if before <= at <= after:
        return 0.0
    return float(((before if at < before else after) - at).total_seconds())


def write_refusal(connection: Connection) -> str | None:
    """Why its server can't be written to: it only reads, as a standby does, or is told to.

    A default that says so counts where no BEGIN says otherwise: a statement by itself is refused.
    """
    names = "transaction_read_only", "default_transaction_read_only"
    asked = ", ".join(f"current_setting('{name}')" for name in names)
    if "on" in connection.execute(text(f"SELECT {asked}")).one():
        return "the server takes read-only transactions alone"
    return None


def cut_waiting(engine: Engine) -> int:
    """Break every connection that is in use; returns how many that were."""
    return connections_in_use.cut_all(engine)


def driver_conninfo(url: str) -> tuple[str, dict[str, Any]]:
    """The URL and the connection parameters as psycopg takes them: for connections past SQLAlchemy."""
    plain = make_url(url).set(drivername="postgresql")
    return plain.render_as_string(hide_password=False), _connect_args(url)


def is_unavailable(error: Exception) -> bool:
    """Unreachable, restarting, read-only, out of connections, timed out: not the statement's fault.

    A missing table counts as well, as it does on SQLite: the database is not the one that is meant.
    """
    if isinstance(error, OperationalError | InterfaceError | InternalError | ProgrammingError | PoolTimeout):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def is_going_away(error: DBAPIError) -> bool:
    """Is the server one that can no longer be written to, so that the connection is of no use?"""
    return getattr(error.orig, "sqlstate", None) in _GOING_AWAY


class _Watch:
    """One connection of its own, made anew after it broke."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def __call__(self) -> object:
        """Which transactions have ended; changes with every commit."""
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            return self._connection.execute(text("SELECT CAST(pg_current_snapshot() AS text)")).scalar()
        except DBAPIError:
            self.close()
            raise

    def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.invalidate()
            connection.close()


def _connect_args(url: str) -> dict[str, Any]:
    given = make_url(url).query
    return {name: value for name, value in CONNECT_ARGS.items() if name not in given}


def _configure(connection: Any, _record: Any) -> None:
    was = connection.autocommit
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(*session_settings())
    connection.autocommit = was


def session_settings() -> tuple[str, list[str]]:
    """What every connection is told first: a statement and its values."""
    limits = (STATEMENT_TIMEOUT_MS, LOCK_TIMEOUT_MS, IDLE_IN_TRANSACTION_TIMEOUT_MS)
    return _SESSION, [str(limit) for limit in limits]


def _judge(context: ExceptionContext) -> None:
    """Throw a connection away whose server no longer takes writes, and with it the whole pool."""
    if getattr(context.original_exception, "sqlstate", None) in _GOING_AWAY:
        context.is_disconnect = True
