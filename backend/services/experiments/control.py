"""What a person does with an experiment: start, go on after the canary, pause, resume, close.

Each is said once and may be said twice: who asks for what is so already is told so, and nothing is written.
"""

from sqlmodel import Session

from backend.domain.errors import StateConflict
from backend.domain.experiments.words import ExperimentState
from backend.models import Experiment
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.services.experiments.rights import get_to_run
from backend.services.experiments.running.canary import choose_canary
from backend.services.takes.cancel import cancel_if_unsent
from backend.store.experiments import running

S = ExperimentState
CLOSED = "This experiment is closed; nothing more is made of it."
#: How the words begin of an experiment that a person has paused, not it itself.
BY_HAND = "Paused by "
NOT_STARTED = "This experiment is only planned; start it first."


def start(deps: Deps, viewer: Viewer, experiment_id: str) -> Experiment:
    """From now on its takes are made: first those of the canary, if it has one.

    Raises:
        NotFound, NotAllowed: it is not this viewer's to run.
        StateConflict: it is closed.
    """
    with deps.store.begin() as session:
        experiment = get_to_run(session, viewer, experiment_id)
        if experiment.state == S.CLOSED:
            raise StateConflict(CLOSED)
        if experiment.state != S.DRAFT:
            return experiment
        first = choose_canary(running.list_planned(session, experiment_id), experiment.canary)
        if first:
            running.put_in_wave(session, first, running.CANARY_WAVE)
        else:
            running.begin_wave(session, experiment_id)
        return _move(
            deps, session, viewer, experiment, Action.EXPERIMENT_STARTED,
            state=S.CANARY if first else S.RUNNING, canary=len(first), started_at=deps.clock.now(),
        )  # fmt: skip


def go_on(deps: Deps, viewer: Viewer, experiment_id: str) -> Experiment:
    """The canary was looked at: all its other takes are made, too.

    Raises:
        NotFound, NotAllowed: it is not this viewer's to run.
        StateConflict: it is not started, paused or closed.
    """
    with deps.store.begin() as session:
        experiment = get_to_run(session, viewer, experiment_id)
        if experiment.state == S.RUNNING:
            return experiment
        if experiment.state != S.CANARY:
            raise StateConflict(
                "This experiment is paused; resume it first." if experiment.state == S.PAUSED
                else NOT_STARTED if experiment.state == S.DRAFT else CLOSED
            )  # fmt: skip
        running.begin_wave(session, experiment_id)
        return _move(deps, session, viewer, experiment, Action.EXPERIMENT_RESUMED, state=S.RUNNING, canary=0)


def pause(deps: Deps, viewer: Viewer, experiment_id: str) -> Experiment:
    """Nothing more is made of it; what was sent comes home.

    Raises:
        NotFound, NotAllowed: it is not this viewer's to run.
        StateConflict: it is not started, or closed.
    """
    with deps.store.begin() as session:
        experiment = _get_started(session, viewer, experiment_id)
        if experiment.state == S.PAUSED:
            return experiment
        why = f"{BY_HAND}{viewer.name}."
        return _move(deps, session, viewer, experiment, Action.EXPERIMENT_PAUSED, state=S.PAUSED, why=why)


def resume(deps: Deps, viewer: Viewer, experiment_id: str) -> Experiment:
    """It goes on where it was paused, also with what could not be made before.

    Raises:
        NotFound, NotAllowed: it is not this viewer's to run.
        StateConflict: it is not started, or closed.
    """
    with deps.store.begin() as session:
        return resume_within(deps, session, viewer, _get_started(session, viewer, experiment_id))


def resume_within(deps: Deps, session: Session, viewer: Viewer, experiment: Experiment) -> Experiment:
    """The same of one that is started and locked; one that isn't paused stays as it is."""
    if experiment.state != S.PAUSED:
        return experiment
    canary = experiment.canary > 0
    if canary:
        running.try_blocked_again(session, experiment.id)
    else:
        running.begin_wave(session, experiment.id)
    state = S.CANARY if canary else S.RUNNING
    return _move(deps, session, viewer, experiment, Action.EXPERIMENT_RESUMED, state=state, why=None)


def close(deps: Deps, viewer: Viewer, experiment_id: str) -> Experiment:
    """No take is made of it any more, and those not sent yet are cancelled. What was sent comes home.

    Raises:
        NotFound, NotAllowed: it is not this viewer's to run.
    """
    with deps.store.begin() as session:
        experiment = get_to_run(session, viewer, experiment_id)
        if experiment.state == S.CLOSED:
            return experiment
        why = f"Closed by {viewer.name}."
        running.drop_waiting(session, experiment_id, why)
        for job_id in running.list_unsent(session, experiment_id):
            cancel_if_unsent(deps, session, viewer, job_id)
        return _move(
            deps, session, viewer, experiment, Action.EXPERIMENT_CLOSED, state=S.CLOSED, why=why,
            closed_at=deps.clock.now(), closed_by=viewer.name,
        )  # fmt: skip


def _get_started(session: Session, viewer: Viewer, experiment_id: str) -> Experiment:
    experiment = get_to_run(session, viewer, experiment_id)
    if experiment.state == S.CLOSED:
        raise StateConflict(CLOSED)
    if experiment.state == S.DRAFT:
        raise StateConflict(NOT_STARTED)
    return experiment


def _move(
    deps: Deps, session: Session, viewer: Viewer, experiment: Experiment, action: Action, **values: object
) -> Experiment:
    """Write this down, with who did it; returns the experiment as it is then."""
    before = experiment.state
    running.change(session, experiment.id, **values)
    record(
        session, deps, viewer, action, object_type="experiment", object_id=experiment.id,
        changed={"state": (before, values["state"])},
    )  # fmt: skip
    return running.get(session, experiment.id)
