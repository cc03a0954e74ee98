"""What an experiment may cost: counted in the transaction that makes a take and reserves its budget."""

from dataclasses import dataclass

from sqlmodel import Session

from backend.domain.errors import StaleState
from backend.domain.experiments.errors import CapReached, PriceNotKnown
from backend.models import Experiment, Job, Trial
from backend.services.deps import Deps
from backend.services.money import budgets
from backend.store.experiments import outcomes, running
from backend.store.money.ledger import MICROS_PER_USD, to_micros


@dataclass
class Place:
    """The place of a take that is about to be made. wave: that it belongs to, if it belongs to none yet.

    filled_by: the job that it was last given; its transaction may still be undone.
    """

    deps: Deps
    trial: Trial
    wave: int
    filled_by: str | None = None

    def fill(self, session: Session, job: Job) -> None:
        """Give it this job, and count its price: written in the transaction that makes the job.

        The experiment's row is locked from then on, so its cap holds whoever else makes a take of it. A take
        counts for its ceiling, as in budgets.

        Raises:
            CapReached: it could pass the cap. PriceNotKnown: nobody can tell whether it would.
            StaleState: the experiment no longer goes on, or has enough on its way, or the place is filled.
        """
        trial, usd = self.trial, budgets.ceiling(job)
        micros = to_micros(usd or 0.0)
        if not running.reserve(session, trial.experiment_id, micros, at=self.deps.clock.now()):
            _refuse(session, trial.experiment_id, micros)
        experiment = running.get(session, trial.experiment_id)
        if usd is None and experiment.cap_micros is not None:
            raise PriceNotKnown
        if running.count_in_flight(session, experiment.id) >= experiment.at_once:
            raise StaleState(f"the experiment {experiment.id} has as many takes in progress as it may")
        if not running.note_made(session, trial.id, job_id=job.id, micros=micros, wave=self.wave):
            raise StaleState(f"the trial {trial.id} is no longer waiting for a take")
        self.filled_by = job.id


def count_again(deps: Deps, experiment: Experiment) -> int:
    """Count the bills that came meanwhile, and what was given back; returns what its takes count for now.

    In millionths of a USD. Bills above estimates count: they stop the next take.
    """
    with deps.store.read() as session:
        counted = outcomes.counted_micros(session, experiment.id)
    if counted == experiment.spent_micros:
        return counted
    with deps.store.begin() as session:
        running.get(session, experiment.id)  # whoever makes a take of it waits, or is counted
        counted = outcomes.counted_micros(session, experiment.id)
        outcomes.set_spent(session, experiment.id, counted)
    return counted


def _refuse(session: Session, experiment_id: str, micros: int) -> None:
    now = running.get(session, experiment_id)
    if now.state not in running.GOING_STATES or now.cap_micros is None:
        raise StaleState(f"the experiment {experiment_id} is {now.state}")
    cap, spent = now.cap_micros / MICROS_PER_USD, now.spent_micros / MICROS_PER_USD
    raise CapReached(cap, spent, micros / MICROS_PER_USD)
