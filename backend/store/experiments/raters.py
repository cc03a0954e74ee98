"""Who judges an experiment, and what is asked of them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import or_, update
from sqlmodel import Session, col, select

from backend.models import Criterion, Experiment, ExperimentRater
from backend.store.database.locks import acquire_advisory_lock
from backend.store.database.rows import insert_row


def lock_rater(session: Session, experiment_id: str, rater: str) -> None:
    """Nothing else is written of this rater here until the transaction ends."""
    acquire_advisory_lock(session, f"rater:{experiment_id}:{rater}")


def find_rater(session: Session, experiment_id: str, rater: str) -> ExperimentRater | None:
    """What is known of somebody; None: nothing yet."""
    return session.get(ExperimentRater, (experiment_id, rater), populate_existing=True)


def list_raters(session: Session, experiment_id: str) -> Sequence[ExperimentRater]:
    """Everybody of whom something is known, by name."""
    query = select(ExperimentRater).where(ExperimentRater.experiment_id == experiment_id)
    return session.exec(query.order_by(col(ExperimentRater.rater))).all()


def put_rater(session: Session, experiment_id: str, rater: str, **values: Any) -> None:
    """Write these columns of somebody, known or not."""
    lock_rater(session, experiment_id, rater)
    if find_rater(session, experiment_id, rater) is None:
        insert_row(session, ExperimentRater(experiment_id=experiment_id, rater=rater, **values))
        return
    session.exec(
        update(ExperimentRater)
        .where(col(ExperimentRater.experiment_id) == experiment_id, col(ExperimentRater.rater) == rater)
        .values(**values)
    )


def set_open(session: Session, experiment_id: str, *, open_to_team: bool) -> None:
    """May everybody vote?"""
    session.exec(
        update(Experiment).where(col(Experiment.id) == experiment_id).values(open_to_team=open_to_team)
    )


def list_criteria(session: Session, experiment_id: str) -> Sequence[Criterion]:
    """What is asked here: its own questions first, then the team's; without those that are retired."""
    query = select(Criterion).where(
        or_(col(Criterion.experiment_id) == experiment_id, col(Criterion.experiment_id).is_(None)),
        col(Criterion.retired_at).is_(None),
    )
    found = session.exec(query.order_by(col(Criterion.id))).all()
    return sorted(found, key=lambda one: one.experiment_id is None)


def get_criterion(session: Session, criterion_id: str) -> Criterion | None:
    """One of them, retired or not; None: there is none."""
    return session.get(Criterion, criterion_id, populate_existing=True)


def keep_criterion(session: Session, criterion: Criterion) -> None:
    """Afterwards it is there, whoever was first."""
    acquire_advisory_lock(session, f"criterion:{criterion.id}")
    if get_criterion(session, criterion.id) is None:
        insert_row(session, criterion)


def retire_criterion(session: Session, criterion_id: str, at: Any) -> None:
    """It is not asked any more; what was answered stays."""
    session.exec(update(Criterion).where(col(Criterion.id) == criterion_id).values(retired_at=at))
