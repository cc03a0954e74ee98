"""Whoever something belongs to, when the program goes on with it while they aren't here themselves."""

from sqlmodel import Session

from backend.domain.access.origin import Origin, Via
from backend.domain.access.roles import Role
from backend.models import Token
from backend.services.access import Kind, Viewer, local_viewer
from backend.services.deps import Deps
from backend.services.team.person_roles import role_now
from backend.store.records import tokens
from backend.store.team import roster
from backend.store.team.roster import KnownPerson
from backend.team_settings import TakesVisible

#: What the program does by itself.
BY_ITSELF = Origin(Via.WORKER)


def owner_viewer(deps: Deps, session: Session, name: str) -> Viewer | None:
    """Whoever has this name, with the role of now; None: nobody may come in by it any more.

    It has no scopes: what a token was allowed to ask for was judged when it asked.
    """
    if name == deps.settings.local_name:
        return local_viewer(deps, Via.WORKER)
    for known in roster.list_people(session, name=name):
        return _person(deps, known)
    token = tokens.by_name(session, name)
    return _service(deps, token) if token is not None and token.person_id is None else None


def _person(deps: Deps, known: KnownPerson) -> Viewer | None:
    person = known.person
    if person.disabled_at is not None:
        return None
    role = role_now(
        deps.settings, role=person.role, issuer=person.issuer, subject=person.subject, email=person.email,
        provider=known.provider, claims=known.claims,
    ).role  # fmt: skip
    if role is None:
        return None
    return Viewer(
        person.name, role, person_id=person.id, sees_team=_sees_team(deps), origin=BY_ITSELF,
        of_creator=role is Role.CREATOR,
    )  # fmt: skip


def _service(deps: Deps, token: Token) -> Viewer | None:
    expired = token.expires_at is not None and token.expires_at <= deps.clock.now()
    if token.revoked_at is not None or expired:
        return None
    return Viewer(
        token.name, Role(token.role), Kind.TOKEN, token_id=token.id, sees_team=_sees_team(deps),
        origin=BY_ITSELF,
    )  # fmt: skip


def _sees_team(deps: Deps) -> bool:
    return deps.settings.takes_visible == TakesVisible.TEAM
