"""Experiments with their axes, cells and trials: written in few statements, read in few."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import func, insert
from sqlalchemy import select as columns
from sqlmodel import Session, SQLModel, col, select

from backend.models import Cell, Criterion, Experiment, ExperimentAxis, FindingRow, Job, Trial, Vote
from backend.store.database.rows import one_of
from backend.store.experiments import counting


class TrialNow(NamedTuple):
    """A trial, and how its take is."""

    id: str
    experiment_id: str
    cell_id: str
    number: int
    state: str  #: a `TrialState`
    wave: int
    seed: int | None
    job_id: str | None
    origin: str | None
    attempt: int
    why: str | None
    job_state: str | None  #: a `JobState`; None: it has no take


_TRIAL_NOW = (
    *(getattr(Trial, name) for name in TrialNow._fields[:-1]),
    col(Job.state).label("job_state"),
)


def insert_rows(session: Session, rows: Sequence[SQLModel]) -> None:
    """Put in rows of one table, in one statement."""
    if rows:
        table = type(rows[0])
        values = [{name: getattr(row, name) for name in table.model_fields} for row in rows]
        session.connection().execute(insert(table), values)


def find_by_key(session: Session, owner: str, key: str) -> Experiment | None:
    """What this owner has asked for with this idempotency key, if anything."""
    query = select(Experiment).where(Experiment.owner == owner, Experiment.idempotency_key == key)
    return session.exec(query).first()


def list_experiments(
    session: Session, owners: Sequence[str] | None, *, before: str | None, limit: int
) -> Sequence[Experiment]:
    """Experiments of these owners or of all, the newest first. before: only those with an id below it."""
    query = select(Experiment)
    if owners is not None:
        query = query.where(one_of(Experiment.owner, owners))
    if before is not None:
        query = query.where(col(Experiment.id) < before)
    return session.exec(query.order_by(col(Experiment.id).desc()).limit(limit)).all()


def list_names(session: Session, owners: Sequence[str] | None) -> dict[str, str]:
    """id -> name, of all experiments, or of those of these owners."""
    query = columns(col(Experiment.id), col(Experiment.name))
    if owners is not None:
        query = query.where(one_of(Experiment.owner, owners))
    return {str(one): str(name) for one, name in session.connection().execute(query)}


def list_axes(session: Session, experiment_id: str) -> Sequence[ExperimentAxis]:
    """Its axes, in order."""
    query = select(ExperimentAxis).where(ExperimentAxis.experiment_id == experiment_id)
    return session.exec(query.order_by(col(ExperimentAxis.position))).all()


def list_cells(session: Session, experiment_ids: Collection[str]) -> Sequence[Cell]:
    """The cells of these experiments, in order, also those that were dropped."""
    query = select(Cell).where(col(Cell.experiment_id).in_(experiment_ids))
    return session.exec(query.order_by(col(Cell.experiment_id), col(Cell.position))).all()


def list_trials(session: Session, experiment_ids: Collection[str]) -> list[TrialNow]:
    """The trials of these experiments and how their takes are, by cell and number."""
    query = (
        columns(*_TRIAL_NOW)
        .join_from(Trial, Job, col(Job.id) == col(Trial.job_id), isouter=True)
        .where(col(Trial.experiment_id).in_(experiment_ids))
        .order_by(col(Trial.experiment_id), col(Trial.cell_id), col(Trial.number))
    )
    return list(map(TrialNow._make, session.connection().execute(query).all()))


def count_cells(session: Session, experiment_ids: Collection[str]) -> dict[str, int]:
    """id -> how many cells it has, also those that were dropped."""
    query = columns(col(Cell.experiment_id), func.count()).where(col(Cell.experiment_id).in_(experiment_ids))
    found = session.connection().execute(query.group_by(col(Cell.experiment_id)))
    return {str(one): int(number) for one, number in found}


def count_trials(session: Session, experiment_ids: Collection[str]) -> list[tuple[str, str, str | None, int]]:
    """(experiment, state of the trial, state of its take if it has one, how many)."""
    what = col(Trial.experiment_id), col(Trial.state), col(Job.state)
    query = (
        columns(*what, func.count())
        .join_from(Trial, Job, col(Job.id) == col(Trial.job_id), isouter=True)
        .where(col(Trial.experiment_id).in_(experiment_ids))
        .group_by(*what)
    )
    return [(one, state, job, int(number)) for one, state, job, number in session.connection().execute(query)]


def list_criteria(session: Session, experiment_id: str) -> Sequence[Criterion]:
    """Its own questions, the first one first."""
    query = select(Criterion).where(Criterion.experiment_id == experiment_id)
    return session.exec(query.order_by(col(Criterion.id))).all()


def count_votes(session: Session, experiment_ids: Collection[str]) -> dict[str, int]:
    """id -> votes that were not taken back."""
    query = (
        columns(col(Vote.experiment_id), func.count())
        .where(col(Vote.experiment_id).in_(experiment_ids), counting.stands())
        .group_by(col(Vote.experiment_id))
    )
    return {str(one): int(number) for one, number in session.connection().execute(query)}


def newest_findings(session: Session, experiment_ids: Collection[str]) -> dict[str, FindingRow]:
    """id -> what was found last, of its first question."""
    first = counting.first_questions(session, experiment_ids)
    query = select(FindingRow).where(col(FindingRow.experiment_id).in_(experiment_ids))
    found = session.exec(query.order_by(col(FindingRow.at))).all()
    return {row.experiment_id: row for row in found if row.criterion_id == first[row.experiment_id]}
