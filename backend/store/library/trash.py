"""Takes in the trash whose time is over."""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from backend.models import Job
from backend.store.jobs.transitions import JOB_TABLE


def list_due(session: Session, *, before: datetime, limit: int) -> list[str]:
    """Ids of takes that have been in the trash since then, and still have their files, the longest first."""
    query = select(Job.id).where(col(Job.trashed_at) <= before, col(Job.emptied_at).is_(None))
    return list(session.exec(query.order_by(col(Job.trashed_at)).limit(limit)))


def mark_emptied(session: Session, job_id: str, *, at: datetime) -> None:
    """A take has no files any more; whoever has it in hand must notice."""
    gone = {"emptied_at": at, "video_id": None, "version": JOB_TABLE.c.version + 1}
    session.connection().execute(update(JOB_TABLE).where(JOB_TABLE.c.id == job_id).values(gone))
