"""Deliveries that were refused: how many for each reason, and when. Nothing of what they brought."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from backend.models import RefusedDeliveries
from backend.store.database.locks import acquire_advisory_lock
from backend.store.database.rows import insert_row


def count_refused(
    session: Session, reason: str, number: int, *, first_at: datetime, last_at: datetime
) -> None:
    """So many more were refused for this reason, between these moments."""
    acquire_advisory_lock(session, "refused_deliveries")
    known = session.get(RefusedDeliveries, reason, populate_existing=True)
    if known is None:
        insert_row(
            session, RefusedDeliveries(reason=reason, number=number, first_at=first_at, last_at=last_at)
        )
        return
    same = update(RefusedDeliveries).where(col(RefusedDeliveries.reason) == reason)
    values = {"number": RefusedDeliveries.number + number, "last_at": max(known.last_at, last_at)}
    session.connection().execute(same.values(**values))


def list_refused(session: Session) -> Sequence[RefusedDeliveries]:
    """Every reason, that of the newest refusal first."""
    query = select(RefusedDeliveries).order_by(col(RefusedDeliveries.last_at).desc())
    return session.exec(query).all()
