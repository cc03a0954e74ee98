"""What a person decides about a held job: keep waiting, send again, give up."""

from dataclasses import replace
from datetime import datetime

from sqlmodel import Session

from backend.domain.errors import StaleState, StateConflict
from backend.domain.states import JobEvent, JobState
from backend.domain.trouble import Charged, Trouble
from backend.models import Job
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.services.takes import create
from backend.services.takes.cancel import cancel_job, cancelled_by, stopped_by_person
from backend.services.takes.request import repeat_request
from backend.services.takes.to_change import get_to_change
from backend.store.jobs import jobs


def keep_waiting(deps: Deps, viewer: Viewer, job_id: str) -> Job:
    """Go on waiting, and look for the job at its provider right now.

    Raises:
        NotFound, NotAllowed: not this viewer's to decide.
        StateConflict: the job is not held (any more).
    """
    job = _held(deps, viewer, job_id)
    with deps.store.begin() as session:
        record_decision(deps, session, viewer, job.id, "keep waiting")
        return deps.wake_job(session, job.id, at=deps.clock.now(), attempts=0)


def send_again(deps: Deps, viewer: Viewer, job_id: str) -> Job:
    """Make a new job that names the held one and asks for the same; the old one stays watched.

    A person pays twice if both were accepted, so only a person may do this. The old one ends with the
    commit that makes the new one: pressed twice, or while the old one moves on by itself, it makes one job.

    Raises:
        NotFound, NotAllowed: not this viewer's to decide.
        StateConflict: the job is not held (any more).
        InvalidRequest: what was asked for can't be asked for any more.
    """
    held = _held(deps, viewer, job_id)

    def end(session: Session, again: Job) -> None:
        if jobs.head(session, held.id).state != JobState.HELD:
            raise StaleState(f"the job {held.id} is no longer held")
        next_step = f"Retried as {again.id}. Should its own video come too, it is kept."
        trouble, note = Trouble.of(held.error), f"Retried as {again.id}"
        now, by = deps.clock.now(), viewer.name
        said = replace(trouble, message=cancelled_by(by, trouble.message)) if trouble else _replaced(by, now)
        error = replace(said, next_step=next_step).as_json()
        record_decision(deps, session, viewer, held.id, f"Retried as {again.id}")
        jobs.advance(session, held.id, JobEvent.CANCELLED, at=now, by=by, note=note, error=error)

    key, replaced = jobs.again_key(held.id), create.ReplacedJob(held.id, end)
    try:
        return create.create_job(
            deps, viewer, repeat_request(held, same_template=True), idempotency_key=key, replaces=replaced
        )
    except StaleState:
        raise StateConflict("This take has moved on by itself; there is nothing to decide.") from None


def give_up(deps: Deps, viewer: Viewer, job_id: str) -> Job:
    """Stop waiting; a video that comes anyway is kept and shown. Raises as `keep_waiting` does."""
    _held(deps, viewer, job_id)
    return cancel_job(deps, viewer, job_id)


def record_decision(deps: Deps, session: Session, viewer: Viewer, job_id: str, decision: str) -> None:
    """Write down what somebody decided about a take."""
    changed = {"decision": (None, decision)}
    record(session, deps, viewer, Action.TAKE_DECIDED, object_type="take", object_id=job_id, changed=changed)


def _replaced(by: str, at: datetime) -> Trouble:
    return stopped_by_person(by, Charged.MAYBE, "A retry was sent.", at=at)


def _held(deps: Deps, viewer: Viewer, job_id: str) -> Job:
    with deps.store.read() as session:
        job = get_to_change(session, viewer, job_id)
    if job.state != JobState.HELD:
        raise StateConflict(f"This take is {job.state} now; there is nothing to decide.")
    return job
