"""What a provider says of a finished request, applied to its job; webhooks, polls and searches meet here."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Unpack

from sqlmodel import Session

from backend.domain import policy
from backend.domain.errors import StaleState
from backend.domain.links import is_named
from backend.domain.output_files import OutputFile, main_first
from backend.domain.states import TRANSITIONS, JobEvent, JobState
from backend.domain.trouble import Charged, Trouble
from backend.models import Job, JobColumns, JobHead
from backend.providers.base import Errored, Finished, Outcome, Unclear
from backend.services.gallery.take_files import named_by_hand
from backend.services.money import budgets, settling
from backend.services.takes.cancel import cancelled_by
from backend.store.jobs import jobs
from backend.store.records import take_files

UNCLEAR_TEXT = (
    "The provider is asked for its result now and then. What was received stands below: if you find the "
    "file's link in it, name it and the file is downloaded; or send it again, or give up."
)
#: What the history says where a person named the link of a held take.
NAMED_NOTE = "a person named its link"
NOT_SENT_AGAIN_TEXT = "It is not sent again by itself. You can edit and rerun it."


def apply_outcome(
    session: Session,
    job: Job | JobHead,
    outcome: Outcome,
    *,
    at: datetime,
    by: str,
    lease_token: str | None = None,
    by_person: bool = False,
    **values: Unpack[JobColumns],
) -> Job:
    """Record how a request ended; returns the job as it is then.

    by_person: somebody decided so, also against an earlier decision to do without its files.

    Where there is a video, the worker brings it home; a failure is not sent again. Where a person has named
    a link meanwhile, what the provider made comes beside that file, or in place of a link without one.

    Raises:
        StaleState: the job is past that already.
    """
    if isinstance(outcome, Finished) and awaits_provider(session, job):
        named = jobs.get(session, job.id)
        changes = replacing_named(session, named, outcome, at=at)
        return jobs.make_due(session, job.id, at=at, **(changes | values))
    event, note = _event(job, outcome), None
    given_up = job.state == JobState.CANCELLED and job.rendered_at is not None
    # Before a line of the ledger is written for it.
    if (given_up and not by_person) or job.state not in TRANSITIONS[event][0]:
        raise StaleState(f"the job {job.id} is past that")
    if isinstance(outcome, Finished):
        changes = rendered_values(outcome, at=at)
        # It counts again; one that had not ended stopped counting only if a person wrote it off.
        if job.ended_at is not None or job.state == JobState.HELD:
            changes |= budgets.restore_reservation(session, job, at=at)
        if job.ended_at or job.state == JobState.HELD:
            note = f"it came although the take was {job.state}" if "rendered_at" in changes else NAMED_NOTE
    elif isinstance(outcome, Unclear):
        changes, note = _unclear_values(outcome, at=at), "finished, and not understood"
    else:
        has_id = bool(values.get("request_id") or job.request_id)
        if event == JobEvent.CANCELLED:
            by = job.cancel_requested_by or by
            outcome = replace(outcome, message=cancelled_by(job.cancel_requested_by, outcome.message))
        changes = _failed_values(outcome, has_id=has_id, at=at)
    if outcome.billable_units is not None:  # where the answer says nothing, the bill is asked for later
        changes |= settling.settle_bill(session, job, outcome.billable_units, at=at)
    changes |= values
    return jobs.advance(session, job.id, event, at=at, by=by, lease_token=lease_token, note=note, **changes)


def awaits_provider(session: Session, job: Job | JobHead) -> bool:
    """Is there a file only by a link that a person named, and the provider's own word still to come?"""
    if job.state not in (JobState.RENDERED, JobState.STORED) or job.rendered_at is not None:
        return False
    return named_by_hand(jobs.get(session, job.id))


def replacing_named(session: Session, job: Job, finished: Finished, *, at: datetime) -> JobColumns:
    """What a job says whose link a person named, once the provider says what it made.

    A file that came by that link stays one of the take's; a link by which none came is forgotten.
    """
    named = named_and_ours(session, job)
    links = {file.url for file in named}
    others = [file for file in finished.files if file.url not in links]
    finished = replace(finished, files=[*others, *named])
    changes = rendered_values(finished, at=at) | {"rendered_at": at, "error": None, "attempts": 0}
    del changes["due_at"]
    if finished.billable_units is not None:
        changes |= settling.settle_bill(session, job, finished.billable_units, at=at)
    return changes


def named_and_ours(session: Session, job: Job) -> list[OutputFile]:
    """The files of a job that came by links that a person named."""
    rows = take_files.of_jobs(session, [job.id]).get(job.id, [])
    ours = {row.role for row, _ in rows if row.video_id is not None}
    named = [OutputFile.of(kept) for kept in job.outputs or ()]
    return [file for file in named if is_named(file.role) and file.role in ours]


def rendered_values(finished: Finished, *, at: datetime) -> JobColumns:
    """What a job says of files that there are for it, whatever the job was before.

    A link that a person named is not the provider's word that it has rendered anything.
    """
    main = main_first(finished.files)[0]
    values: JobColumns = {
        "due_at": at,
        "queue_position": None,
        "result_url": main.url,
        "result_size_bytes": main.size_bytes,
        "result": finished.output,
        "outputs": [file.as_json() for file in finished.files],
        "fetched_bytes": None,
        "fetch_total_bytes": None,
    }
    return values if is_named(main.role) else {**values, "rendered_at": at}


def _failed_values(failed: Errored, *, has_id: bool, at: datetime) -> JobColumns:
    cost = was_charged(failed)
    trouble = Trouble(failed.code, failed.message, cost, NOT_SENT_AGAIN_TEXT, at, failed.detail)
    changes: JobColumns = {"queue_position": None, "error": trouble.as_json()}
    if cost == Charged.MAYBE and has_id:  # the provider is asked what it billed
        changes |= {"due_at": at, "polls": 0, "attempts": 0}
    return changes


def _unclear_values(unclear: Unclear, *, at: datetime) -> JobColumns:
    """The provider made something that nobody here can find: a person decides."""
    charged = Charged.YES if unclear.billable_units else Charged.MAYBE
    trouble = Trouble("unclear_result", unclear.message, charged, UNCLEAR_TEXT, at, unclear.detail)
    due_at = at + timedelta(seconds=policy.RECONCILE_FIRST_S)
    came = _as_object(unclear.detail)  # stays, whatever becomes of the trouble
    return {"queue_position": None, "error": trouble.as_json(), "due_at": due_at, "result": came}


def _as_object(output: Any) -> dict[str, Any] | None:
    return output if isinstance(output, dict) or output is None else {"output": output}


def _event(job: Job | JobHead, result: Outcome) -> JobEvent:
    if isinstance(result, Finished):
        return JobEvent.FINISHED
    if isinstance(result, Unclear):
        return JobEvent.UNANSWERED  # a word that older programs know, too
    stopped = result.cancelled and job.cancel_requested_at is not None
    return JobEvent.CANCELLED if stopped else JobEvent.ERRORED


def was_charged(failed: Errored) -> Charged:
    """Did this failure cost money? A provider's own fault doesn't; a refusal after GPU time may."""
    if failed.cancelled or failed.billable_units == 0:
        return Charged.NO
    if failed.billable_units:
        return Charged.YES
    return Charged.NO if failed.own_fault else Charged.MAYBE
