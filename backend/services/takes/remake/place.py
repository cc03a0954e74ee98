"""The place of a take in an experiment: what is made instead stands there, and counts in its cap."""

from dataclasses import dataclass
from enum import StrEnum

from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.domain.experiments.errors import CapReached, PriceNotKnown
from backend.domain.experiments.words import ExperimentState, TrialOrigin, TrialState
from backend.models import Experiment, Job, Trial
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.money import budgets
from backend.store.experiments import outcomes, running, takes
from backend.store.experiments.takes import Place
from backend.store.money.ledger import MICROS_PER_USD, to_micros


class PlaceState(StrEnum):
    """What becomes of a place when its take is made again."""

    OPEN = "open"  #: the new take stands there
    FILLED = "filled"  #: another one was asked for there before
    DROPPED = "dropped"  #: nothing is made of its combination any more
    CLOSED = "closed"  #: nothing is made of the experiment any more


@dataclass(frozen=True)
class TakePlace:
    """The experiment that a take was made for, and what becomes of its place."""

    experiment_id: str
    name: str
    state: PlaceState


def find_place(deps: Deps, viewer: Viewer, job_id: str) -> TakePlace | None:
    """The place of a take; None: it has none, or none that this viewer may know of. Raises NotAllowed."""
    viewer.must(Do.SEE)
    with deps.store.read() as session:
        place = takes.find_place(session, job_id)
        if place is None:
            return None
        experiment = running.get(session, place.trial.experiment_id)
    if not viewer.may_see(experiment.owner):
        return None
    return TakePlace(experiment.id, experiment.name, _state(experiment, place))


def hand_on(deps: Deps, session: Session, replaced: str, job: Job) -> None:
    """The take that is made instead of this one stands in its place, if that is open; else nothing happens.

    In the transaction that makes it, before it reserves its budget: the experiment's row is locked first.
    Pausing is no hindrance: a person asks for this one take.

    Raises:
        CapReached: it could pass the experiment's cap. PriceNotKnown: nobody can tell whether it would.
    """
    experiment_id = takes.experiment_of(session, replaced)
    if experiment_id is None:
        return
    experiment = running.get(session, experiment_id)
    place = takes.find_place(session, replaced)  # once more: nobody else changes it now
    if place is None or _state(experiment, place) != PlaceState.OPEN:
        return
    micros = _counted(session, experiment, job)
    last = outcomes.last_numbers(session, [place.trial.cell_id])[place.trial.cell_id]
    again = _again(deps, place.trial, job, number=last + 1, micros=micros)
    outcomes.replace_trials(session, [place.trial], [again])
    running.change(session, experiment_id)


def _state(experiment: Experiment, place: Place) -> PlaceState:
    if experiment.state == ExperimentState.CLOSED:
        return PlaceState.CLOSED
    if place.cell_is_dropped:
        return PlaceState.DROPPED
    return PlaceState.OPEN if place.trial.state == TrialState.MADE else PlaceState.FILLED


def _counted(session: Session, experiment: Experiment, job: Job) -> int:
    """Count the take in the cap of the experiment, whose row is locked; what it counts for, in micros."""
    usd = budgets.ceiling(job)
    if usd is None and experiment.cap_micros is not None:
        raise PriceNotKnown
    micros = to_micros(usd or 0.0)
    spent = outcomes.counted_micros(session, experiment.id)  # what failed and cost nothing leaves its room
    if experiment.cap_micros is not None and spent + micros > experiment.cap_micros:
        cap = experiment.cap_micros / MICROS_PER_USD
        raise CapReached(cap, spent / MICROS_PER_USD, micros / MICROS_PER_USD)
    outcomes.set_spent(session, experiment.id, spent + micros)
    return micros


def _again(deps: Deps, before: Trial, job: Job, *, number: int, micros: int) -> Trial:
    return Trial(
        id=deps.clock.new_id(),
        experiment_id=before.experiment_id,
        cell_id=before.cell_id,
        number=number,
        state=TrialState.MADE,
        wave=before.wave,
        seed=before.seed,
        job_id=job.id,
        origin=TrialOrigin.RETRIED,
        attempt=before.attempt + 1,
        estimate_micros=micros,
    )
