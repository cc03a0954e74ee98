"""PostgreSQL's carrier: "look at this job" is a task of Procrastinate's, in the row's own transaction."""

from collections.abc import Collection

from sqlmodel import Session

from backend.domain.clock import Clock
from backend.store.fast.delivery import TaskBuilder
from backend.store.queue.tasks import TaskQueue


class QueueCarrier:
    """Puts tasks in with the session's own connection, so that a task is there if and only if its row is."""

    def __init__(self, clock: Clock, *, blocking: Collection[str]) -> None:
        self._clock = clock
        self._queue = TaskQueue(blocking)

    def enqueue_job(self, session: Session, job_id: str) -> None:
        """Have this job looked at as soon as the transaction is committed, if it is due."""
        self._queue.put_if_due(session, job_id, now=self._clock.now())

    @property
    def enqueue_clause(self) -> TaskBuilder:
        """The same as a part of the statement that makes jobs due now."""
        return self._queue.build_tasks

    def enqueue_missing(self, session: Session) -> int:
        """The same for every job that is due, in nobody's hand, and in no queue; returns how many."""
        return self._queue.put_missing(session, now=self._clock.now())
