"""Sessions of browsers: begun at a sign-in, looked up at every run and request, ended here or by their age.

A session is a row, so whatever ends it (here, in another tab, by an admin, from another dashboard) holds at
the next run or request: nothing is kept in memory.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy.exc import IntegrityError

from backend.domain.access.actions import Action, ActorKind
from backend.domain.access.claims import KEPT_CLAIMS, is_text, read_identity
from backend.domain.access.origin import Origin
from backend.domain.access.roles import Do
from backend.domain.errors import NotAllowed, NotFound
from backend.models import LoginSession, Person
from backend.services.access import Viewer
from backend.services.audit.record import Actor, record
from backend.services.deps import Deps
from backend.services.team.people import find_or_create_person
from backend.store.team import sessions

#: Sessions are listed and deleted by their age; none lives longer (SESSION_HOURS).
KEPT_FOR = timedelta(days=31)
#: So many sessions of one person are kept, the newest.
KEPT_SESSIONS = 50
#: So much of what a browser calls itself is kept.
AGENT_MAX_CHARS = 200
#: So many groups of somebody are kept, and so much of a name.
GROUPS_MAX, TEXT_MAX_CHARS = 1000, 300
#: Claims that nothing is decided by.
_SHOWN = ("name", "preferred_username")


class PersonDisabled(NotAllowed):
    """This person may not come in any more."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name} may not use Dailies any more.", status=403)


@dataclass(frozen=True)
class BegunSession:
    """A session that has just begun. cookie: what the browser is given, and nobody else knows."""

    id: str
    cookie: str
    person: Person


def begin_session(
    deps: Deps, provider: str, claims: Mapping[str, Any], *, origin: Origin, agent: str | None = None
) -> BegunSession:
    """Somebody has signed in: from now on the cookie opens what they may do.

    claims: of a token that has been verified. provider: by its name in the settings.

    Raises:
        PersonDisabled: nothing was begun.
    """
    kept, cookie = keep_claims(claims), secrets.token_urlsafe(32)
    row = partial(
        LoginSession,
        id=session_id(cookie),
        provider=provider,
        claims=kept,
        address=origin.address,
        agent=agent and agent[:AGENT_MAX_CHARS],
    )
    try:
        person = _begin(deps, row, origin)
    except IntegrityError:  # the same person, or the name, came in at the same moment elsewhere
        person = _begin(deps, row, origin)
    return BegunSession(session_id(cookie), cookie, person)


def _begin(deps: Deps, make_row: Callable[..., LoginSession], origin: Origin) -> Person:
    now = deps.clock.now()
    with deps.store.begin() as session:
        row = make_row(person_id="", begun_at=now, seen_at=now)
        person = find_or_create_person(session, deps, read_identity(row.claims))
        if person.disabled_at is not None:
            raise PersonDisabled(person.name)
        row.person_id = person.id
        sessions.insert_session(session, row)
        sessions.delete_old_sessions(session, person.id, begun_before=now - KEPT_FOR, keep=KEPT_SESSIONS)
        actor = Actor(ActorKind.PERSON, person.name, origin)
        record(session, deps, actor, Action.SESSION_BEGUN, object_type="session", object_id=row.id)
    return person


def session_id(cookie: str) -> str:
    """By what the session of this cookie is found: its SHA-256. 256 random bits need no slow hash."""
    return hashlib.sha256(cookie.encode("utf-8", "replace")).hexdigest()


def keep_claims(claims: Mapping[str, Any]) -> dict[str, Any]:
    """What of somebody's claims roles are decided by, and no more of it than is sensible.

    What is too long, or no text, is left out, not cut: the rest could be somebody else's address or group.
    """
    kept = {name: _bounded(claims[name]) for name in KEPT_CLAIMS if name in claims}
    return kept | {name: claims[name][:TEXT_MAX_CHARS] for name in _SHOWN if is_text(claims.get(name))}


def end_session(deps: Deps, viewer: Viewer, ended_id: str) -> None:
    """End a session of this viewer's own: at its next run or request it is over.

    Raises:
        NotFound: they have none like that.
    """
    with deps.store.begin() as session:
        row = sessions.get_session(session, ended_id)
        if row is None or row.person_id != viewer.person_id:
            raise NotFound("There is no such session of yours.")
        if sessions.end_session(session, ended_id, at=deps.clock.now()):
            record(session, deps, viewer, Action.SESSION_ENDED, object_type="session", object_id=ended_id)


def sign_out(deps: Deps, ended_id: str, origin: Origin) -> None:
    """Whoever has the cookie of this session is done with it."""
    found = sessions.find_session(deps.store, ended_id)
    if found is None or found.ended_at is not None:
        return
    with deps.store.begin() as session:
        sessions.end_session(session, ended_id, at=deps.clock.now())
        actor = Actor(ActorKind.PERSON, found.name, origin)
        record(session, deps, actor, Action.SESSION_ENDED, object_type="session", object_id=ended_id)


def end_sessions_of(deps: Deps, by: Viewer, person_id: str, *, but: str = "") -> int:
    """End all sessions of a person, but the one with the id `but`; returns how many those were.

    Raises NotAllowed: they are somebody else's, and the viewer is no admin.
    """
    if by.person_id != person_id:
        by.must(Do.MANAGE_PEOPLE)
    with deps.store.begin() as session:
        ended = sessions.end_sessions_of(session, person_id, at=deps.clock.now(), but=but)
        if ended:
            record(session, deps, by, Action.SESSION_ENDED, object_type="person", object_id=person_id)
    return ended


def list_open_sessions(deps: Deps, person_id: str) -> list[LoginSession]:
    """A person's sessions that open something now, newest first."""
    now, settings = deps.clock.now(), deps.settings
    with deps.store.read() as session:
        rows = sessions.list_sessions(
            session, person_id, begun_after=now - timedelta(hours=settings.session_hours)
        )
    idle = now - timedelta(hours=settings.session_idle_hours)
    return [row for row in rows if row.seen_at > idle]


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return value if is_text(value) and len(value) <= TEXT_MAX_CHARS else None
    if isinstance(value, list):
        short = (one for one in value if is_text(one) and len(one) <= TEXT_MAX_CHARS)
        return list(islice(short, GROUPS_MAX))
    if isinstance(value, Mapping):  # `_claim_names`: that it names groups is all that counts
        return {name: True for name in ("groups",) if name in value}
    return value if isinstance(value, bool | int) else None
