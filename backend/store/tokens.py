"""API tokens; only hashes of their secrets are kept."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from backend.models import Token


def add(session: Session, token: Token) -> Token:
    """Put a new token in; its name is unique."""
    session.add(token)
    session.flush()
    return token


def get(session: Session, token_id: str) -> Token | None:
    """The token with this id, revoked or not."""
    return session.get(Token, token_id)


def by_name(session: Session, name: str) -> Token | None:
    """The token with this name, revoked or not."""
    return session.exec(select(Token).where(Token.name == name)).first()


def all_of(session: Session) -> Sequence[Token]:
    """Every token, by name."""
    return session.exec(select(Token).order_by(Token.name)).all()


def revoke(session: Session, token_id: str, *, at: datetime) -> None:
    """From now on this token opens nothing."""
    session.exec(update(Token).where(col(Token.id) == token_id).values(revoked_at=at))
