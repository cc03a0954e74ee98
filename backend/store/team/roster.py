"""Everybody who came once, with what was said of them at their newest sign-in."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from backend.models import LoginSession, Person, Token
from backend.store.database.rows import get_row

_Other = aliased(LoginSession)
#: Of one person, by `Person.id` of the statement around it.
_NEWEST = (
    select(col(_Other.id))
    .where(col(_Other.person_id) == col(Person.id))
    .order_by(col(_Other.begun_at).desc())
    .limit(1)
    .correlate(Person)
    .scalar_subquery()
)


class KnownPerson(NamedTuple):
    """A person, and what their provider said of them last; None: they always came by a proxy."""

    person: Person
    provider: str | None
    claims: Mapping[str, Any] | None


def list_people(session: Session, *, only: str | None = None, name: str | None = None) -> list[KnownPerson]:
    """Everybody, by name. only: the person with this id. name: the one with this name."""
    query = (
        select(Person, LoginSession.provider, LoginSession.claims)
        .outerjoin(LoginSession, col(LoginSession.id) == _NEWEST)
        .order_by(func.lower(Person.name), col(Person.id))
        .execution_options(populate_existing=True)
    )
    if only is not None:
        query = query.where(Person.id == only)
    if name is not None:
        query = query.where(Person.name == name)
    return [KnownPerson(*row) for row in session.exec(query).all()]


def get_person(session: Session, person_id: str) -> Person:
    """The person; NotFound when there is none with that id."""
    return get_row(session, Person, person_id, "There is no person with that id.")


def set_person_role(session: Session, person_id: str, role: str | None) -> None:
    """The role that wins over the rules; None: by the rules."""
    session.exec(update(Person).where(col(Person.id) == person_id).values(role=role))


def set_person_disabled(session: Session, person_id: str, at: datetime | None) -> None:
    """From when on the person may not come in; None: they may."""
    session.exec(update(Person).where(col(Person.id) == person_id).values(disabled_at=at))


def count_open_sessions(session: Session, *, begun_after: datetime, seen_after: datetime) -> dict[str, int]:
    """How many sessions each person has that aren't over: person's id -> number."""
    query = (
        select(col(LoginSession.person_id), func.count())
        .where(col(LoginSession.ended_at).is_(None), col(LoginSession.begun_at) > begun_after)
        .where(col(LoginSession.seen_at) > seen_after)
        .group_by(col(LoginSession.person_id))
    )
    return dict(session.exec(query).all())


def count_tokens(session: Session, *, now: datetime) -> dict[str, int]:
    """How many tokens act as each person: person's id -> number."""
    lasting = col(Token.expires_at).is_(None) | (col(Token.expires_at) > now)
    query = (
        select(col(Token.person_id), func.count())
        .where(col(Token.person_id).is_not(None), col(Token.revoked_at).is_(None), lasting)
        .group_by(col(Token.person_id))
    )
    return {person: number for person, number in session.exec(query).all() if person is not None}
