"""What failed, or could not be made, is made again; nothing else is."""

from backend.domain.errors import StateConflict
from backend.domain.experiments.words import ExperimentState, TrialOrigin, TrialState
from backend.models import Experiment, Trial
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.services.experiments.control import CLOSED, NOT_STARTED
from backend.services.experiments.rights import get_to_run
from backend.store.experiments import outcomes, running


def retry(deps: Deps, viewer: Viewer, experiment_id: str) -> Experiment:
    """Every failed take of it gets a new one in its place, and what could not be made is tried again.

    Held takes stay: what may have been charged is never sent again. It may go on meanwhile; while it is
    paused, what is retried waits as all else does.

    Raises:
        NotFound, NotAllowed: it is not this viewer's to run.
        StateConflict: it is not started, or closed.
    """
    with deps.store.begin() as session:
        experiment = get_to_run(session, viewer, experiment_id)
        if experiment.state in (ExperimentState.CLOSED, ExperimentState.DRAFT):
            raise StateConflict(CLOSED if experiment.state == ExperimentState.CLOSED else NOT_STARTED)
        failed = outcomes.list_failed(session, experiment_id)
        again = running.try_blocked_again(session, experiment_id)
        if not failed and not again:
            return experiment
        if failed:
            last = outcomes.last_numbers(session, [trial.cell_id for trial in failed])
            outcomes.replace_trials(session, failed, [_again(deps, trial, last) for trial in failed])
        running.change(session, experiment_id)
        record(
            session, deps, viewer, Action.EXPERIMENT_CHANGED, object_type="experiment",
            object_id=experiment_id, changed={"retried": (None, len(failed) + again)},
        )  # fmt: skip
        return running.get(session, experiment_id)


def _again(deps: Deps, failed: Trial, last: dict[str, int]) -> Trial:
    """A place for the take that is made instead, with its seed; `last` is counted on."""
    last[failed.cell_id] += 1
    return Trial(
        id=deps.clock.new_id(),
        experiment_id=failed.experiment_id,
        cell_id=failed.cell_id,
        number=last[failed.cell_id],
        state=TrialState.PLANNED,
        wave=failed.wave,
        seed=failed.seed,
        origin=TrialOrigin.RETRIED,
        attempt=failed.attempt + 1,
    )
