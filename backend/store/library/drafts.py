"""Forms that nobody sent yet, one for each person."""

from collections.abc import Sequence

from sqlalchemy import delete as remove
from sqlmodel import Session, col, select

from backend.models import Draft
from backend.store.database.rows import one_of


def newest(session: Session, owners: Sequence[str]) -> Draft | None:
    """What a person's form held, under any of their names."""
    query = select(Draft).where(one_of(Draft.owner, owners)).order_by(col(Draft.changed_at).desc())
    return session.exec(query).first()


def put(session: Session, draft: Draft) -> None:
    """Keep a draft in place of the one that its owner has."""
    session.merge(draft)


def delete(session: Session, owners: Sequence[str]) -> None:
    """Forget a person's drafts."""
    session.execute(remove(Draft).where(one_of(Draft.owner, owners)))
