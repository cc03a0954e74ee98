"""The takes of experiments, for whoever looks for takes."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.domain.experiments.words import TrialOrigin
from backend.models import Experiment, Job, Trial
from backend.store.database.rows import one_of


def is_there(session: Session, experiment_id: str) -> bool:
    """Is there an experiment with this id?"""
    return session.get(Experiment, experiment_id) is not None


def list_takes(session: Session, *, experiment: str | None, cells: Sequence[str]) -> list[str]:
    """The ids of the takes of these cells, and of this experiment if one is named."""
    query = select(Trial.job_id).where(col(Trial.job_id).is_not(None))
    if experiment is not None:
        query = query.where(Trial.experiment_id == experiment)
    if cells:
        query = query.where(one_of(Trial.cell_id, list(cells)))
    return [job_id for job_id in session.exec(query) if job_id is not None]


class TakeFigures(NamedTuple):
    """What a take of a cell cost and how long it took."""

    cell_id: str
    job_id: str
    state: str  #: a `JobState`
    cost_usd: float | None  #: billed, else estimated
    submitted_at: datetime | None
    rendered_at: datetime | None
    reused: bool  #: it was there before, and cost this experiment nothing


def list_figures(session: Session, experiment_id: str) -> list[TakeFigures]:
    """Of every take of an experiment, also of those that others stand for by now."""
    query = (
        columns(
            col(Trial.cell_id), col(Job.id), col(Job.state),
            func.coalesce(col(Job.billed_usd), col(Job.estimate_usd)), col(Job.submitted_at),
            col(Job.rendered_at), col(Trial.origin) == TrialOrigin.REUSED,
        )
        .join(Job, col(Job.id) == col(Trial.job_id))
        .where(col(Trial.experiment_id) == experiment_id)
        .order_by(col(Trial.id))
    )  # fmt: skip
    return [TakeFigures._make(row) for row in session.execute(query)]
