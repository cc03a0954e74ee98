"""The database: one engine a process, and the only ways to open a transaction.

What SQLite and PostgreSQL do differently is in `sqlite.py` and `postgres.py`; everything above sees a
Store, and one error for a database that can't be used now.
"""

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Executable, event, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

from backend.domain.errors import StoreUnavailable
from backend.store.database import postgres, sqlite
from backend.store.database.json_text import encode_json
from backend.store.fast.compiled import compiled_statement
from backend.store.fast.group_commit import GroupCommit
from backend.store.fast.readers import Readers


class Database(Protocol):
    """What each kind of database does in its own way; a module each."""

    def make_engine(self, url: str, **common: Any) -> Engine:
        """An engine; nothing is opened yet."""

    def read_only_engine(self, engine: Engine) -> Engine:
        """The same engine for transactions that only look."""

    def watch_commits(self, engine: Engine) -> AbstractContextManager[Callable[[], object]]:
        """A question whose answer changes when somebody has committed."""

    def migration_lock(self, url: str) -> AbstractContextManager[Any]:
        """Held by the one process that migrates, outside the database."""

    def prepare_migration(self, connection: Connection) -> None:
        """The same, inside the migration's transaction."""

    def compatibility_error(self, connection: Connection, now: Callable[[], datetime]) -> str | None:
        """Why this host can't work with this database; None: it can."""

    def clock_skew_s(self, connection: Connection, now: Callable[[], datetime]) -> float:
        """How far this host's clock is ahead of the database's, in seconds."""

    def write_refusal(self, connection: Connection) -> str | None:
        """Why the transaction of this connection can't write, where that is known beforehand."""

    def cut_waiting(self, engine: Engine) -> int:
        """Break every connection that is in use; returns how many that were."""

    def is_unavailable(self, error: Exception) -> bool:
        """Is it the database that can't be used, and not the statement that is wrong?"""


class Store:
    """A database, by its URL. Opens nothing until it is first used."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.embedded = url.startswith("sqlite")
        self.database: Database = sqlite if self.embedded else postgres
        self.engine = self.database.make_engine(
            url,
            pool_size=8,
            max_overflow=56,
            pool_timeout=20,
            hide_parameters=True,  # errors reach logs, and parameters hold prompts
            json_serializer=encode_json,
        )
        # SQLite has one writer at a time, and lets the others sleep and try again; the threads of one
        # process wait for a lock instead, and are woken at once.
        self._group_commit = GroupCommit(self.engine) if self.embedded else None
        self._readers = Readers(self.engine) if self.embedded else None
        weakref.finalize(self, _dispose, self.engine, self._readers)  # nobody is left to close them
        self._reader = self.database.read_only_engine(self.engine).execution_options(kept={})
        self._info = {} if self.embedded else {"locks": True}

    @property
    def redacted_url(self) -> str:
        """The URL as people may see it: without its password."""
        if self.embedded:  # as it was written: the name of a folder may be no text that could be quoted
            return self.url.partition("?")[0].encode(errors="backslashreplace").decode()
        return make_url(self.url).set(query={}).render_as_string(hide_password=True)

    @contextmanager
    def begin(self, *, shared: bool = False) -> Iterator[Session]:
        """A transaction that may write: committed at the end, rolled back on an error.

        What was read stays usable afterwards, as read-only values, also when it was not committed.
        shared: it may be committed together with others that come at the same moment. For what comes in
        great numbers; it must not add or change rows through the ORM's unit of work (`fast/README.md`).

        Raises:
            StoreUnavailable: nothing was written or, if `outcome_unknown`, the answer to the commit was lost.
        """
        committing = False
        try:
            with self._writing(shared=shared) as session:
                with _kept(session):
                    yield session
                    if shared and (session.new or session.dirty or session.deleted):
                        raise RuntimeError("a shared transaction writes by statements alone")
                    session.flush()
                committing = True
        except SQLAlchemyError as error:
            self._judge(error, committing=committing)
            raise

    @contextmanager
    def _writing(self, *, shared: bool) -> Iterator[Session]:
        """A session in a transaction that is committed at the end."""
        if self._group_commit is not None:
            group = self._group_commit
            transaction = group.shared_transaction() if shared else group.own_transaction()
            with transaction as connection, _within(connection, shared=shared) as session:
                yield session
        else:
            with Session(self.engine, expire_on_commit=False, info=self._info) as session, session.begin():
                try:
                    yield session
                except DBAPIError as error:  # what `fast` sends, SQLAlchemy has not judged
                    if postgres.is_going_away(error) and not session.connection().invalidated:
                        session.connection().invalidate(error)
                    raise

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only looks: waits for no writer, commits nothing. Raises StoreUnavailable."""
        try:
            with (
                self._reader.connect() as connection,
                Session(
                    connection, expire_on_commit=False, autoflush=False, info={"connection": connection}
                ) as session,
            ):
                if not connection.in_transaction():
                    connection.begin()
                yield session
        except SQLAlchemyError as error:
            self._judge(error)
            raise

    def query(self, statement: Executable, values: Mapping[str, Any]) -> list[list[Any]]:
        """The rows of one statement that only looks, for what every request asks. Raises StoreUnavailable.

        statement: a constant, whose SQL is written once; values: of its parameters.
        """
        return self._at_once(statement, values)

    def execute(self, statement: Executable, values: Mapping[str, Any]) -> list[list[Any]]:
        """The rows of one statement that writes and is a transaction by itself: on a server alone.

        statement: a constant that writes in its CTEs.

        Raises:
            StoreUnavailable: nothing was written or, if `outcome_unknown`, the answer was lost.
        """
        if self.embedded:
            raise RuntimeError("SQLite writes in transactions of the store")
        return self._at_once(statement, values, committing=True)

    def _at_once(
        self, statement: Executable, values: Mapping[str, Any], *, committing: bool = False
    ) -> list[list[Any]]:
        """One statement needs no transaction around it, and no session."""
        sent = False
        try:
            if self._readers is not None:
                return self._readers.run(compiled_statement(statement), values)
            with postgres.driver_connection(self.engine) as driver:
                sent = True
                return compiled_statement(statement).run_on_driver(driver, self.engine.dialect, values)
        except SQLAlchemyError as error:
            self._judge(error, committing=committing and sent)
            raise

    def clock_skew_s(self, session: Session, now: Callable[[], datetime]) -> float:
        """How far this host's clock is certainly ahead of the database's, in seconds; negative: behind."""
        return self.database.clock_skew_s(session.connection(), now)

    def try_write(self, write: Callable[[Session], object]) -> None:
        """Do this in a transaction that is rolled back: can it be done?

        Raises:
            StoreUnavailable: no.
        """
        with suppress(_RolledBackError), self.begin() as session:
            # A write that is refused would have the pool let go of what can still be read from.
            if refusal := self.database.write_refusal(session.connection()):
                raise StoreUnavailable(refusal)
            write(session)
            raise _RolledBackError

    def cut_waiting(self) -> int:
        """Break off whatever waits for the database, as when it hangs; returns how much that was.

        Each of those gets StoreUnavailable. A file has no line to be cut.
        """
        return self.database.cut_waiting(self.engine)

    @contextmanager
    def watch_commits(self) -> Iterator[Callable[[], object]]:
        """A question to ask often: its answer changes when somebody else has committed.

        The question raises StoreUnavailable while the database is away, and works again afterwards.
        """
        with self.database.watch_commits(self.engine) as ask:

            def answer() -> object:
                try:
                    return ask()
                except SQLAlchemyError as error:
                    self._judge(error)
                    raise

            yield answer

    def close(self) -> None:
        """Close every idle connection, and those in use as soon as they are given back."""
        if self._group_commit is not None:
            self._group_commit.close()
        event.listen(self.engine, "checkin", _close_returned)
        _dispose(self.engine, self._readers)

    def _judge(self, error: SQLAlchemyError, *, committing: bool = False) -> None:
        """Raise our own error when the database can't be used; an IntegrityError never says that."""
        if self.database.is_unavailable(error):
            unknown = committing and self._unheard(error)
            raise StoreUnavailable(_why(error), outcome_unknown=unknown) from error

    def _unheard(self, error: SQLAlchemyError) -> bool:
        """May a commit that ended like this have been done? With a file it is refused or done."""
        state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
        return not self.embedded and (not state or state.startswith(("08", "57P")))


class _RolledBackError(Exception):
    """Nothing of it is kept."""


@contextmanager
def _kept(session: Session) -> Iterator[None]:
    """Detach what was read, before a rollback can expire it: an error may have to name it."""
    try:
        yield
    finally:
        if session.identity_map:
            session.expunge_all()


@contextmanager
def _within(connection: Connection, *, shared: bool) -> Iterator[Session]:
    """A session in a transaction that somebody else ends."""
    session = _shared_session(connection) if shared else _session(connection)
    try:
        yield session
    finally:
        if not shared or session.in_transaction() or session.identity_map or session.new:
            session.close()  # in its mode it leaves the transaction as it is


def _session(connection: Connection, *, autoflush: bool = True) -> Session:
    mode: Any = "rollback_only"
    return Session(
        connection,
        expire_on_commit=False,
        autoflush=autoflush,
        join_transaction_mode=mode,
        info={"connection": connection},
    )


def _shared_session(connection: Connection) -> Session:
    """The one session of the connection that writes: making one costs as much as two inserts."""
    session: Session | None = connection.info.get("shared")
    if session is None or session.bind is not connection:
        session = connection.info["shared"] = _session(connection, autoflush=False)
    return session


def _dispose(engine: Engine, readers: Readers | None) -> None:
    if readers is not None:
        readers.close()
    engine.dispose()


def _close_returned(_connection: Any, record: ConnectionPoolEntry) -> None:
    """The pool of a closed store keeps nothing: whatever comes back to it would never be closed."""
    record.close()


def _why(error: SQLAlchemyError) -> str:
    """The driver's own words; SQLAlchemy would add the statement."""
    return str(getattr(error, "orig", None) or error).strip()[:500]
