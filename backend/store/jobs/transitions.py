"""How a job is moved, as statements: one guarded update and one line of history.

Nothing else writes a state; `jobs.apply_transition` runs them, and `arrivals.take_in` for the usual delivery.

A server is asked less when what belongs together is one statement; SQLite knows no statement that changes
two tables, and needs none, as it is asked over no wire.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import CTE, Insert, Update, bindparam, null, or_, select, update

from backend.domain.states import ENDED_STATES, TRANSITIONS, JobEvent, JobState
from backend.models import History, Job

JOB_TABLE = Job.__table__  # type: ignore[attr-defined]
HISTORY_TABLE = History.__table__  # type: ignore[attr-defined]

#: What a line of history says besides whose it is.
HISTORY_COLUMNS = ("event", "state", "at", "by", "note")


def columns_of(event: JobEvent, values: Mapping[str, Any], *, at: datetime) -> dict[str, Any]:
    """What an event writes into the row: `due_at` and `error` are cleared unless `values` has them."""
    target = TRANSITIONS[event][1]
    fresh: dict[str, Any] = {"due_at": None, "error": None, "attempts": 0, **values}
    return fresh | {"state": target, "state_at": at, "ended_at": at if target in ENDED_STATES else None}


def history_values(event: JobEvent, *, at: datetime, by: str, note: str | None = None) -> dict[str, Any]:
    """What the history says of a move."""
    return {"event": event, "state": TRANSITIONS[event][1], "at": at, "by": by, "note": note}


def prefix_params(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by the names of the parameters that `guarded` ("new") and `inserted` (theirs) make."""
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

    nulls: columns that become NULL. states: only these of the event's. owned: only if it is `old_owner`'s.
    """
    fits = or_(*(JOB_TABLE.c.state == state for state in sorted(states or TRANSITIONS[event][0])))
    statement = update(JOB_TABLE).where(JOB_TABLE.c.id == bindparam("old_id"), fits)
    if leased:
        statement = statement.where(JOB_TABLE.c.claimed_by == bindparam("old_owner"))
    new: dict[str, Any] = {name: bindparam(f"new_{name}") for name in sorted(names)}
    return statement.values({**new, **dict.fromkeys(nulls, null()), "version": JOB_TABLE.c.version + 1})


def with_history(statement: Update) -> Insert:
    """The same with its line of history; what it changed is counted by the lines. On a server alone."""
    changed = statement.returning(JOB_TABLE.c.id).cte("changed")
    return insert_for_changed(HISTORY_TABLE, "line", HISTORY_COLUMNS, changed, job_id="id")


def insert_for_changed(table: Any, prefix: str, names: Collection[str], changed: CTE, **taken: str) -> Insert:
    """A row for each that was `changed`, with `prefix_…` for these columns.

    taken: column -> the column of `changed` that goes into it.
    """
    said = [bindparam(f"{prefix}_{name}", type_=table.c[name].type) for name in names]
    found = [changed.c[name] for name in taken.values()]
    return table.insert().from_select([*taken, *names], select(*found, *said))  # type: ignore[no-any-return]
