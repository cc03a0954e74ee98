"""Saved views: filters and an order under a name."""

from collections.abc import Sequence

from sqlalchemy import delete, func, or_
from sqlmodel import Session, col, select

from backend.models import SavedView
from backend.store.database.locks import acquire_advisory_lock
from backend.store.database.rows import get_row


def list_visible(session: Session, owners: Sequence[str]) -> Sequence[SavedView]:
    """Those of these owners and those that the team shares, by name."""
    seen = or_(col(SavedView.owner).in_(owners), col(SavedView.shared))
    return session.exec(select(SavedView).where(seen).order_by(SavedView.folded, SavedView.id)).all()


def get_view(session: Session, view_id: str) -> SavedView:
    """Raises NotFound."""
    return get_row(session, SavedView, view_id, "There is no saved view with that id.")


def count_owned(session: Session, owner: str) -> int:
    """How many somebody has."""
    return session.exec(select(func.count()).where(SavedView.owner == owner)).one()


def put_view(session: Session, view: SavedView) -> SavedView:
    """This view, in place of its owner's of the same name, whose id it keeps."""
    acquire_advisory_lock(session, f"views:{view.owner}")
    kept = session.exec(
        select(SavedView).where(SavedView.owner == view.owner, SavedView.folded == view.folded)
    ).one_or_none()
    if kept is None:
        session.add(view)
        return view
    kept.name, kept.shared, kept.query, kept.changed_at = view.name, view.shared, view.query, view.changed_at
    session.add(kept)
    return kept


def is_free(session: Session, view: SavedView, folded: str) -> bool:
    """Has its owner no other view of this name? Until the transaction ends none comes."""
    acquire_advisory_lock(session, f"views:{view.owner}")
    others = select(SavedView.id).where(
        SavedView.owner == view.owner, SavedView.folded == folded, SavedView.id != view.id
    )
    return session.exec(others).first() is None


def delete_view(session: Session, view_id: str) -> None:
    """Take it away."""
    session.exec(delete(SavedView).where(col(SavedView.id) == view_id))
