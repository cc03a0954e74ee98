"""Plans that nobody kept as an experiment yet, one for each person."""

from collections.abc import Sequence

from sqlalchemy import delete as remove
from sqlmodel import Session, col, select

from backend.models import PlanDraft
from backend.store.database.rows import one_of


def newest(session: Session, owners: Sequence[str]) -> PlanDraft | None:
    """What a person's editor held, under any of their names."""
    query = (
        select(PlanDraft).where(one_of(PlanDraft.owner, owners)).order_by(col(PlanDraft.changed_at).desc())
    )
    return session.exec(query).first()


def put(session: Session, draft: PlanDraft) -> None:
    """Keep a draft in place of the one that its owner has."""
    session.merge(draft)


def delete(session: Session, owners: Sequence[str]) -> None:
    """Forget a person's drafts."""
    session.execute(remove(PlanDraft).where(one_of(PlanDraft.owner, owners)))
