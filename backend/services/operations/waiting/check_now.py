"""*Check now*: a take is looked at at once, whatever its pause until the next try says."""

from datetime import timedelta

from backend.domain.errors import StateConflict
from backend.domain.states import ENDED_STATES
from backend.domain.trouble import Trouble
from backend.models import Job
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.operations.waiting.why import why_waiting
from backend.services.takes.held_choices import record_decision
from backend.store.jobs import jobs

#: After a look that went wrong a person's own comes no sooner: several faults in a row are believed, and
#: must not come of somebody's impatience.
AFTER_FAULT = timedelta(seconds=5)


def check_now(deps: Deps, viewer: Viewer, job_id: str) -> Job:
    """Have this take looked at now, or five seconds after the last look that failed; its pauses stay as long.

    Raises:
        NotFound, NotAllowed: not this viewer's to change.
        StateConflict: it waits for nothing, or a look now would find nothing out; says why.
    """
    take = gallery.get_take(deps, viewer, job_id)
    viewer.must_change(take.job.owner)
    waiting = why_waiting(deps, take)
    if waiting is None:
        raise StateConflict("This take waits for nothing.")
    if not waiting.may_check:
        raise StateConflict(waiting.why_not)
    now = deps.clock.now()
    with deps.store.begin() as session:
        job = jobs.get(session, job_id)
        trouble = Trouble.of(job.error)
        failed_at = trouble.at if trouble is not None and job.attempts else None
        at = now if failed_at is None else max(now, failed_at + AFTER_FAULT)
        ended_meanwhile = job.state in ENDED_STATES and job.state != take.job.state
        if ended_meanwhile or (job.due_at is not None and job.due_at <= at):
            return job
        record_decision(deps, session, viewer, job_id, "check now")
        return deps.wake_job(session, job_id, at=at)
