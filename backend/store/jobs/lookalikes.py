"""Jobs that could be mistaken for one another when one is looked for at the provider."""

from collections.abc import Sequence

from sqlalchemy import or_
from sqlmodel import Session, col, select

from backend.domain.states import JobState
from backend.models import Job

#: Jobs whose request may stand in the provider's records without a request id on the row.
REQUEST_ID_UNKNOWN = (JobState.SUBMITTING, JobState.HELD, JobState.CANCELLED)


def lookalikes(session: Session, job: Job, *, limit: int = 200) -> Sequence[Job]:
    """Other jobs for the same model whose request id is unknown, the newest first."""
    return session.exec(
        select(Job)
        .where(Job.provider == job.provider, Job.model == job.model, Job.id != job.id)
        .where(col(Job.request_id).is_(None), col(Job.state).in_(REQUEST_ID_UNKNOWN))
        .where(or_(col(Job.state) == JobState.SUBMITTING, col(Job.submitted_at).is_not(None)))
        .order_by(col(Job.id).desc())
        .limit(limit)
    ).all()
