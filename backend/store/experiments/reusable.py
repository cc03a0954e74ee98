"""Stored takes that could stand in for new ones: whole, seen by who asks, and not in the trash."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Select
from sqlalchemy import select as columns
from sqlmodel import Session, col

from backend.domain.states import JobState
from backend.models import Job, TakeInputs, Video
from backend.store.database.rows import one_of

#: Values that one statement names.
CHUNK = 500
#: Takes of the last minutes that are looked at one by one; more come only where no worker sweeps.
UNNOTED_MAX = 20_000
_MADE_OF = ("id", "provider", "model", "payload", "image", "image_field", "images")


def noted_takes(
    session: Session, digests: Collection[str], owners: Sequence[str] | None
) -> Iterator[tuple[str, str]]:
    """(digest, take) of those whose inputs are written down, the oldest first within a digest."""
    named: Any = columns(col(TakeInputs.input_sha256), col(Job.id))
    query = _whole(named, owners).join(TakeInputs, col(TakeInputs.job_id) == col(Job.id))
    wanted = sorted(digests)
    for start in range(0, len(wanted), CHUNK):
        some = wanted[start : start + CHUNK]
        found = session.connection().execute(
            query.where(col(TakeInputs.input_sha256).in_(some)).order_by(col(Job.id))
        )
        yield from ((str(digest), str(take)) for digest, take in found)


def unnoted_takes(
    session: Session, models: Collection[str], owners: Sequence[str] | None, *, after: str
) -> Sequence[Any]:
    """What later takes of these models were made of, the oldest first: (id, provider, model, payload …)."""
    query = _whole(columns(*[col(getattr(Job, name)) for name in _MADE_OF]), owners)
    later = query.where(col(Job.id) > after, col(Job.model).in_(models))
    return session.connection().execute(later.order_by(col(Job.id)).limit(UNNOTED_MAX)).all()


def _whole(query: Select[Any], owners: Sequence[str] | None) -> Select[Any]:
    """Of a query of jobs: those that are stored, with a file that was decoded to its end and is there."""
    query = (
        query.select_from(Job)
        .join(Video, col(Video.id) == col(Job.video_id))
        .where(
            col(Job.state) == JobState.STORED,
            col(Job.trashed_at).is_(None),
            col(Video.missing_at).is_(None),
            col(Video.checked),
        )
    )
    return query if owners is None else query.where(one_of(Job.owner, owners))
