"""What was done, read newest first by keyset: a page costs the same however many rows there are.

Starts stand in no index but that of their ids, which are their takes'; so whose they are is asked of the
takes. What fits is looked for among starts and among all other rows, each by an index, and laid together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, literal_column
from sqlalchemy import select as columns
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, select

from backend.domain.access.actions import Action
from backend.domain.clock import id_lower_bound
from backend.models import AuditEntry, Job
from backend.models.team import NOT_A_START

#: The moment in an id and that of its row may differ by so much: clocks are set, and differ between hosts.
ID_SLACK = timedelta(minutes=5)
#: No id is of a moment before the first of these, or after the last.
_FIRST, _LAST = datetime(1971, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
#: So many rows are deleted in one statement.
DELETE_BATCH = 5000


@dataclass(frozen=True)
class AuditFilter:
    """Which rows are wanted; None: any. They are from `since` on, and before `until`."""

    since: datetime | None = None
    until: datetime | None = None
    actor: str | None = None
    action: Action | None = None
    object_id: str | None = None


def list_entries(
    session: Session, wanted: AuditFilter, *, limit: int, before: str | None = None
) -> Sequence[AuditEntry]:
    """The newest rows that fit, of those before the row with the id `before`, the newest first."""
    rows = select(AuditEntry).where(*_in_time(wanted, before))
    rows = rows.order_by(col(AuditEntry.id).desc()).limit(limit)
    narrow = [wanted.actor, wanted.action, wanted.object_id]
    if narrow == [None, None, None]:
        return session.exec(rows).all()
    found: list[AuditEntry] = []
    if wanted.action in (None, Action.TAKE_STARTED):
        starts = rows.where(col(AuditEntry.action) == Action.TAKE_STARTED)
        if wanted.object_id is not None:
            starts = starts.where(col(AuditEntry.id) == wanted.object_id)
        if wanted.object_id is None or wanted.actor is not None:  # the takes lead, newest first
            starts = starts.join(Job, col(Job.id) == col(AuditEntry.id)).order_by(None)
            starts = starts.where(*_jobs(session, wanted, before)).order_by(col(Job.id).desc())
        found += session.exec(starts).all()
    if wanted.action != Action.TAKE_STARTED:
        found += session.exec(rows.where(*_others(wanted))).all()
    return sorted(found, key=lambda entry: entry.id, reverse=True)[:limit]


def count_since(session: Session, action: Action, at: datetime, *, limit: int) -> int:
    """How many such rows there are since then, of anybody, no starts; counted up to `limit`."""
    wanted = AuditFilter(since=at, action=action)
    found = columns(col(AuditEntry.id)).where(*_in_time(wanted, None), *_others(wanted)).limit(limit)
    return int(
        session.connection().execute(columns(func.count()).select_from(found.subquery())).scalar() or 0
    )


def delete_before(session: Session, at: datetime) -> int:
    """Delete rows from before that moment, at most `DELETE_BATCH`; returns how many.

    Looks at every row, in the order of their ids: seldom, and by moments alone.
    """
    old = columns(col(AuditEntry.id)).where(col(AuditEntry.at) < at)
    batch = old.order_by(col(AuditEntry.id)).limit(DELETE_BATCH)
    return int(session.connection().execute(delete(AuditEntry).where(col(AuditEntry.id).in_(batch))).rowcount)


def _in_time(wanted: AuditFilter, before: str | None) -> list[ColumnElement[bool]]:
    """By the moment, exactly; by the id, so that an index leads there."""
    clauses = _ids(col(AuditEntry.id), wanted, before)
    if wanted.since is not None:
        clauses.append(col(AuditEntry.at) >= wanted.since)
    if wanted.until is not None:
        clauses.append(col(AuditEntry.at) < wanted.until)
    return clauses


def _ids(column: Mapped[str], wanted: AuditFilter, before: str | None) -> list[ColumnElement[bool]]:
    clauses = []
    if wanted.since is not None and wanted.since > _FIRST:
        clauses.append(column >= id_lower_bound(wanted.since - ID_SLACK))
    if wanted.until is not None and wanted.until < _LAST:
        clauses.append(column < id_lower_bound(wanted.until + ID_SLACK))
    if before is not None:
        clauses.append(column < before)
    return clauses


def _jobs(session: Session, wanted: AuditFilter, before: str | None) -> list[ColumnElement[bool]]:
    """Of takes: those before the first row of the audit are passed over at once."""
    clauses = _ids(col(Job.id), wanted, before)
    first = session.exec(select(AuditEntry.id).order_by(col(AuditEntry.id)).limit(1)).first()
    clauses.append(col(Job.id) >= (first or ""))
    if wanted.actor is not None:
        clauses.append(col(Job.owner) == wanted.actor)
    return clauses


def _others(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    """Of all rows that are no starts. The index is named by the rarest of what is asked for."""
    clauses: list[ColumnElement[bool]] = [literal_column(f"({NOT_A_START.text})")]
    if wanted.object_id is not None:
        clauses.append(col(AuditEntry.object_id) == wanted.object_id)
    if wanted.action is not None:
        clauses.append(col(AuditEntry.action) == wanted.action)
    if wanted.actor is not None:
        clauses.append(col(AuditEntry.actor) == wanted.actor)
    return clauses
