"""A failed take is asked for once more, as a new take that names it."""

from sqlmodel import Session

from backend.domain.errors import StaleState, StateConflict
from backend.domain.library.review import OriginHow, short_id
from backend.domain.states import JobState
from backend.models import Job
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.takes import create
from backend.services.takes.request import repeat_request
from backend.services.takes.to_change import get_to_change
from backend.store.jobs import jobs
from backend.store.library import origins


def retry_job(deps: Deps, viewer: Viewer, job_id: str) -> Job:
    """Make a new job that asks for the same as a failed one, and names it. It is paid like any other.

    A take is retried once, however often and by however many this is asked; if that fails too, it is that
    one which can be retried.

    Raises:
        NotFound, NotAllowed: not this viewer's to retry.
        StateConflict: it has not failed, or was retried before.
        InvalidRequest: what was asked for can't be asked for any more.
        BudgetExceeded: a limit would be passed; no job was made.
    """
    failed = _failed(deps, viewer, job_id)

    def check_again(session: Session, again: Job) -> None:
        if jobs.head(session, failed.id).state != JobState.FAILED:
            raise StaleState(f"the job {failed.id} is no longer failed")
        _check_first(session, failed, but=again.id)

    key, replaced = jobs.again_key(failed.id), create.ReplacedJob(failed.id, check_again)
    try:
        return create.create_job(
            deps, viewer, repeat_request(failed, same_template=True), idempotency_key=key, replaces=replaced
        )
    except StaleState:
        raise StateConflict("This take has moved on by itself; there is nothing to retry.") from None


def _failed(deps: Deps, viewer: Viewer, job_id: str) -> Job:
    with deps.store.read() as session:
        job = get_to_change(session, viewer, job_id)
        _check_first(session, job)
    if job.state != JobState.FAILED:
        raise StateConflict(f"This take is {job.state}; only a failed one can be retried.")
    return job


def _check_first(session: Session, failed: Job, *, but: str = "") -> None:
    """Is there no retry of it yet? but: the one that is being made."""
    others = origins.led_to(session, [failed.id]).get(failed.id, [])
    known = [origin.take for origin in others if origin.how == OriginHow.RETRY and origin.take != but]
    if known:
        raise StateConflict(f"This take was retried before, as …{short_id(known[0])}.")
