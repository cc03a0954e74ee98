"""The inbox: every webhook call that was believed, as it came, once."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, text, update
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.domain.kinds import Verdict
from backend.models import Delivery
from backend.store.database.rows import get_row, insert_row

#: The verdict of nearly all; the others are in an index, which these never touch.
APPLIED = Verdict.APPLIED
_OTHERS = text("delivery.verdict <> 'applied'")


class EarlierDelivery(NamedTuple):
    """What is known of a delivery that came before."""

    id: str
    body_sha256: str
    verdict: str


def list_earlier(session: Session, request_id: str, status: str) -> Sequence[EarlierDelivery]:
    """What came before for this request with this status word, oldest first."""
    query = select(Delivery.id, Delivery.body_sha256, Delivery.verdict)
    query = query.where(Delivery.request_id == request_id, Delivery.status == status)
    return [EarlierDelivery(*row) for row in session.exec(query.order_by(Delivery.id))]


def insert_delivery(session: Session, delivery: Delivery) -> Delivery:
    """Put a delivery in the inbox."""
    insert_row(session, delivery)
    return delivery


def count_copy(session: Session, delivery_id: str, *, at: datetime) -> None:
    """The same call came again."""
    session.exec(
        update(Delivery).where(col(Delivery.id) == delivery_id).values(copies=Delivery.copies + 1, last_at=at)
    )


def count_replay(session: Session, delivery_id: str) -> None:
    """A person had it applied again."""
    session.exec(update(Delivery).where(col(Delivery.id) == delivery_id).values(replays=Delivery.replays + 1))


def get(session: Session, delivery_id: str) -> Delivery:
    """The delivery; NotFound when there is none with that id."""
    return get_row(session, Delivery, delivery_id, "There is no delivery with that id.")


def of_job(session: Session, job_id: str) -> Sequence[Delivery]:
    """Every delivery for a job, oldest first."""
    return session.exec(select(Delivery).where(Delivery.job_id == job_id).order_by(Delivery.id)).all()


def list_newest(
    session: Session, *, limit: int, verdict: str | None = None, before: str | None = None
) -> Sequence[Delivery]:
    """A page of the inbox, newest first; `before`: the last id of the page before."""
    query = select(Delivery)
    if verdict:
        query = query.where(Delivery.verdict == verdict)
        if verdict != APPLIED:  # the index of the others can be used only by who says so
            query = query.where(_OTHERS)
    if before:
        query = query.where(Delivery.id < before)
    return session.exec(query.order_by(col(Delivery.id).desc()).limit(limit)).all()


def count_from(session: Session, first_id: str) -> tuple[int, str | None]:
    """(how many deliveries have this id or a later one, the last of these); (0, None): none has."""
    query = columns(func.count(), func.max(col(Delivery.id))).where(col(Delivery.id) >= first_id)
    number, last_id = session.connection().execute(query).one()
    return int(number), last_id


def next_id(session: Session, *, after: str, until: str) -> str | None:
    """The next delivery behind `after`, up to and with `until`; None: there is none."""
    query = select(Delivery.id).where(col(Delivery.id) > after, col(Delivery.id) <= until)
    return session.exec(query.order_by(col(Delivery.id)).limit(1)).first()


def count_by_verdict(session: Session, *, after: str, before: str, limit: int) -> tuple[dict[str, int], str]:
    """(verdict -> number, the last id that was counted) of the oldest deliveries between two ids.

    At most `limit` are counted. What was counted once need not be again: no delivery is ever removed, and
    its verdict stays.
    """
    some = (
        columns(col(Delivery.id), col(Delivery.verdict))
        .where(col(Delivery.id) > after, col(Delivery.id) < before)
        .order_by(col(Delivery.id))
        .limit(limit)
        .subquery()
    )
    query = columns(some.c.verdict, func.count(), func.max(some.c.id)).group_by(some.c.verdict)
    rows = session.connection().execute(query).all()
    return {row[0]: row[1] for row in rows}, max((row[2] for row in rows), default=after)
