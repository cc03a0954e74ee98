"""Writers of one process on one SQLite file: one connection, one at a time, and commits that are shared.

A commit waits for the disk, whatever it holds. So the transactions that come in while the disk is busy
are run one after the other in one transaction of the database, and made durable by one commit; nobody
hears of success before it. Each is a savepoint of its own: whoever fails undoes only what is theirs.

One connection, because what it has read stays in its cache only as long as it is the one who writes.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.exc import OperationalError, SQLAlchemyError

#: So many transactions share a commit at most: the first one waits for the work of all.
MAX_GROUP_SIZE = 16
#: How long to wait before looking whether whoever was to commit is gone, in seconds.
COMMIT_CHECK_S = 1.0


class GroupCommit:
    """Hands the one connection that writes to one thread after the other."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = threading.Lock()  # held while a transaction is worked on
        self._counting = threading.Lock()
        self._coming = 0  # how many wait to write in a shared transaction
        self._connection: Connection | None = None
        self._group: _CommitGroup | None = None

    @contextmanager
    def own_transaction(self) -> Iterator[Connection]:
        """A transaction that shares nothing: committed at the end, rolled back on an error."""
        with self._writing:
            self._finish()
            try:
                with self._open().begin() as transaction:
                    yield transaction.connection
            except SQLAlchemyError:
                self._drop()  # it may be of no more use
                raise

    @contextmanager
    def shared_transaction(self) -> Iterator[Connection]:
        """The same, for work that may share its commit: it must roll nothing back by itself.

        Whoever fails waits for the commit too: what made them fail may be another's row, and "this key is
        taken" is true only once its taker can be read.
        """
        with self._counting:
            self._coming += 1
        with self._writing:
            with self._counting:
                self._coming -= 1
            group = self._group = self._group or _CommitGroup(self._open())
            group.join()
            failure: BaseException | None = None
            try:
                yield group.connection
            except BaseException as error:
                failure = error
                group.undo()
            else:
                group.keep()
            finally:
                if not self._coming or group.size >= MAX_GROUP_SIZE or group.broken:
                    self._finish()
        while not group.ended.wait(COMMIT_CHECK_S):
            self._look_after(group)
        if group.trouble is not None:
            raise OperationalError("COMMIT", None, group.trouble) from failure
        if failure is not None:
            raise failure

    def close(self) -> None:
        """Close the connection; the next writer opens another."""
        with self._writing:
            self._finish()
            self._drop()

    def _open(self) -> Connection:
        if self._connection is None or self._connection.closed or self._connection.invalidated:
            self._connection = self._engine.connect()
        return self._connection

    def _finish(self) -> None:
        """Commit what is open. Only while holding `_writing`."""
        group, self._group = self._group, None
        if group is not None and not group.end():
            self._drop()

    def _look_after(self, group: "_CommitGroup") -> None:
        """Whoever was to come after us never did: commit in their stead."""
        with self._writing:
            if self._group is group:
                self._finish()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _CommitGroup:
    """One transaction of the database, and those who share it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.size = 0
        self.ended = threading.Event()
        self.trouble: Exception | None = None
        self._transaction: RootTransaction = connection.begin()
        driver: Any = connection.connection.driver_connection
        self._driver = driver

    @property
    def broken(self) -> bool:
        """Did the database, or somebody's work, end the transaction under everybody?"""
        return not self._driver.in_transaction

    def join(self) -> None:
        """Another one's work begins; the first one's needs no savepoint, as it has nothing before it."""
        self.size += 1
        if self.size > 1:
            self._driver.execute("SAVEPOINT member")

    def keep(self) -> None:
        """Their work is done."""
        if self.size > 1 and not self.broken:
            self._driver.execute("RELEASE member")

    def undo(self) -> None:
        """Their work failed: only theirs is undone."""
        if self.broken:
            return
        if self.size > 1:
            self._driver.execute("ROLLBACK TO member")
            self._driver.execute("RELEASE member")
        else:
            self._transaction.rollback()
            self.ended.set()

    def end(self) -> bool:
        """Commit for everybody, and tell them; is the connection still of use?"""
        if self.ended.is_set():  # the only one's work was undone
            return True
        try:
            if self.broken:
                trouble = RuntimeError("another's trouble ended the transaction")
                raise OperationalError("COMMIT", None, trouble)
            self._transaction.commit()
        except SQLAlchemyError as error:
            self.trouble = error
            self._transaction.close()
        finally:
            self.ended.set()
        return self.trouble is None
