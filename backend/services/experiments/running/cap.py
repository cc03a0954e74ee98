"""What an experiment may cost: counted in the transaction that makes a take and reserves its budget."""

from dataclasses import dataclass

from sqlmodel import Session

from backend.domain.errors import StaleState
from backend.models import Experiment, Job, Trial
from backend.services.deps import Deps
from backend.services.takes.remake import place
from backend.store.experiments import outcomes, running


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

        Raises:
            CapReached: it could pass the cap. PriceNotKnown: nobody can tell whether it would.
            StaleState: the experiment no longer goes on, or has enough on its way, or the place is filled.
        """
        trial = self.trial
        experiment = running.get(session, trial.experiment_id)
        if experiment.state not in running.GOING_STATES:
            raise StaleState(f"the experiment {experiment.id} is {experiment.state}")
        if running.count_in_flight(session, experiment.id) >= experiment.at_once:
            raise StaleState(f"the experiment {experiment.id} has as many takes in progress as it may")
        micros = place.reserve(self.deps, session, experiment, job)
        if not running.note_made(session, trial.id, job_id=job.id, micros=micros, wave=self.wave):
            raise StaleState(f"the trial {trial.id} is no longer waiting for a take")
        self.filled_by = job.id


def count_again(deps: Deps, experiment: Experiment) -> None:
    """Count the bills that came meanwhile, and what was given back, if anything was."""
    with deps.store.read() as session:
        counted = outcomes.counted_micros(session, experiment.id)
    if counted != experiment.spent_micros:
        with deps.store.begin() as session:
            place.recount(session, experiment.id)
