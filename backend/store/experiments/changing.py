"""What changes of an experiment's cells while it runs. Only with the experiment's row locked."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, update
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.domain.experiments.words import TrialOrigin, TrialState
from backend.domain.states import JobState
from backend.models import Cell, ExperimentAxis, Job, Trial


class CellEnd(NamedTuple):
    """Where the places of a cell end: the last number, and the highest seed, if they have seeds."""

    number: int
    seed: int | None


def list_standing(session: Session, experiment_id: str) -> Sequence[Cell]:
    """The cells that were not dropped, in order."""
    query = select(Cell).where(Cell.experiment_id == experiment_id, col(Cell.dropped_at).is_(None))
    return session.exec(query.order_by(col(Cell.position))).all()


def cell_ends(session: Session, experiment_id: str) -> dict[str, CellEnd]:
    """cell -> where its places end."""
    query = (
        columns(col(Trial.cell_id), func.max(col(Trial.number)), func.max(col(Trial.seed)))
        .where(col(Trial.experiment_id) == experiment_id)
        .group_by(col(Trial.cell_id))
    )
    found = session.connection().execute(query)
    return {str(cell): CellEnd(int(number), seed) for cell, number, seed in found}


def used_takes(session: Session, experiment_id: str) -> dict[str, set[str]]:
    """cell -> the takes that stand in it, or stood."""
    query = columns(col(Trial.cell_id), col(Trial.job_id)).where(
        col(Trial.experiment_id) == experiment_id, col(Trial.job_id).is_not(None)
    )
    used: dict[str, set[str]] = {}
    for cell, job in session.connection().execute(query):
        used.setdefault(str(cell), set()).add(str(job))
    return used


def drop_cells(session: Session, cell_ids: Sequence[str], *, at: datetime, why: str) -> None:
    """These cells get no take any more; places that have none are dropped with them."""
    session.connection().execute(
        update(Cell).where(col(Cell.id).in_(cell_ids)).values(dropped_at=at, dropped_why=why)
    )
    waits = col(Trial.state).in_((TrialState.PLANNED, TrialState.BLOCKED))
    session.connection().execute(
        update(Trial).where(col(Trial.cell_id).in_(cell_ids), waits).values(state=TrialState.DROPPED, why=why)
    )


def list_unsent(session: Session, cell_ids: Sequence[str]) -> Sequence[str]:
    """The takes that were made for these cells and are not sent yet."""
    query = (
        select(Job.id)
        .join(Trial, col(Trial.job_id) == col(Job.id))
        .where(col(Trial.cell_id).in_(cell_ids), Trial.origin != TrialOrigin.REUSED)
        .where(Job.state == JobState.CREATED)
    )
    return session.exec(query).all()


def replace_axes(session: Session, axes: Sequence[ExperimentAxis]) -> None:
    """Axes have these levels from now on."""
    for axis in axes:
        one = update(ExperimentAxis).where(
            col(ExperimentAxis.experiment_id) == axis.experiment_id, col(ExperimentAxis.name) == axis.name
        )
        session.connection().execute(one.values(levels=axis.levels))
