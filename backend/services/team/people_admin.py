"""People, as an admin looks after them: who came, what they may do and why, and an end to it.

Somebody who is an admin always stays: what would take the last one's role away, or shut them out, is refused
in the transaction that would do it. Who gives commands on the machine is an admin in any case.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.domain.errors import StateConflict
from backend.models import Person
from backend.services.access import Role, Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.services.team.person_roles import role_now
from backend.store.database.locks import acquire_advisory_lock
from backend.store.team import roster, sessions
from backend.store.team.roster import KnownPerson

#: Held by whoever changes what somebody may do: two at once can't take the last two admins away.
ROLES_LOCK = "team:roles"
DISABLED = "Disabled."


@dataclass(frozen=True)
class PersonView:
    """Somebody, as admins see them. role: None: they may do nothing now; why: why it is that role, or none.

    own_role: as an admin set it; None: by the rules.
    """

    id: str
    name: str
    email: str | None
    role: Role | None
    why: str
    own_role: Role | None
    disabled: bool
    seen_at: datetime | None
    sessions: int
    tokens: int


def list_people(deps: Deps, viewer: Viewer) -> list[PersonView]:
    """Everybody who came once: who waits for a role first, then by name. Raises NotAllowed.

    Not by when they were here: that changes under the hand of who is about to press a button.
    """
    viewer.must(Do.MANAGE_PEOPLE)
    now, settings = deps.clock.now(), deps.settings
    begun_after = now - timedelta(hours=settings.session_hours)
    seen_after = now - timedelta(hours=settings.session_idle_hours)
    with deps.store.read() as session:
        people = roster.list_people(session)
        opened = roster.count_open_sessions(session, begun_after=begun_after, seen_after=seen_after)
        tokens = roster.count_tokens(session, now=now)
    views = [_view(deps, known, opened, tokens) for known in people]
    return sorted(views, key=lambda one: one.role is not None or one.disabled)


def admin_names(deps: Deps) -> list[str]:
    """Who can give a role to somebody: the names of all admins, for people who ask whom to ask."""
    with deps.store.read() as session:
        people = roster.list_people(session)
    return sorted(known.person.name for known in people if _decided(deps, known)[0] is Role.ADMIN)


def describe_self(deps: Deps, viewer: Viewer) -> PersonView | None:
    """The viewer's own row; None where they have none: nobody signs in here."""
    if viewer.person_id is None:
        return None
    with deps.store.read() as session:
        people = roster.list_people(session, only=viewer.person_id)
    return next((_view(deps, known, {}, {}) for known in people), None)


def set_role(deps: Deps, viewer: Viewer, person_id: str, role: Role | None) -> None:
    """From their next run and request on, the person has this role; None: the one that the rules give.

    Raises:
        NotAllowed. NotFound: there is no such person. StateConflict: nobody would be an admin any more.
    """
    viewer.must(Do.MANAGE_PEOPLE)
    with deps.store.begin() as session:
        person = _locked_person(session, person_id)
        if person.role == role:
            return
        before, had = person.role, _admins(deps, session)
        roster.set_person_role(session, person_id, role)
        _must_keep_an_admin(deps, session, had, person)
        record(session, deps, viewer, Action.ROLE_CHANGED, object_type="person", object_id=person_id,
               changed={"name": (person.name, person.name), "role": (before, role)})  # fmt: skip


def disable_person(deps: Deps, viewer: Viewer, person_id: str) -> None:
    """The person is out at their next run or request, and so are their tokens. Raises as `set_role`."""
    viewer.must(Do.MANAGE_PEOPLE)
    with deps.store.begin() as session:
        person = _locked_person(session, person_id)
        if person.disabled_at is not None:
            return
        had = _admins(deps, session)
        roster.set_person_disabled(session, person_id, deps.clock.now())
        _must_keep_an_admin(deps, session, had, person)
        sessions.end_sessions_of(session, person_id, at=deps.clock.now())
        _record(session, deps, viewer, Action.PERSON_DISABLED, person)


def enable_person(deps: Deps, viewer: Viewer, person_id: str) -> None:
    """The person may sign in again, and their tokens open what they opened. Raises NotAllowed, NotFound."""
    viewer.must(Do.MANAGE_PEOPLE)
    with deps.store.begin() as session:
        person = _locked_person(session, person_id)
        if person.disabled_at is not None:
            roster.set_person_disabled(session, person_id, None)
            _record(session, deps, viewer, Action.PERSON_ENABLED, person)


def end_sessions(deps: Deps, viewer: Viewer, person_id: str) -> int:
    """They have to sign in again everywhere; returns how many sessions ended. Raises NotAllowed, NotFound."""
    viewer.must(Do.MANAGE_PEOPLE)
    with deps.store.begin() as session:
        person = roster.get_person(session, person_id)
        ended = sessions.end_sessions_of(session, person_id, at=deps.clock.now())
        if ended:
            _record(session, deps, viewer, Action.SESSION_ENDED, person)
    return ended


def _locked_person(session: Session, person_id: str) -> Person:
    """The person as they are now; nobody else changes what anybody may do until this is committed."""
    acquire_advisory_lock(session, ROLES_LOCK)
    return roster.get_person(session, person_id)


def _record(session: Session, deps: Deps, viewer: Viewer, action: Action, person: Person) -> None:
    record(session, deps, viewer, action, object_type="person", object_id=person.id,
           changed={"name": (person.name, person.name)})  # fmt: skip


def _admins(deps: Deps, session: Session) -> int:
    return sum(_decided(deps, known)[0] is Role.ADMIN for known in roster.list_people(session))


def _must_keep_an_admin(deps: Deps, session: Session, had: int, person: Person) -> None:
    if had and not _admins(deps, session):
        raise StateConflict(
            f"{person.name} is the last admin; nothing was changed. Make somebody else an admin first."
        )


def _decided(deps: Deps, known: KnownPerson) -> tuple[Role | None, str]:
    person = known.person
    if person.disabled_at is not None:
        return None, DISABLED
    return role_now(
        deps.settings, role=person.role, issuer=person.issuer, subject=person.subject, email=person.email,
        provider=known.provider, claims=known.claims,
    )  # fmt: skip


def _view(deps: Deps, known: KnownPerson, opened: dict[str, int], tokens: dict[str, int]) -> PersonView:
    person, (role, why) = known.person, _decided(deps, known)
    return PersonView(
        person.id, person.name, person.email, role, why, Role(person.role) if person.role else None,
        person.disabled_at is not None, person.seen_at, opened.get(person.id, 0), tokens.get(person.id, 0),
    )  # fmt: skip
