"""API tokens; only hashes of their secrets are kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, or_, update
from sqlalchemy import select as columns
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from backend.models import Job, LoginSession, Person, Token
from backend.store.database.engine import Store

_Other = aliased(LoginSession)
#: The newest sign-in of the token's person.
_NEWEST = (
    columns(col(_Other.id))
    .where(col(_Other.person_id) == col(Token.person_id))
    .order_by(col(_Other.begun_at).desc())
    .limit(1)
    .correlate(Token)
    .scalar_subquery()
)
_BY_ID = (
    columns(
        col(Token.name),
        col(Token.role),
        col(Token.secret_sha256),
        col(Token.revoked_at),
        col(Token.scopes),
        col(Token.expires_at),
        col(Token.last_used_at),
        col(Token.person_id),
        col(Person.name),
        col(Person.role),
        col(Person.disabled_at),
        col(Person.issuer),
        col(Person.subject),
        col(Person.email),
        col(LoginSession.provider),
        col(LoginSession.claims),
    )
    .select_from(Token)
    .outerjoin(Person, col(Person.id) == col(Token.person_id))
    .outerjoin(LoginSession, col(LoginSession.id) == _NEWEST)
    .where(col(Token.id) == bindparam("token_id"))
)


def insert_token(session: Session, token: Token) -> Token:
    """Put a new token in; its name is unique."""
    session.add(token)
    session.flush()
    return token


class TokenRecord(NamedTuple):
    """What a request's token is checked against, with its person as they are now.

    provider, claims: those of their newest sign-in.
    """

    name: str
    role: str
    secret_sha256: str
    revoked_at: datetime | None
    scopes: list[str] | None
    expires_at: datetime | None
    last_used_at: datetime | None
    person_id: str | None
    person_name: str | None
    person_role: str | None
    disabled_at: datetime | None
    issuer: str | None
    subject: str | None
    email: str | None
    provider: str | None
    claims: dict[str, Any] | None


def find_by_id(store: Store, token_id: str) -> TokenRecord | None:
    """The token with this id, revoked or not. Every request asks, so it is one bare statement."""
    rows = store.query(_BY_ID, {"token_id": token_id})
    return TokenRecord(*rows[0]) if rows else None


def get_by_id(session: Session, token_id: str) -> Token | None:
    """The token with this id, revoked or not."""
    return session.get(Token, token_id)


def by_name(session: Session, name: str) -> Token | None:
    """The token with this name, revoked or not."""
    return session.exec(select(Token).where(Token.name == name)).first()


def is_own(*, name: str, person_id: str | None, token_id: str | None) -> ColumnElement[bool]:
    """Tokens that act as somebody, that they made, or that are the one by which they call."""
    theirs = and_(col(Token.person_id).is_not(None), col(Token.person_id) == person_id)
    return or_(theirs, col(Token.created_by) == name, col(Token.id) == token_id)


def count_alive(session: Session, created_by: str, *, now: datetime) -> int:
    """How many tokens somebody made that open something now."""
    alive = or_(col(Token.expires_at).is_(None), col(Token.expires_at) > now)
    query = select(func.count()).select_from(Token).where(Token.created_by == created_by, alive)
    return session.exec(query.where(col(Token.revoked_at).is_(None))).one()


def list_not_revoked(
    session: Session, only: ColumnElement[bool] | None = None
) -> Sequence[tuple[Token, str | None]]:
    """(token, the name of the person whom it acts as) for all that aren't revoked, newest first."""
    query = (
        select(Token, Person.name)
        .outerjoin(Person, col(Person.id) == col(Token.person_id))
        .where(col(Token.revoked_at).is_(None))
        .order_by(col(Token.created_at).desc(), col(Token.id))
    )
    if only is not None:
        query = query.where(only)
    return session.exec(query).all()


def is_somebodys_name(session: Session, name: str) -> bool:
    """Is a person called so, in whatever case, or do takes stand under this name?"""
    person = exists().where(func.lower(col(Person.name)) == name.lower())
    takes = exists().where(col(Job.owner) == name)
    return bool(session.connection().execute(columns(or_(person, takes))).scalar())


def has_made_tokens(session: Session, name: str) -> bool:
    """Was a token made under this name, in whatever case? Who has the name may revoke what it made."""
    made = exists().where(func.lower(col(Token.created_by)) == name.lower())
    return bool(session.connection().execute(columns(made)).scalar())


def rename_token(session: Session, token_id: str, name: str) -> None:
    """Give a token another name."""
    session.exec(update(Token).where(col(Token.id) == token_id).values(name=name))


def revoke_token(session: Session, token_id: str, *, at: datetime) -> None:
    """Revoke a token: from now on it is refused."""
    session.exec(update(Token).where(col(Token.id) == token_id).values(revoked_at=at))


def touch_token(session: Session, token_id: str, *, at: datetime, unless_after: datetime) -> None:
    """Write down that the token was used, unless that was done after this moment."""
    late = or_(col(Token.last_used_at).is_(None), col(Token.last_used_at) <= unless_after)
    session.exec(update(Token).where(col(Token.id) == token_id, late).values(last_used_at=at))
