"""How many takes were approved or selected, of those that are asked about."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func
from sqlalchemy import select as columns
from sqlmodel import Session, col

from backend.domain.library.review import ReviewState
from backend.models import Job, LedgerEntry
from backend.store.money.spend_sums import ids_of_days, within, within_reason
from backend.store.money.take_sums import belonging, belongs_to

#: What counts as picked by the team.
PICKED = (ReviewState.SELECTED, ReviewState.APPROVED)


def count_picks(
    session: Session, *, since: str | None, until: str | None, fitting: Mapping[str, Any]
) -> dict[ReviewState, int]:
    """review -> how many takes of these days have it, of those of `PICKED`; as `spend_sums.sum_by` asks."""
    since, until = within_reason(since, until)
    first, behind = ids_of_days(since, until)
    lines = columns(col(LedgerEntry.day)).where(col(LedgerEntry.job_id) == col(Job.id))
    said: list[Any] = [
        lines.order_by(col(LedgerEntry.id) + 0).limit(1).scalar_subquery().label("day"),
        col(Job.owner),
        col(Job.model),
        func.coalesce(col(Job.template_version), 0).label("template"),
        *(belongs_to(name) for name in belonging(*fitting)),
        col(Job.review),
    ]
    picked = columns(*said).where(col(Job.review).in_([str(state) for state in PICKED]))
    picked = picked.where(col(Job.id) >= (first or ""), col(Job.id) < (behind or "~"))
    fit = within(columns(*picked.subquery().c), since, until, fitting).subquery()
    found = session.connection().execute(columns(fit.c.review, func.count()).group_by(fit.c.review))
    return {ReviewState(review): number for review, number in found}
