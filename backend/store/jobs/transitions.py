"""How a job makes a transition, as statements: one guarded update and one line of history.

Nothing else writes a state: `jobs.advance` runs them, and `fast.delivery` for most deliveries.

Where what belongs together is one statement, a server is asked once. SQLite has no statement that changes
two tables, and needs none: it is asked over no wire.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import CTE, Insert, Update, bindparam, null, or_, select, update
from sqlmodel import Session

from backend.domain.states import ENDED_STATES, TRANSITIONS, JobEvent, JobState
from backend.models import History, Job, JobColumns

JOB_TABLE = Job.__table__  # type: ignore[attr-defined]  # SQLModel gives it one
HISTORY_TABLE = History.__table__  # type: ignore[attr-defined]  # SQLModel gives it one

#: What a line of history says besides whose it is.
HISTORY_COLUMNS = ("event", "state", "at", "by", "note")


def columns_of(event: JobEvent, values: JobColumns, *, at: datetime) -> dict[str, Any]:
    """What an event writes into the row: `due_at` and `error` are cleared unless `values` has them."""
    target = TRANSITIONS[event][1]
    new: dict[str, Any] = {"due_at": None, "error": None, "attempts": 0, **values}
    return new | {"state": target, "state_at": at, "ended_at": at if target in ENDED_STATES else None}


def history_values(event: JobEvent, *, at: datetime, by: str, note: str | None = None) -> dict[str, Any]:
    """What the history says of a transition."""
    return {"event": event, "state": TRANSITIONS[event][1], "at": at, "by": by, "note": note}


def prefix_params(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by their parameters' names: "new" for `guarded_update`, its own for `insert_for_changed`."""
    return {f"{prefix}_{name}": value for name, value in values.items()}


def guarded_update(
    event: JobEvent,
    names: Collection[str],
    *,
    nulls: Collection[str] = (),
    states: Collection[JobState] = (),
    leased: bool = False,
) -> Update:
    """The update of the job `old_id` to `new_…`, if it is where the event may happen.

    nulls: columns that become NULL. states: from these, not from the event's own. leased: only under claim
    `old_lease`.
    """
    fits = or_(*(JOB_TABLE.c.state == state for state in sorted(states or TRANSITIONS[event][0])))
    statement = update(JOB_TABLE).where(JOB_TABLE.c.id == bindparam("old_id"), fits)
    if leased:
        statement = statement.where(JOB_TABLE.c.claimed_by == bindparam("old_lease"))
    new: dict[str, Any] = {name: bindparam(f"new_{name}") for name in sorted(names)}
    return statement.values({**new, **dict.fromkeys(nulls, null()), "version": JOB_TABLE.c.version + 1})


def with_history(statement: Update) -> Insert:
    """The update with its line of history; `rowcount` counts the lines. PostgreSQL only."""
    changed = statement.returning(JOB_TABLE.c.id).cte("changed")
    return insert_for_changed(HISTORY_TABLE, "line", HISTORY_COLUMNS, changed, job_id="id")


def update_one(session: Session, statement: Update) -> Job | None:
    """Run an update of at most one job; returns it as it is afterwards, None when none was changed."""
    rows = session.scalars(
        statement.returning(Job), execution_options={"synchronize_session": False, "populate_existing": True}
    )
    return rows.one_or_none()


def insert_for_changed(table: Any, prefix: str, names: Collection[str], changed: CTE, **taken: str) -> Insert:
    """A row for each that was `changed`, with `prefix_…` for these columns.

    taken: column -> the column of `changed` that goes into it.
    """
    said = [bindparam(f"{prefix}_{name}", type_=table.c[name].type) for name in names]
    found = [changed.c[name] for name in taken.values()]
    return table.insert().from_select([*taken, *names], select(*found, *said))  # type: ignore[no-any-return]  # tables have no types
