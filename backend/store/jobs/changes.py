"""What changed since: moves of takes, edits of them, and what of a take changes without either."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import func, union_all
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.domain.states import ACTIVE_STATES, JobState
from backend.models import History, Job, TakeEdit, Video
from backend.store.database.rows import one_of

#: A transaction that is under way may hold an id below the newest that can be seen, and commit later; it is
#: looked for among so many. Tried on PostgreSQL: ids are not in the order of commits.
BACK = 200
#: Whoever was away longer than so many moves is told of these alone.
LINES_BACK = 20_000
#: So many ids are asked for at once.
_IDS = 500
#: Of takes that move, in each state, and of the newest moves, so many are compared.
_ACTIVE_ROWS, _RECENT_ROWS = 100, 200


@dataclass(frozen=True)
class Mark:
    """How far one of the two lists has been read. gaps: ids below `last` that could not be seen yet."""

    last: int = 0
    gaps: frozenset[int] = frozenset()

    def advance(self, ids: Sequence[int]) -> "Mark":
        """Read on to the last of these: all that can be seen from the oldest gap on, in order."""
        last = max(self.last, ids[-1] if ids else 0)
        seen, first = set(ids), max(1, last - BACK + 1)
        fresh = range(max(first, self.last + 1), last + 1)
        kept = (gap for gap in self.gaps if gap >= first)
        return Mark(last, frozenset(gap for gap in (*kept, *fresh) if gap not in seen))


class Change(NamedTuple):
    """A line of one of the lists. event, state: what moved it, and where to; empty: an edit."""

    id: int
    job_id: str
    event: str = ""
    state: str = ""


def moves_mark(session: Session) -> Mark:
    """As far as there are moves now."""
    return _mark_now(session, History)


def edits_mark(session: Session) -> Mark:
    """As far as there are edits now."""
    return _mark_now(session, TakeEdit)


def moves_since(session: Session, mark: Mark, *, limit: int) -> tuple[list[Change], list[int]]:
    """(moves after this mark in order, ids of all that were looked at: for `Mark.advance`)."""
    line = columns(col(History.id), col(History.job_id), col(History.event), col(History.state))
    rows = _rows(session, line, mark, limit)
    fresh = [Change(*row) for row in rows if _is_fresh(row[0], mark)]
    return fresh, [row[0] for row in rows]


def edits_since(session: Session, mark: Mark, *, limit: int) -> tuple[list[Change], list[int]]:
    """The same of edits."""
    rows = _rows(session, columns(col(TakeEdit.id), col(TakeEdit.job_id)), mark, limit)
    fresh = [Change(*row) for row in rows if _is_fresh(row[0], mark)]
    return fresh, [row[0] for row in rows]


def takes_since(
    session: Session,
    move_id: int,
    *,
    owners: Sequence[str] | None,
    events: Collection[str],
    limit: int,
) -> list[str]:
    """Takes of these owners with such a move after this one, the newest first, each once.

    events: what such a move is by. `LINES_BACK` are looked through at most.
    """
    newest = columns(func.max(col(History.id))).scalar_subquery()
    query = select(History.job_id).where(col(History.id) > move_id, col(History.id) > newest - LINES_BACK)
    query = query.where(col(History.event).in_(events))
    if owners is not None:
        query = query.join(Job, col(Job.id) == col(History.job_id)).where(one_of(Job.owner, owners))
    return list(dict.fromkeys(session.exec(query.order_by(col(History.id).desc()).limit(limit))))


def heads(
    session: Session, job_ids: Sequence[str], *, owners: Sequence[str] | None
) -> dict[str, tuple[str, int]]:
    """take -> its state, and a number that rises with every move and edit; of these owners' alone."""
    found: dict[str, tuple[str, int]] = {}
    for start in range(0, len(job_ids), _IDS):
        query = columns(col(Job.id), col(Job.state), col(Job.version) + col(Job.edits))
        query = query.where(col(Job.id).in_(job_ids[start : start + _IDS]))
        if owners is not None:
            query = query.where(one_of(Job.owner, owners))
        for job_id, state, version in session.connection().execute(query):
            found[job_id] = state, version
    return found


def quiet_values(session: Session) -> dict[str, tuple[Any, ...]]:
    """take -> what of it changes without a move or an edit, of those that move or moved lately."""
    recent = columns(col(History.job_id)).order_by(col(History.id).desc()).limit(_RECENT_ROWS).subquery()
    active = [
        columns(col(Job.id)).where(col(Job.state) == state).order_by(col(Job.id).desc()).limit(_ACTIVE_ROWS)
        for state in sorted(ACTIVE_STATES)
    ]
    ids = union_all(columns(recent.c.job_id), *(columns(one.subquery().c.id) for one in active))
    compared = (
        Job.id, Job.version, Job.fetched_bytes, Job.queue_position, Job.billed_usd, Job.attempts,
        Job.cancel_requested_at, Video.poster_key, Video.preview_key, Video.player_key, Video.missing_at,
    )  # fmt: skip
    joined = columns(*map(col, compared)).outerjoin(Video, col(Video.id) == col(Job.video_id))
    rows = session.connection().execute(joined.where(col(Job.id).in_(ids)))
    return {str(row[0]): tuple(row[1:]) for row in rows}


def first_in_line(session: Session, provider: str, *, limit: int) -> list[str]:
    """Takes that this provider is not sent yet, the next one first."""
    waiting = select(Job.id).where(Job.state == JobState.CREATED, Job.provider == provider)
    return list(session.exec(waiting.order_by(Job.id).limit(limit)).all())


def open_by_owner(session: Session, states: Sequence[str]) -> dict[tuple[str, str], int]:
    """(owner, state) -> how many takes there are, in these states."""
    query = columns(col(Job.owner), col(Job.state), func.count()).where(col(Job.state).in_(states))
    rows = session.connection().execute(query.group_by(col(Job.owner), col(Job.state)))
    return {(owner, state): number for owner, state, number in rows}


def _mark_now(session: Session, table: Any) -> Mark:
    newest = select(table.id).order_by(col(table.id).desc()).limit(BACK)
    ids = sorted(session.exec(newest).all())
    return Mark(max(0, ids[0] - 1) if ids else 0).advance(ids)


def _rows(session: Session, what: Any, mark: Mark, limit: int) -> list[Any]:
    """One statement reads both what may have been late and what is new: both are seen at the same moment."""
    number = what.selected_columns[0]
    beginning = min(mark.gaps, default=mark.last + 1) - 1
    query = what.where(number > beginning).order_by(number).limit(limit + mark.last - beginning)
    return list(session.connection().execute(query))


def _is_fresh(number: int, mark: Mark) -> bool:
    return number > mark.last or number in mark.gaps
