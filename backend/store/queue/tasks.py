"""The queue in PostgreSQL: tasks of Procrastinate that say "look at this job", and no more.

A task is put in with the transaction that makes its row due. There are no tasks for what is due later:
the row says when, and the leader puts a task in when the moment has come. So the queue holds what
is due now, and is short. A task may be lost or come twice; the row's claim decides.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CTE, Select, bindparam, case, false, func, literal_column, or_, text
from sqlalchemy import select as columns
from sqlmodel import Session, col

from backend.domain.clock import Clock
from backend.domain.states import JobState
from backend.models import Job

#: The kinds of work, a queue each.
WORK_KINDS = ("submit", "poll", "fetch", "call")
#: States whose looks move files, and may be long; all other looks ask a provider, and are short.
FETCH_STATES = frozenset({JobState.RENDERED, JobState.STORED})
#: Within a queue the higher goes first: what a person waits for, then what can wait (previews, bills).
PRIORITIES: dict[JobState, int] = {JobState.CREATED: 20, JobState.RENDERED: 10, JobState.STORED: -10}
#: Procrastinate's name of the one task.
TASK_NAME = "look"
#: A task that is said to run, while nobody holds its job's claim, is left from a dead worker after this.
STALLED_AFTER = timedelta(seconds=60)
#: How many tasks are put in by one statement.
BATCH = 500

_JOB: Any = Job.__table__.c  # type: ignore[attr-defined]  # SQLModel gives it one
_TASK: Any = literal_column(
    f"ROW(wanted.queue, '{TASK_NAME}', wanted.priority, NULL, NULL, "
    "jsonb_build_object('job_id', wanted.id), NULL)::procrastinate_job_to_defer_v1"
)
#: `NOT IN`, so that the server makes one hash of what waits, whatever it believes about the table's size:
#: with `NOT EXISTS`, a plan made while the queue was empty took seconds when it was long.
_UNCOVERED = text(
    "job.id NOT IN (SELECT task.args ->> 'job_id' FROM procrastinate_jobs AS task "
    "WHERE task.status = 'todo' AND task.args ->> 'job_id' IS NOT NULL)"
)
_FORGET = text(
    "SELECT procrastinate_finish_job_v1(task.id, 'failed', true) FROM procrastinate_jobs AS task "
    "WHERE task.status = 'doing' "
    "AND NOT EXISTS (SELECT 1 FROM job WHERE job.id = task.args ->> 'job_id' AND job.claimed_until > :now) "
    "AND NOT EXISTS (SELECT 1 FROM procrastinate_events AS event "
    "WHERE event.job_id = task.id AND event.at > :since)"
)
_PRUNE = text("SELECT procrastinate_prune_stalled_workers_v1(:seconds)")
_DEPTH = text(
    "SELECT queue_name, CAST(status AS text), count(*) FROM procrastinate_jobs "
    "WHERE status IN ('todo', 'doing') GROUP BY 1, 2"
)


class TaskQueue:
    """The carrier on PostgreSQL: a task is put in by its row's own transaction, so it is there if the row is.

    blocking: providers whose calls stay open; what they are sent has a queue of its own.
    """

    def __init__(self, clock: Clock, *, blocking: Collection[str]) -> None:
        self._clock, self._blocking = clock, blocking
        now: Any = bindparam("now", required=False)
        due = col(Job.due_at) <= now
        free = or_(col(Job.claimed_by).is_(None), col(Job.claimed_until) <= now)
        wanted = self._wanted(_JOB).where(due)
        self._one = _defer(wanted.where(col(Job.id) == bindparam("job_id", required=False)))
        self._missing = _defer(wanted.where(free, _UNCOVERED).order_by(col(Job.due_at)).limit(BATCH))

    def enqueue_job(self, session: Session, job_id: str) -> None:
        """Have a job looked at once this transaction is committed, if it is due."""
        session.connection().execute(self._one, {"job_id": job_id, "now": self._clock.now()})

    def enqueue_clause(self, changed: CTE) -> Select[Any]:
        """The same as a part of the statement that makes jobs due, for these rows of it."""
        return _defer(self._wanted(changed.c))

    def enqueue_missing(self, session: Session) -> int:
        """Put in what is due, unclaimed and not in the queue yet; returns how many (at most `BATCH`)."""
        tasks = session.connection().execute(self._missing, {"now": self._clock.now()}).scalar()
        return len(tasks or ())

    def _wanted(self, job: Any) -> Select[Any]:
        """A task's columns, from those of its job."""
        priority = case(*((job.state == state, number) for state, number in PRIORITIES.items()), else_=0)
        kind = kind_of(self._blocking, job)
        return columns(job.id.label("id"), kind.label("queue"), priority.label("priority"))


def kind_of(blocking: Collection[str], job: Any = _JOB) -> Any:
    """The kind of work that a job waits for, as an expression over the columns of its row."""
    unsent = job.state == JobState.CREATED
    calls = or_(false(), *(job.provider == name for name in sorted(blocking)))
    files = or_(*(job.state == state for state in sorted(FETCH_STATES)))
    return case((unsent & calls, "call"), (unsent, "submit"), (files, "fetch"), else_="poll")


def forget_stalled(session: Session, *, now: datetime) -> int:
    """Remove tasks and worker entries that killed workers left; their jobs are put in again by their rows."""
    gone = session.connection().execute(_FORGET, {"now": now, "since": now - STALLED_AFTER}).all()
    session.connection().execute(_PRUNE, {"seconds": STALLED_AFTER.total_seconds()})
    return len(gone)


def depth_by_kind(session: Session) -> list[tuple[str, str, int]]:
    """(kind, "todo" or "doing", how many tasks)."""
    return [(kind, status, number) for kind, status, number in session.connection().execute(_DEPTH)]


def work_by_kind(
    session: Session, *, now: datetime, blocking: Collection[str]
) -> Sequence[tuple[str, bool, int]]:
    """(kind, in somebody's hand?, how many jobs) of what is due now, as the rows tell it."""
    held = col(Job.claimed_until) > now
    kind = kind_of(blocking).label("kind")
    query = (
        columns(kind, func.coalesce(held, False).label("held"), func.count())
        .where(or_(col(Job.due_at) <= now, held))
        .group_by(kind, "held")
    )
    return [(name, bool(in_hand), number) for name, in_hand, number in session.connection().execute(query)]


def _defer(wanted: Select[Any]) -> Select[Any]:
    """Procrastinate's own function, called for these rows."""
    rows = wanted.subquery("wanted")
    return columns(func.procrastinate_defer_jobs_v1(func.array_agg(_TASK))).select_from(rows)
