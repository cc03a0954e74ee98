"""A take that somebody asked for: its row, the first line of its history, what it reserves in the ledger."""

from sqlmodel import Session

from backend.domain.states import JobEvent
from backend.models import History, Job, LedgerEntry
from backend.store.fast.row_insert import insert_values, non_null_columns
from backend.store.money import ledger


def insert_take(session: Session, job: Job, *, by: str, reserved: ledger.Reservation) -> Job:
    """Put a new job in, with the first line of its history and of the ledger; its `state` is where it starts.

    Afterwards the job is a plain value, unknown to the session: the transaction may share its commit.

    Raises:
        IntegrityError: its owner has used its form key.
    """
    insert_values(session, Job, non_null_columns(job))
    created = {"event": JobEvent.CREATED, "state": job.state, "at": job.created_at, "by": by}
    insert_values(session, History, {"job_id": job.id, **created})
    insert_values(session, LedgerEntry, ledger.reservation_columns(job, reserved))
    return job
