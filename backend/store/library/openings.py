"""Which takes somebody has opened, since when that is noted."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select as columns
from sqlalchemy import update
from sqlmodel import Session, col

from backend.domain.states import JobState
from backend.models import Job
from backend.store.database.rows import one_of
from backend.store.jobs.transitions import JOB_TABLE
from backend.store.records import key_values

#: The fact that says after which take openings are noted; there is none where they always were.
NOTED_FACT = "opened"
_UNOPENED = (col(Job.state) == JobState.STORED, col(Job.opened_at).is_(None))


def list_unopened(
    session: Session, job_ids: Collection[str], owners: Collection[str] | None = None
) -> list[str]:
    """Which of these takes are stored, and were never opened. owners: of theirs alone."""
    query = columns(col(Job.id)).where(col(Job.id).in_(job_ids), *_UNOPENED)
    if owners is not None:
        query = query.where(one_of(Job.owner, list(owners)))
    return list(session.connection().execute(query).scalars())


def mark_opened(session: Session, job_ids: Collection[str], *, at: datetime) -> None:
    """Those of these takes that are stored and were never opened are opened now."""
    of_these = update(JOB_TABLE).where(JOB_TABLE.c.id.in_(job_ids), *_UNOPENED)
    session.connection().execute(of_these.values(opened_at=at))


def first_noted(session: Session) -> str:
    """Openings are noted of takes after this id; "": of all."""
    said = key_values.get_value(session, NOTED_FACT)
    return str(said["after"]) if said else ""
