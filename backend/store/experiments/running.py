"""Experiments that are at work: which of their places get a take next, and what these may cost.

Whoever changes an experiment has its row locked first, then its trials, then jobs and ledger.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, func, not_, or_, update
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.domain.experiments.words import ExperimentState, TrialOrigin, TrialState
from backend.domain.states import ACTIVE_STATES, JobState
from backend.models import Cell, Experiment, Job, Trial
from backend.store.database.engine import Store
from backend.store.database.locks import row_lock
from backend.store.database.rows import get_row

NO_EXPERIMENT = "There is no experiment with that id."
#: In these takes are made.
GOING_STATES = (ExperimentState.CANARY, ExperimentState.RUNNING)
#: Of every trial's job the idempotency key begins so.
KEY_PREFIX = "trial:"
#: Trials of no wave yet; those that are made before a person says go on, and those of the wave after it. Each
#: time that somebody resumes it another wave begins.
NO_WAVE, CANARY_WAVE, FIRST_WAVE = 0, 1, 2
_GOING = (
    columns(col(Experiment.id))
    .where(or_(*(col(Experiment.state) == state for state in GOING_STATES)))
    .order_by(func.coalesce(col(Experiment.looked_at), col(Experiment.created_at)), col(Experiment.id))
)
_OF_TRIALS = col(Job.form_key).like(f"{KEY_PREFIX}%")


class NextTrial(NamedTuple):
    """A place without a take, and what is asked for there."""

    trial: Trial
    request: Mapping[str, Any]


class PlannedTrial(NamedTuple):
    """A place without a take, of which cell, and where that stands among the levels."""

    id: str
    cell_id: str
    number: int
    levels: Mapping[str, str]


def get(session: Session, experiment_id: str) -> Experiment:
    """The experiment as it is now, which nobody else changes while this one writes. Raises NotFound."""
    return get_row(session, Experiment, experiment_id, NO_EXPERIMENT, with_for_update=row_lock(session))


def query_going(store: Store) -> list[str]:
    """Ids of the experiments that takes are made for, whose turn was longest ago first. One statement."""
    return [row[0] for row in store.query(_GOING, {})]


def list_still(session: Session, *, before: datetime) -> Sequence[str]:
    """Experiments past their canary with places that wait, of which no take was made since that moment."""
    waits = select(Trial.id).where(Trial.experiment_id == Experiment.id, Trial.state == TrialState.PLANNED)
    last = func.coalesce(Experiment.looked_at, Experiment.started_at)
    query = select(Experiment.id).where(Experiment.state == ExperimentState.RUNNING, last < before)
    return session.exec(query.where(waits.exists()).order_by(col(Experiment.id))).all()


def list_standing(session: Session, *, before: datetime, by_hand: str, limit: int) -> Sequence[Experiment]:
    """Those that wait for somebody, the longest first: paused by themselves, or no take made since `before`.

    by_hand: how the words begin of those that a person has paused. Of one that runs, places wait for a take.
    """
    waits = select(Trial.id).where(Trial.experiment_id == Experiment.id, Trial.state == TrialState.PLANNED)
    last = func.coalesce(Experiment.looked_at, Experiment.started_at)
    paused = and_(
        col(Experiment.state) == ExperimentState.PAUSED,
        not_(col(Experiment.why).startswith(by_hand, autoescape=True)),
    )
    canary = and_(col(Experiment.state) == ExperimentState.CANARY, last < before)
    still = and_(col(Experiment.state) == ExperimentState.RUNNING, last < before, waits.exists())
    query = select(Experiment).where(or_(paused, canary, still)).order_by(last, col(Experiment.id))
    return session.exec(query.limit(limit)).all()


def next_trials(session: Session, experiment_id: str, *, canary: bool, limit: int) -> Sequence[NextTrial]:
    """The places that get a take next: every cell's first, then every cell's second …

    canary: only those that are made before a person says go on.
    """
    query = (
        select(Trial, Cell.request)
        .join(Cell, col(Cell.id) == col(Trial.cell_id))
        .where(Trial.experiment_id == experiment_id, Trial.state == TrialState.PLANNED)
        .where(col(Cell.dropped_at).is_(None))
        .order_by(col(Trial.number), col(Cell.position), col(Trial.id))
        .limit(limit)
    )
    if canary:
        query = query.where(Trial.wave == CANARY_WAVE)
    return [NextTrial(*row) for row in session.exec(query).all()]


def list_planned(session: Session, experiment_id: str) -> Sequence[PlannedTrial]:
    """Every place without a take, each cell's first ones first."""
    rows = session.exec(
        select(Trial.id, Trial.cell_id, Trial.number, Cell.levels)
        .join(Cell, col(Cell.id) == col(Trial.cell_id))
        .where(Trial.experiment_id == experiment_id, Trial.state == TrialState.PLANNED)
        .where(col(Cell.dropped_at).is_(None))
        .order_by(col(Trial.number), col(Cell.position))
    )
    return [PlannedTrial(*row) for row in rows.all()]


def count_in_flight(session: Session, experiment_id: str) -> int:
    """How many takes of this experiment are on their way: asked for, and not ended or held."""
    of_it = select(Trial.id).where(Trial.job_id == Job.id, Trial.experiment_id == experiment_id)
    on_way = select(func.count()).select_from(Job).where(col(Job.state).in_(ACTIVE_STATES))
    return session.exec(on_way.where(of_it.exists())).one()


def count_unsent(session: Session) -> int:
    """How many takes of all experiments wait to be sent."""
    unsent = select(func.count()).select_from(Job).where(Job.state == JobState.CREATED)
    return session.exec(unsent.where(_OF_TRIALS)).one()


def count_at_provider(session: Session, provider: str) -> int:
    """How many takes of all experiments are on their way at a provider."""
    on_way = select(func.count()).select_from(Job).where(col(Job.state).in_(ACTIVE_STATES))
    return session.exec(on_way.where(Job.provider == provider, _OF_TRIALS)).one()


def reserve(session: Session, experiment_id: str, micros: int, *, at: datetime) -> None:
    """Count a take for the experiment, which is made at that moment. Only with its row locked."""
    change(session, experiment_id, spent_micros=Experiment.spent_micros + micros, looked_at=at)


def note_made(session: Session, trial_id: str, *, job_id: str, micros: int, wave: int) -> bool:
    """The place has this take now, if it had none; had it?

    micros: what the take counts for in the cap. wave: of a place that belonged to none.
    """
    made = session.connection().execute(
        update(Trial)
        .where(col(Trial.id) == trial_id, col(Trial.state) == TrialState.PLANNED)
        .values(
            state=TrialState.MADE,
            job_id=job_id,
            estimate_micros=micros,
            origin=func.coalesce(col(Trial.origin), TrialOrigin.MADE),
            wave=func.coalesce(func.nullif(col(Trial.wave), NO_WAVE), wave),
            why=None,
        )
    )
    return made.rowcount == 1


def block(session: Session, trial_id: str, why: str) -> bool:
    """The place gets no take for now, and says why; False: it no longer waits for one."""
    blocked = session.connection().execute(
        update(Trial)
        .where(col(Trial.id) == trial_id, col(Trial.state) == TrialState.PLANNED)
        .values(state=TrialState.BLOCKED, why=why)
    )
    return blocked.rowcount == 1


def change(session: Session, experiment_id: str, **values: Any) -> None:
    """Write these columns of an experiment, and raise its version."""
    session.connection().execute(
        update(Experiment)
        .where(col(Experiment.id) == experiment_id)
        .values(**values, version=Experiment.version + 1)
    )


def newest_wave(session: Session, experiment_id: str) -> int:
    """The number of the newest wave; 0: there is none."""
    newest = select(func.coalesce(func.max(Trial.wave), 0)).where(Trial.experiment_id == experiment_id)
    return session.exec(newest).one()


def put_in_wave(session: Session, trial_ids: Sequence[str], wave: int) -> None:
    """These places belong to this wave."""
    session.connection().execute(update(Trial).where(col(Trial.id).in_(trial_ids)).values(wave=wave))


def begin_wave(session: Session, experiment_id: str) -> None:
    """Every place that waits, or could not get a take so far, belongs to a new wave, and is tried."""
    waits = col(Trial.state).in_((TrialState.PLANNED, TrialState.BLOCKED))
    wave = max(FIRST_WAVE, newest_wave(session, experiment_id) + 1)
    session.connection().execute(
        update(Trial)
        .where(col(Trial.experiment_id) == experiment_id, waits)
        .values(state=TrialState.PLANNED, why=None, wave=wave)
    )


def try_blocked_again(session: Session, experiment_id: str, *, but: Collection[str] = ()) -> int:
    """The places that could not get a take wait for one again; returns how many these were. but: cells of
    which none does."""
    tried = session.connection().execute(
        update(Trial)
        .where(col(Trial.experiment_id) == experiment_id, col(Trial.state) == TrialState.BLOCKED)
        .where(col(Trial.cell_id).not_in(but))
        .values(state=TrialState.PLANNED, why=None)
    )
    return int(tried.rowcount)


def drop_waiting(session: Session, experiment_id: str, why: str) -> int:
    """No place that waits gets a take any more; returns how many these were."""
    waits = col(Trial.state).in_((TrialState.PLANNED, TrialState.BLOCKED))
    dropped = session.connection().execute(
        update(Trial)
        .where(col(Trial.experiment_id) == experiment_id, waits)
        .values(state=TrialState.DROPPED, why=why)
    )
    return int(dropped.rowcount)


def list_unsent(session: Session, experiment_id: str) -> Sequence[str]:
    """The jobs that were made for this experiment and are not sent yet."""
    of_it = select(Trial.id).where(Trial.job_id == Job.id, Trial.experiment_id == experiment_id)
    of_it = of_it.where(col(Trial.origin) != TrialOrigin.REUSED)
    return session.exec(select(Job.id).where(Job.state == JobState.CREATED, of_it.exists())).all()
