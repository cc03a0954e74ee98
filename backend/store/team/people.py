"""People: found by who an issuer says that they are, each with a name of their own."""

from datetime import datetime

from sqlalchemy import func, or_, update
from sqlmodel import Session, col, select

from backend.domain.access.roles import Role
from backend.models import Job, Person, Token


def find_person(session: Session, issuer: str, subject: str) -> Person | None:
    """The person whom this issuer calls so."""
    return session.exec(select(Person).where(Person.issuer == issuer, Person.subject == subject)).first()


def insert_person(session: Session, person: Person) -> None:
    """Put a new person in. Raises IntegrityError: the identity or the name was taken meanwhile."""
    session.add(person)
    session.flush()


def note_seen(session: Session, person_id: str, *, at: datetime, **values: str | None) -> None:
    """The person was here. values: what else is known of them now (`email`)."""
    session.exec(update(Person).where(col(Person.id) == person_id).values(seen_at=at, **values))


def is_name_taken(session: Session, name: str) -> bool:
    """Does a person or a token have this name, in whatever case, or a take or token of its making?"""
    folded = name.lower()
    for column in (col(Person.name), col(Token.name), col(Token.created_by)):
        same = or_(column == name, func.lower(column) == folded)
        if session.exec(select(column).where(same).limit(1)).first() is not None:
            return True
    return session.exec(select(Job.id).where(Job.owner == name).limit(1)).first() is not None


def has_admin(session: Session) -> bool:
    """Is anybody who may come in an admin by their row?"""
    found = select(Person.id).where(Person.role == Role.ADMIN, col(Person.disabled_at).is_(None)).limit(1)
    return session.exec(found).first() is not None
