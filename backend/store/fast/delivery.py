"""The common delivery: the first one for a take that waits for just this request, and it brings a video.

All that it does is one guarded update and what follows from it, so a server is asked once: update, line of
history, inbox and task are one statement, which is its own transaction. A file is asked over no wire: there
the same guard stands before three statements.

What does not fit the guard changes nothing here, and is judged by `services.lifecycle.receive_webhook`.
"""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, Unpack

from sqlalchemy import CTE, Select, Update, bindparam, exists, func, select
from sqlalchemy.exc import IntegrityError

from backend.domain.states import JobEvent, JobState
from backend.models import Delivery, History, JobColumns
from backend.store.database.engine import Store
from backend.store.fast.compiled import CompiledStatement
from backend.store.fast.row_insert import insert_values, non_null_columns
from backend.store.jobs import transitions

#: States in which a job waits for its provider to finish, and for nothing else.
AWAITING_RESULT = (JobState.QUEUED, JobState.RUNNING)

DELIVERY_TABLE = Delivery.__table__  # type: ignore[attr-defined]  # SQLModel gives it one

#: Makes the tasks for changed jobs (id, state, provider) as a part of a statement.
TaskBuilder = Callable[[CTE], Select[Any]]


def accept_delivery(
    store: Store,
    delivery: Delivery,
    *,
    at: datetime,
    by: str,
    build_tasks: TaskBuilder | None,
    **values: Unpack[JobColumns],
) -> bool:
    """Keep a delivery and move its job by `finished`, if that is all there is to do; else change nothing.

    Afterwards, if true: the job is `rendered` with these `values`, its history has a line, the delivery is
    in the inbox, and a task waits, all in one commit; no other delivery for the request came before.

    delivery: for the job `job_id`, about the request `request_id`. build_tasks: None where nothing but the
    row tells workers that it is due.

    Raises:
        StoreUnavailable: nothing was written or, if `outcome_unknown`, the answer to the commit was lost.
    """
    fresh = transitions.columns_of(JobEvent.FINISHED, values, at=at)
    new = {name: value for name, value in fresh.items() if value is not None}
    columns = _Columns(frozenset(new), frozenset(fresh) - frozenset(new))
    line = transitions.history_values(JobEvent.FINISHED, at=at, by=by)
    kept = non_null_columns(delivery)
    guard = {"old_id": delivery.job_id, "old_request": delivery.request_id, "old_status": delivery.status}
    update = transitions.prefix_params("new", new) | guard
    if not store.embedded:
        rows = transitions.prefix_params("line", line) | transitions.prefix_params("kept", kept)
        try:
            return bool(store.execute(_at_once(columns, frozenset(kept), build_tasks), update | rows)[0][0])
        except IntegrityError:  # the same delivery at the same moment; any other trouble comes back by itself
            return False
    with store.begin(shared=True) as session:
        if _step(columns).run(session, update) == 0:
            return False
        insert_values(session, History, {"job_id": delivery.job_id, **line})
        insert_values(session, Delivery, kept)
    return True


class _Columns(NamedTuple):
    """Which columns of a job get a value, and which become NULL."""

    new: frozenset[str]
    nulls: frozenset[str]


@lru_cache(maxsize=32)
def _step(fresh: _Columns) -> CompiledStatement:
    return CompiledStatement(_guarded(fresh))


@lru_cache(maxsize=32)
def _at_once(fresh: _Columns, kept: frozenset[str], build_tasks: TaskBuilder | None) -> Select[Any]:
    """All of it; the first column of its one row says how many jobs were moved.

    The driver takes a statement apart each time that has more than 50 values or 4,096 characters.
    """
    job = transitions.JOB_TABLE.c
    unmoved = _guarded(fresh).where(_as_seen())
    changed = unmoved.returning(job.id, job.state, job.provider).cte("changed")
    said = [name for name in transitions.HISTORY_COLUMNS if name != "note"]
    insert = transitions.insert_for_changed
    line = insert(transitions.HISTORY_TABLE, "line", said, changed, job_id="id").cte("line")
    inbox = insert(DELIVERY_TABLE, "kept", sorted(kept - {"job_id"}), changed, job_id="id").cte("inbox")
    moved = select(func.count()).select_from(changed).scalar_subquery()
    tasks = [] if build_tasks is None else [build_tasks(changed).scalar_subquery()]
    return select(moved, *tasks).add_cte(line, inbox)


def _guarded(fresh: _Columns) -> Update:
    inbox = DELIVERY_TABLE.c
    request_id: Any = bindparam("old_request")
    before = exists().where(inbox.request_id == request_id, inbox.status == bindparam("old_status"))
    event, states = JobEvent.FINISHED, AWAITING_RESULT
    update = transitions.guarded_update(event, fresh.new, nulls=fresh.nulls, states=states)
    return update.where(transitions.JOB_TABLE.c.request_id == request_id, ~before)


def _as_seen() -> Any:
    """The row is still the one that this statement saw when it began.

    A statement that waited for the row has it as it is now, but everything else as it was: what its holder
    wrote elsewhere meanwhile can't be seen, only that the row's version is another one.
    """
    seen = transitions.JOB_TABLE.alias("seen")
    version = select(seen.c.version).where(seen.c.id == bindparam("old_id"))
    return transitions.JOB_TABLE.c.version == version.scalar_subquery()
