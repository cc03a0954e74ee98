"""What failed, or could not be made, is made again; nothing else is."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlmodel import Session

from backend.domain.errors import StateConflict
from backend.domain.experiments.errors import PriceNotKnown
from backend.domain.experiments.words import ExperimentState, TrialOrigin, TrialState
from backend.domain.states import JobState
from backend.models import Experiment, Trial
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.services.experiments.control import CLOSED, NOT_STARTED, resume_within
from backend.services.experiments.planning.makeable import Makeable, look_at_cells
from backend.services.experiments.rights import get_to_run
from backend.services.experiments.view import ExperimentView
from backend.store.experiments import outcomes, running
from backend.store.experiments.plans import TrialNow


@dataclass(frozen=True)
class Coming:
    """Takes to be made. at_most_micros: what those with a known price cost at most, in millionths of a USD;
    unpriced: how many others there are."""

    takes: int = 0
    at_most_micros: int = 0
    unpriced: int = 0

    def __add__(self, other: "Coming") -> "Coming":
        return Coming(
            self.takes + other.takes,
            self.at_most_micros + other.at_most_micros,
            self.unpriced + other.unpriced,
        )


@dataclass(frozen=True)
class Ahead:
    """What would be made of an experiment. failed: takes that failed; not_made: places that could not have
    one, but can now; waiting: places that wait, while it is paused. refused: why what failed or waits of some
    cells can't be made now -> how many takes that is."""

    failed: Coming
    not_made: Coming
    waiting: Coming
    refused: Mapping[str, int] = field(default_factory=dict)

    @property
    def again(self) -> Coming:
        """What is made by a retry."""
        return self.failed + self.not_made


@dataclass(frozen=True)
class Retried:
    """The experiment, and of how many places a take is made once more."""

    experiment: Experiment
    takes: int


def look_ahead(deps: Deps, found: ExperimentView) -> Ahead:
    """What a retry would make, and what besides once it goes on; of cells that were not dropped.

    found: an experiment that may be seen.
    """
    row, standing = found.experiment, {one.id: one for one in found.cells if one.dropped_at is None}
    trials = [trial for cell in standing for trial in found.trials.get(cell, ())]
    failed = Counter(one.cell_id for one in trials if _has_failed(one))
    not_made = Counter(one.cell_id for one in trials if one.state == TrialState.BLOCKED)
    is_paused = row.state == ExperimentState.PAUSED
    waiting = Counter(one.cell_id for one in trials if is_paused and _waits(row, one))
    makeable = look_at_cells(deps, row, [standing[cell] for cell in failed | not_made | waiting])
    kept_back = _kept_back(row, makeable)
    refused = Counter[str]()
    for cell, number in (failed + waiting).items():
        if cell in kept_back:
            refused[kept_back[cell]] += number
    priced = {cell: micros for cell, micros in makeable.ceilings.items() if cell not in kept_back}
    return Ahead(_sum(failed, priced), _sum(not_made, priced), _sum(waiting, priced), dict(refused))


def still_to_make(deps: Deps, found: ExperimentView) -> Coming:
    """The takes that are planned and not made, and what they cost at most. found: one that may be seen."""
    standing = {one.id: one for one in found.cells if one.dropped_at is None}
    planned = Counter(
        one.cell_id
        for cell in standing
        for one in found.trials.get(cell, ())
        if one.state == TrialState.PLANNED
    )
    makeable = look_at_cells(deps, found.experiment, [standing[cell] for cell in planned])
    return _sum(planned, makeable.ceilings)


def retry(deps: Deps, viewer: Viewer, experiment_id: str) -> Experiment:
    """As `retry_failed`; one that is paused stays so. Raises as it does."""
    return retry_failed(deps, viewer, experiment_id).experiment


def retry_failed(deps: Deps, viewer: Viewer, experiment_id: str, *, resume: bool = False) -> Retried:
    """Every failed take of it gets a new one in its place, and what could not be made is tried again.

    Left as they are: held takes (what may have been charged is never sent again), dropped cells, and cells of
    which nothing can be made any more. resume: it goes on as well, if it is paused, in the same transaction;
    without, what is retried waits there as all else does.

    Raises:
        NotFound, NotAllowed: it is not this viewer's to run.
        StateConflict: it is not started, or closed.
    """
    with deps.store.read() as session:
        seen = _get_started(session, viewer, experiment_id)
        cells = outcomes.list_failed_cells(session, experiment_id)
    kept_back = _kept_back(seen, look_at_cells(deps, seen, cells))
    with deps.store.begin() as session:
        experiment = _get_started(session, viewer, experiment_id)
        failed = [one for one in outcomes.list_failed(session, experiment_id) if one.cell_id not in kept_back]
        takes = len(failed) + running.try_blocked_again(session, experiment_id, but=kept_back)
        if takes:
            _make_again(deps, session, viewer, experiment, failed, takes)
            experiment = running.get(session, experiment_id)
        if resume:
            experiment = resume_within(deps, session, viewer, experiment)
        return Retried(experiment, takes)


def _get_started(session: Session, viewer: Viewer, experiment_id: str) -> Experiment:
    experiment = get_to_run(session, viewer, experiment_id)
    if experiment.state in (ExperimentState.CLOSED, ExperimentState.DRAFT):
        raise StateConflict(CLOSED if experiment.state == ExperimentState.CLOSED else NOT_STARTED)
    return experiment


def _make_again(
    deps: Deps, session: Session, viewer: Viewer, experiment: Experiment, failed: Sequence[Trial], takes: int
) -> None:
    if failed:
        last = outcomes.last_numbers(session, [trial.cell_id for trial in failed])
        outcomes.replace_trials(session, failed, [_again(deps, trial, last) for trial in failed])
    running.change(session, experiment.id)
    record(
        session, deps, viewer, Action.EXPERIMENT_CHANGED, object_type="experiment",
        object_id=experiment.id, changed={"retried": (None, takes)},
    )  # fmt: skip


def _has_failed(trial: TrialNow) -> bool:
    return trial.state == TrialState.MADE and trial.job_state == JobState.FAILED


def _waits(experiment: Experiment, trial: TrialNow) -> bool:
    """Is its take made as soon as the experiment goes on? Before a person has said so: of the first alone."""
    is_first = trial.wave == running.CANARY_WAVE
    return trial.state == TrialState.PLANNED and (is_first or experiment.canary == 0)


def _kept_back(experiment: Experiment, makeable: Makeable) -> dict[str, str]:
    """Cell -> why nothing can be made of it now: under a cap takes need a price, too."""
    if experiment.cap_micros is None:
        return dict(makeable.refused)
    unpriced = [cell for cell, micros in makeable.ceilings.items() if micros is None]
    return {**makeable.refused, **dict.fromkeys(unpriced, str(PriceNotKnown()))}


def _sum(takes: Mapping[str, int], ceilings: Mapping[str, int | None]) -> Coming:
    """So many takes of cells, as far as these can be made."""
    made: Iterable[tuple[int, int | None]] = [
        (number, ceilings[cell]) for cell, number in takes.items() if cell in ceilings
    ]
    return Coming(
        sum(number for number, _ in made),
        sum(number * (micros or 0) for number, micros in made),
        sum(number for number, micros in made if micros is None),
    )


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
