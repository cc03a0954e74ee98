"""API tokens; only hashes of their secrets are kept."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, update
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.models import Token
from backend.store.database.engine import Store

_BY_ID = columns(col(Token.name), col(Token.role), col(Token.secret_sha256), col(Token.revoked_at)).where(
    col(Token.id) == bindparam("token_id")
)


def insert_token(session: Session, token: Token) -> Token:
    """Put a new token in; its name is unique."""
    session.add(token)
    session.flush()
    return token


class TokenRecord(NamedTuple):
    """What a request's token is checked against."""

    name: str
    role: str
    secret_sha256: str
    revoked_at: datetime | None


def find_by_id(store: Store, token_id: str) -> TokenRecord | None:
    """The token with this id, revoked or not. Every request asks, so it is one bare statement."""
    rows = store.query(_BY_ID, {"token_id": token_id})
    return TokenRecord(*rows[0]) if rows else None


def by_name(session: Session, name: str) -> Token | None:
    """The token with this name, revoked or not."""
    return session.exec(select(Token).where(Token.name == name)).first()


def revoke_token(session: Session, token_id: str, *, at: datetime) -> None:
    """Revoke a token: from now on it is refused."""
    session.exec(update(Token).where(col(Token.id) == token_id).values(revoked_at=at))
