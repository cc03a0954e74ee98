"""A take that somebody is about to change: the one place that says whether it is theirs to change."""

from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.models import Job
from backend.services.access import Viewer
from backend.store.jobs import jobs


def get_to_change(session: Session, viewer: Viewer, job_id: str) -> Job:
    """The job with this id, for who may change it.

    Raises:
        NotAllowed: 403; it may be seen, and is not this viewer's to change.
        NotFound: there is none with that id that this viewer may see.
    """
    viewer.must(Do.CHANGE_OWN)
    job = jobs.get(session, job_id)
    viewer.must_change(job.owner)
    return job
