"""The takes of experiments, for whoever looks for takes."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, case, cast, func
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.domain.experiments.words import TrialOrigin
from backend.models import Cell, Experiment, Job, LedgerEntry, Trial
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


def named_places(session: Session, ids: Sequence[str]) -> list[tuple[Experiment, Cell | None]]:
    """Experiments and cells among these ids; each cell with its experiment."""
    whole = select(Experiment).where(one_of(Experiment.id, list(ids)))
    of_cells = (
        select(Experiment, Cell)
        .join(Cell, col(Cell.experiment_id) == col(Experiment.id))
        .where(one_of(Cell.id, list(ids)))
    )
    return [
        *((one, None) for one in session.exec(whole)),
        *((one, cell) for one, cell in session.exec(of_cells)),
    ]


class Place(NamedTuple):
    """Where a take stands that was made for an experiment."""

    trial: Trial
    cell_is_dropped: bool


def experiment_of(session: Session, job_id: str) -> str | None:
    """The experiment that a take was made for, or was asked for again; None: none."""
    found = find_place(session, job_id)
    return found.trial.experiment_id if found is not None else None


def find_place(session: Session, job_id: str) -> Place | None:
    """Its place in the experiment that it was made for, as it is now; None: it was made for none."""
    query = (
        select(Trial, col(Cell.dropped_at).is_not(None))
        .join(Cell, col(Cell.id) == col(Trial.cell_id))
        .where(Trial.job_id == job_id, Trial.origin != TrialOrigin.REUSED)
        .execution_options(populate_existing=True)
    )
    row = session.exec(query.limit(1)).first()
    return None if row is None else Place(row[0], bool(row[1]))


class TakeFigures(NamedTuple):
    """What a take of a cell cost and how long it took."""

    cell_id: str
    job_id: str
    state: str  #: a `JobState`
    micros: int | None  #: what it counts for, in millionths of a USD; None: no price is known
    submitted_at: datetime | None
    rendered_at: datetime | None
    reused: bool  #: it was there before, and cost this experiment nothing


def list_figures(session: Session, experiment_id: str) -> list[TakeFigures]:
    """Of every take of an experiment, also of those that others stand for by now.

    A take counts for the sum of its lines, as everywhere: its bill, until then its estimate, nothing where
    nothing was charged.
    """
    line = LedgerEntry
    known = func.count(case((col(line.source) != "unknown", 1)))
    counted = (
        columns(
            col(line.job_id).label("job_id"), cast(func.sum(col(line.micros)), BigInteger).label("micros"),
            known.label("known"),
        )
        .where(col(line.job_id).in_(select(Trial.job_id).where(Trial.experiment_id == experiment_id)))
        .group_by(col(line.job_id))
        .subquery()
    )  # fmt: skip
    query = (
        columns(
            col(Trial.cell_id), col(Job.id), col(Job.state), case((counted.c.known > 0, counted.c.micros)),
            col(Job.submitted_at), col(Job.rendered_at), col(Trial.origin) == TrialOrigin.REUSED,
        )
        .join(Job, col(Job.id) == col(Trial.job_id))
        .outerjoin(counted, counted.c.job_id == col(Job.id))
        .where(col(Trial.experiment_id) == experiment_id)
        .order_by(col(Trial.id))
    )  # fmt: skip
    return [TakeFigures._make(row) for row in session.execute(query)]
