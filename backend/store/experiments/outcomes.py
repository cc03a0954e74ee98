"""What became of the takes of an experiment: what they count for, and which of them failed."""

from collections.abc import Collection, Sequence

from sqlalchemy import BigInteger, Select, and_, case, cast, func, insert, or_, update
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.domain.experiments.words import TrialOrigin, TrialState
from backend.domain.states import JobState
from backend.models import Cell, Experiment, Job, LedgerEntry, Trial

#: Both were ended by the provider; a take that a person stopped says nothing of its prompt.
ENDED = (JobState.STORED, JobState.FAILED)


def counted_micros(session: Session, experiment_id: str) -> int:
    """What the takes that were made for an experiment count for in its cap, in millionths of a USD.

    A take counts for its estimate, or for its bill where that is more; for nothing once it is known that
    nothing was billed.
    """
    return int(session.connection().execute(_counted(experiment_id)).scalar_one())


def _counted(experiment_id: str) -> Select[int]:
    line = LedgerEntry
    total = cast(func.sum(col(line.micros)), BigInteger)
    estimate = func.coalesce(func.max(col(Trial.estimate_micros)), 0)
    free = and_(func.count(col(line.id)) > 1, total <= 0)
    counts = case((free, 0), (total > estimate, total), else_=estimate)
    each = (
        columns(counts.label("micros"))
        .select_from(Trial)
        .join(line, col(line.job_id) == col(Trial.job_id))
        .where(col(Trial.experiment_id) == experiment_id, col(Trial.job_id).is_not(None))
        .where(col(Trial.origin) != TrialOrigin.REUSED)
        .group_by(col(Trial.id))
        .subquery()
    )
    return columns(cast(func.coalesce(func.sum(each.c.micros), 0), BigInteger))


def spent_micros(session: Session, experiment_ids: Collection[str]) -> dict[str, int]:
    """experiment -> what its takes were billed or, until their bills come, have reserved, as budgets say."""
    rows = session.connection().execute(
        columns(col(Trial.experiment_id), cast(func.sum(col(LedgerEntry.micros)), BigInteger))
        .join(LedgerEntry, col(LedgerEntry.job_id) == col(Trial.job_id))
        .where(col(Trial.experiment_id).in_(experiment_ids), col(Trial.job_id).is_not(None))
        .where(col(Trial.origin) != TrialOrigin.REUSED)
        .group_by(col(Trial.experiment_id))
    )
    return {str(one): int(micros) for one, micros in rows}


def count_ended(session: Session, experiment_id: str, *, wave: int) -> tuple[int, int]:
    """(how many takes made in this wave have failed, how many have ended), without those made again since."""
    failed = func.coalesce(func.sum(case((col(Job.state) == JobState.FAILED, 1), else_=0)), 0)
    found = session.connection().execute(
        columns(failed, func.count())
        .select_from(Trial)
        .join(Job, col(Job.id) == col(Trial.job_id))
        .where(col(Trial.experiment_id) == experiment_id, col(Trial.state) == TrialState.MADE)
        .where(col(Trial.wave) >= wave, col(Trial.origin) != TrialOrigin.REUSED)
        .where(col(Job.state).in_(ENDED))
    )
    bad, ended = found.one()
    return int(bad), int(ended)


def list_failed(session: Session, experiment_id: str) -> Sequence[Trial]:
    """The places whose take has failed."""
    query = (
        select(Trial)
        .join(Job, col(Job.id) == col(Trial.job_id))
        .join(Cell, col(Cell.id) == col(Trial.cell_id))
        .where(Trial.experiment_id == experiment_id, Trial.state == TrialState.MADE)
        .where(Job.state == JobState.FAILED, col(Cell.dropped_at).is_(None))
        .order_by(col(Trial.id))
    )
    return session.exec(query).all()


def list_failed_cells(session: Session, experiment_id: str) -> Sequence[Cell]:
    """The cells that were not dropped, of which a take has failed or could not be made."""
    failed = col(Trial.state) == TrialState.MADE, col(Job.state) == JobState.FAILED
    query = (
        select(Cell)
        .join(Trial, col(Trial.cell_id) == col(Cell.id))
        .join(Job, col(Job.id) == col(Trial.job_id), isouter=True)
        .where(Cell.experiment_id == experiment_id, col(Cell.dropped_at).is_(None))
        .where(or_(col(Trial.state) == TrialState.BLOCKED, and_(*failed)))
        .order_by(col(Cell.position))
    )
    return list({cell.id: cell for cell in session.exec(query)}.values())


def last_numbers(session: Session, cell_ids: Sequence[str]) -> dict[str, int]:
    """cell -> the number of its last place."""
    rows = session.connection().execute(
        columns(col(Trial.cell_id), func.max(col(Trial.number)))
        .where(col(Trial.cell_id).in_(cell_ids))
        .group_by(col(Trial.cell_id))
    )
    return {str(cell): int(number) for cell, number in rows}


def replace_trials(session: Session, old: Sequence[Trial], new: Sequence[Trial]) -> None:
    """New places stand in for these."""
    ids = [trial.id for trial in old]
    session.connection().execute(update(Trial).where(col(Trial.id).in_(ids)).values(state=TrialState.RETRIED))
    names = list(Trial.model_fields)
    session.connection().execute(
        insert(Trial), [{name: getattr(trial, name) for name in names} for trial in new]
    )


def set_spent(session: Session, experiment_id: str, micros: int) -> None:
    """What its takes count for now. Only with the experiment's row locked."""
    session.connection().execute(
        update(Experiment).where(col(Experiment.id) == experiment_id).values(spent_micros=micros)
    )
