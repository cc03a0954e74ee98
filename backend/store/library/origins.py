"""Which takes were made from which. What a new one was made from is written by `fast.take.insert_take`."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select as columns
from sqlmodel import Session, col

from backend.domain.library.origin import Origin
from backend.domain.library.review import OriginHow
from backend.models import Job, TakeOrigin
from backend.store.database.rows import one_of

#: How a take is made that was asked for again on purpose, though its inputs are those of another one.
ON_PURPOSE = (OriginHow.RETRY, OriginHow.VARIED)


def made_from(
    session: Session, job_ids: Collection[str], *, owners: Sequence[str] | None = None
) -> Mapping[str, list[Origin]]:
    """What each of these takes was made from, as far as that is these owners' (None: anybody's)."""
    return _others(session, TakeOrigin.job_id, TakeOrigin.from_id, job_ids, owners)


def led_to(
    session: Session, from_ids: Collection[str], *, owners: Sequence[str] | None = None
) -> Mapping[str, list[Origin]]:
    """What was made from each of these takes, oldest first, as far as that is these owners'."""
    return _others(session, TakeOrigin.from_id, TakeOrigin.job_id, from_ids, owners)


def made_on_purpose(session: Session, job_ids: Collection[str]) -> set[str]:
    """Those of these takes that repeat another one because somebody wanted just that."""
    query = columns(col(TakeOrigin.job_id)).where(
        col(TakeOrigin.job_id).in_(job_ids), col(TakeOrigin.how).in_(ON_PURPOSE)
    )
    return set(session.connection().execute(query).scalars())


def _others(
    session: Session, of: str, other: str, ids: Collection[str], owners: Sequence[str] | None
) -> Mapping[str, list[Origin]]:
    query = columns(col(of), col(other), col(TakeOrigin.how)).where(col(of).in_(ids))
    query = query.join(Job, col(Job.id) == col(other))
    if owners is not None:
        query = query.where(one_of(Job.owner, owners))
    found = defaultdict(list)
    for of_id, other_id, how in session.connection().execute(query.order_by(col(other), TakeOrigin.how)):
        found[of_id].append(Origin(other_id, OriginHow(how)))
    return dict(found)


def seen_takes(session: Session, ids: Collection[str], owners: Sequence[str] | None) -> set[str]:
    """Those of these ids that are takes, of these owners or of anybody."""
    query = columns(col(Job.id)).where(col(Job.id).in_(ids))
    query = query if owners is None else query.where(one_of(Job.owner, owners))
    return set(session.connection().execute(query).scalars())
