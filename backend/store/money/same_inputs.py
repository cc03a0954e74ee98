"""Takes that were made of the same inputs as an earlier one."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, insert, text, update
from sqlalchemy import select as columns
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from backend.domain.experiments.words import TrialOrigin
from backend.domain.states import JobState
from backend.models import Job, TakeInputs, Trial

#: Takes in these states brought nothing: to ask for the same again is no waste.
_LOST = (JobState.FAILED, JobState.CANCELLED)
_MADE_OF = ("id", "owner", "parent_id", "provider", "model", "payload", "image", "image_field", "images",
            "created_at")  # fmt: skip
_NAME_TWINS = text(
    "UPDATE take_inputs SET twin_id = (SELECT e.job_id FROM take_inputs e JOIN job j ON j.id = e.job_id"
    " WHERE e.sha256 = take_inputs.sha256 AND e.job_id < take_inputs.job_id"
    " AND e.job_id >= take_inputs.since_id AND j.state NOT IN ('failed', 'cancelled')"
    " ORDER BY e.job_id DESC LIMIT 1) WHERE job_id >= :first AND job_id <= :last"
)


def list_takes(session: Session, *, after: str, before: str, limit: int) -> Sequence[Any]:
    """What the next takes between these ids were made of, oldest first."""
    query: Select[Any] = columns(*[col(getattr(Job, name)) for name in _MADE_OF])
    between = query.where(col(Job.id) > after, col(Job.id) < before)
    return session.connection().execute(between.order_by(col(Job.id)).limit(limit)).all()


def list_undigested(session: Session, *, limit: int) -> Sequence[Any]:
    """What takes were made of whose rows lack the digest that is the same for everybody, oldest first."""
    query: Select[Any] = columns(*[col(getattr(Job, name)) for name in _MADE_OF])
    lacking = query.join(TakeInputs, col(TakeInputs.job_id) == col(Job.id)).where(
        col(TakeInputs.input_sha256).is_(None)
    )
    return session.connection().execute(lacking.order_by(col(TakeInputs.job_id)).limit(limit)).all()


def fill_digests(session: Session, rows: Sequence[Mapping[str, str]]) -> None:
    """Give rows that there are {job_id, input_sha256, sha256}; their twins stay as they were found."""
    one = update(TakeInputs).where(col(TakeInputs.job_id) == bindparam("of_job"))
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("input_sha256", "sha256")}
    session.connection().execute(
        one.values(values),
        [{"of_job": row["job_id"], **{f"new_{name}": row[name] for name in values}} for row in rows],
    )


def insert_inputs(session: Session, rows: Sequence[Mapping[str, str]]) -> None:
    """Keep {job_id, input_sha256, sha256, since_id} of takes, oldest first, and name their twins."""
    session.connection().execute(insert(TakeInputs), [dict(row) for row in rows])
    span = {"first": rows[0]["job_id"], "last": rows[-1]["job_id"]}
    session.connection().execute(_NAME_TWINS, span)


def where_duplicate(query: Select[Any]) -> Select[Any]:
    """Of a query of jobs: those that were billed for what an earlier take had brought, or still brought.

    Takes of an experiment are none of them: each cell is made several times on purpose.
    """
    twin = aliased(Job)
    return (
        query.join(TakeInputs, col(TakeInputs.job_id) == col(Job.id))
        .join(twin, col(twin.id) == col(TakeInputs.twin_id))
        .where(
            col(TakeInputs.twin_id).is_not(None),
            col(twin.state) == JobState.STORED,
            col(Job.billed_usd) > 0,
            col(Job.state).not_in(_LOST),
            ~made_for_experiment(),
        )
    )


def made_for_experiment() -> ColumnElement[bool]:
    """Was a `Job` of a query made for an experiment?"""
    made = columns(col(Trial.job_id)).where(
        col(Trial.job_id) == col(Job.id), col(Trial.origin) != TrialOrigin.REUSED
    )
    return made.correlate(Job).exists()
