"""Models on offer, as the provider last listed them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, select

from backend.models import CatalogueEntry
from backend.store.database.locks import acquire_advisory_lock


def list_all(session: Session) -> Sequence[CatalogueEntry]:
    """Every model that was ever listed, by id."""
    return session.exec(select(CatalogueEntry).order_by(CatalogueEntry.id)).all()


def replace_all(session: Session, rows: Iterable[tuple[str, dict[str, Any]]], *, at: datetime) -> None:
    """These models instead of all that were there. rows: (id, the model as plain data)."""
    acquire_advisory_lock(session, "offers")
    session.exec(delete(CatalogueEntry))
    table = CatalogueEntry.__table__  # type: ignore[attr-defined]  # SQLModel gives it one
    values = [{"id": model_id, "data": data, "at": at} for model_id, data in rows]
    if values:
        session.connection().execute(table.insert(), values)
