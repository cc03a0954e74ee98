"""Browsers that are signed in: one row each, found by the hash of what the cookie holds."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, or_, update
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.models import LoginSession, Person
from backend.store.database.engine import Store
from backend.store.fast.compiled import compiled_statement
from backend.store.fast.loop_reader import LoopReader

_COLUMNS = (
    col(LoginSession.person_id),
    col(Person.name),
    col(Person.role),
    col(Person.disabled_at),
    col(LoginSession.provider),
    col(LoginSession.claims),
    col(LoginSession.begun_at),
    col(LoginSession.seen_at),
    col(LoginSession.ended_at),
)
_OF_PERSON = col(Person.id) == col(LoginSession.person_id)
_LOOK = columns(*_COLUMNS).where(col(LoginSession.id) == bindparam("session_id"), _OF_PERSON)


class SessionRecord(NamedTuple):
    """A session and its person, as they are now."""

    person_id: str
    name: str
    role: str | None
    disabled_at: datetime | None
    provider: str
    claims: Mapping[str, Any]
    begun_at: datetime
    seen_at: datetime
    ended_at: datetime | None


def find_session(store: Store, session_id: str) -> SessionRecord | None:
    """The session, ended or not. Every request and run asks, so it is one bare statement."""
    rows = store.query(_LOOK, {"session_id": session_id})
    return SessionRecord(*rows[0]) if rows else None


class SessionLookup:
    """The same for an event loop, where the database can be asked without a thread: on a server."""

    def __init__(self, store: Store) -> None:
        self._reader = None if store.embedded else LoopReader(store.url, store.engine)

    async def find(self, session_id: str) -> SessionRecord | None:
        """The session, ended or not; None: there is none, or it can't be said at once. Ask `find_session`."""
        if self._reader is None:
            return None
        rows = await self._reader.query(compiled_statement(_LOOK), {"session_id": session_id})
        return SessionRecord(*rows[0]) if rows else None


def find_sessions(session: Session, session_ids: Sequence[str]) -> dict[str, SessionRecord]:
    """Those of these sessions that there are, ended or not, by id; in one question."""
    query = columns(col(LoginSession.id), *_COLUMNS).where(col(LoginSession.id).in_(session_ids), _OF_PERSON)
    return {str(row[0]): SessionRecord(*row[1:]) for row in session.connection().execute(query)}


def insert_session(session: Session, row: LoginSession) -> None:
    """Put a new session in."""
    session.add(row)
    session.flush()


def note_session_seen(session: Session, session_id: str, *, at: datetime) -> None:
    """Somebody did something in it."""
    session.exec(update(LoginSession).where(col(LoginSession.id) == session_id).values(seen_at=at))


def end_session(session: Session, session_id: str, *, at: datetime) -> bool:
    """End one session; False: it had ended, or there is none."""
    open_one = update(LoginSession).where(col(LoginSession.id) == session_id)
    changed = session.exec(open_one.where(col(LoginSession.ended_at).is_(None)).values(ended_at=at))
    return bool(changed.rowcount)


def end_sessions_of(session: Session, person_id: str, *, at: datetime, but: str = "") -> int:
    """End all sessions of a person, but one; returns how many those were."""
    theirs = update(LoginSession).where(
        col(LoginSession.person_id) == person_id, col(LoginSession.ended_at).is_(None)
    )
    return int(session.exec(theirs.where(col(LoginSession.id) != but).values(ended_at=at)).rowcount)


def end_all_sessions(session: Session, *, at: datetime) -> int:
    """End everybody's sessions; returns how many those were."""
    open_ones = update(LoginSession).where(col(LoginSession.ended_at).is_(None))
    return int(session.exec(open_ones.values(ended_at=at)).rowcount)


def list_sessions(session: Session, person_id: str, *, begun_after: datetime) -> list[LoginSession]:
    """A person's sessions that haven't been ended and began after this moment, newest first."""
    theirs = select(LoginSession).where(
        col(LoginSession.person_id) == person_id,
        col(LoginSession.ended_at).is_(None),
        col(LoginSession.begun_at) > begun_after,
    )
    return list(session.exec(theirs.order_by(col(LoginSession.begun_at).desc())).all())


def get_session(session: Session, session_id: str) -> LoginSession | None:
    """The session's row."""
    return session.get(LoginSession, session_id, populate_existing=True)


def delete_old_sessions(session: Session, person_id: str, *, begun_before: datetime, keep: int) -> None:
    """Delete a person's sessions that began before this moment, and all but the newest `keep`."""
    theirs = col(LoginSession.person_id) == person_id
    newest = columns(col(LoginSession.id)).where(theirs)
    newest = newest.order_by(col(LoginSession.begun_at).desc()).limit(keep)
    old = or_(col(LoginSession.begun_at) < begun_before, col(LoginSession.id).not_in(newest))
    session.exec(delete(LoginSession).where(theirs, old))
