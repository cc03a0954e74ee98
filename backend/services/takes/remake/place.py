"""The place of a take in an experiment, which what is made instead takes over, and what counts in its cap."""

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
    experiment = recount(session, experiment_id)  # what failed and cost nothing leaves its room
    place = takes.find_place(session, replaced)  # once more: nobody else changes it now
    if place is None or _state(experiment, place) != PlaceState.OPEN:
        return
    micros = reserve(deps, session, experiment, job)
    last = outcomes.last_numbers(session, [place.trial.cell_id])[place.trial.cell_id]
    again = _again(deps, place.trial, job, number=last + 1, micros=micros)
    outcomes.replace_trials(session, [place.trial], [again])


def recount(session: Session, experiment_id: str) -> Experiment:
    """Count the bills that came meanwhile, and what was given back; returns the experiment as it is then.

    Its row is locked from then on. Bills above estimates count: they stop the next take.
    """
    running.get(session, experiment_id)  # whoever makes a take of it waits, or is counted
    outcomes.set_spent(session, experiment_id, outcomes.counted_micros(session, experiment_id))
    return running.get(session, experiment_id)


def reserve(deps: Deps, session: Session, experiment: Experiment, job: Job) -> int:
    """Count a take in the cap of its experiment; returns what it counts for, in millionths of a USD.

    In the transaction that makes the take, with the experiment as `running.get` read it there: its row is
    locked, so its cap holds whoever else makes a take of it. A take counts for its ceiling, as in budgets.

    Raises:
        CapReached: it could pass the cap. PriceNotKnown: nobody can tell whether it would.
    """
    usd, cap_micros = budgets.ceiling(job), experiment.cap_micros
    if usd is None and cap_micros is not None:
        raise PriceNotKnown
    micros = to_micros(usd or 0.0)
    if cap_micros is not None and experiment.spent_micros + micros > cap_micros:
        raise CapReached(*(one / MICROS_PER_USD for one in (cap_micros, experiment.spent_micros, micros)))
    running.reserve(session, experiment.id, micros, at=deps.clock.now())
    return micros


def _state(experiment: Experiment, place: Place) -> PlaceState:
    if experiment.state == ExperimentState.CLOSED:
        return PlaceState.CLOSED
    if place.cell_is_dropped:
        return PlaceState.DROPPED
    return PlaceState.OPEN if place.trial.state == TrialState.MADE else PlaceState.FILLED


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
