"""The worker's part: takes are made just in time, a few at once, so that nobody waits behind an experiment.

A tick makes what fits into the experiment's share now. It may be killed anywhere, and any number of workers
may tick at once: a take, its place and what it counts for are one commit (`cap.Place`).
"""

import logging
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.domain.errors import BudgetExceeded, RequestError, StaleState, StoreUnavailable
from backend.domain.experiments.errors import CapReached, PriceNotKnown
from backend.domain.experiments.words import ExperimentState
from backend.logs import log_unforeseen
from backend.models import Experiment
from backend.services.access import Viewer
from backend.services.audit.record import WORKER, Action, record
from backend.services.deps import Deps
from backend.services.experiments.requests import trial_key, trial_request
from backend.services.experiments.running import cap, fair_share, stop_rules
from backend.services.takes import create
from backend.services.team.owners import owner_viewer
from backend.store.experiments import running
from backend.store.experiments.running import NextTrial

log = logging.getLogger(__name__)

#: An experiment with places that wait, of which no take was made for so long, stands still.
STILL_AFTER = timedelta(minutes=30)


def make_due_takes(deps: Deps) -> int:
    """Make the takes whose turn it is, of every experiment that goes on; returns how many.

    Raises:
        StoreUnavailable: the database is away; the next tick goes on.
    """
    going = running.query_going(deps.store)
    if not going:
        return 0
    with deps.store.read() as session:
        room = fair_share.unsent_room(session)
    made = 0
    for number, experiment_id in enumerate(going):
        if deps.stopping.is_set() or made >= room:
            break
        share = max(1, (room - made) // (len(going) - number))
        made += _make_safely(deps, experiment_id, share)
    _tell_still(deps)
    return made


def _tell_still(deps: Deps) -> None:
    """Log which experiments wait for somebody to look into it: their takes are not sent, or don't end."""
    with deps.store.read() as session:  # last: one that was resumed after a long pause has moved by now
        still = running.list_still(session, before=deps.clock.now() - STILL_AFTER)
    told_at, told = deps.lately.get("still_experiments", (0.0, []))
    now = deps.clock.monotonic()
    if still and (list(still) != told or now - told_at > STILL_AFTER.total_seconds()):
        deps.lately["still_experiments"] = now, list(still)
        log.warning("experiments stand still", extra={"experiments": list(still)})


def _make_safely(deps: Deps, experiment_id: str, share: int) -> int:
    """The same as `_make_wave`; an experiment with which nobody foresaw what happens blocks no other."""
    try:
        return _make_wave(deps, experiment_id, share)
    except (StoreUnavailable, SQLAlchemyError):
        raise
    except Exception as error:
        pause_by_itself(deps, experiment_id, log_unforeseen("a wave", error))
        return 0


def _make_wave(deps: Deps, experiment_id: str, share: int) -> int:
    """Make at most so many takes of one experiment; returns how many."""
    with deps.store.read() as session:
        experiment = running.get(session, experiment_id)
        trials = _whose_turn(session, experiment, share)
        is_canary = experiment.state == ExperimentState.CANARY  # a person looks at all of it anyway
        why = stop_rules.reason_to_stop(session, experiment) if trials and not is_canary else None
        owner = owner_viewer(deps, session, experiment.owner) if trials else None
        wave = running.newest_wave(session, experiment_id) if trials else 0
    if not trials:
        return 0
    if owner is None or not owner.may(Do.EXPERIMENT) or not owner.may(Do.START):
        why = (
            f"{experiment.owner}, whose experiment it is, may not start takes any more. Nothing more is "
            "made, and what was sent comes home. An admin can let them again; then resume it."
        )
    if why is not None or owner is None:
        pause_by_itself(deps, experiment_id, why or "")
        return 0
    cap.count_again(deps, experiment)
    return sum(_make_trial(deps, owner, experiment_id, trial, wave) for trial in trials)


def _whose_turn(session: Session, experiment: Experiment, share: int) -> list[NextTrial]:
    canary = experiment.state == ExperimentState.CANARY
    waiting = running.next_trials(session, experiment.id, canary=canary, limit=share)
    if not waiting:
        return []
    room = experiment.at_once - running.count_in_flight(session, experiment.id)
    return list(waiting[: max(0, room)])


def _make_trial(deps: Deps, owner: Viewer, experiment_id: str, waiting: NextTrial, wave: int) -> bool:
    """Make one take, or write down why there is none; was it made?"""
    trial, request = waiting.trial, trial_request(waiting.request, waiting.trial.seed)
    if not _has_slot(deps, request.model):
        return False
    place, key = cap.Place(deps, trial, wave), trial_key(trial.id, trial.attempt)
    try:
        job = create.create_job(deps, owner, request, idempotency_key=key, also=place.fill)
        if place.filled_by != job.id:  # a job with this key was there: it belongs here
            with deps.store.begin() as session:
                place.fill(session, job)
    except StaleState as error:  # another worker was first, or a person has paused it
        log.info("a trial waits", extra={"trial": trial.id, "why": str(error)})
        return False
    except (CapReached, BudgetExceeded) as error:  # the take stays planned: there may be room tomorrow
        pause_by_itself(deps, experiment_id, str(error))
        return False
    except PriceNotKnown as error:
        _block(deps, trial.id, str(error))
        return False
    except RequestError as error:
        _block(deps, trial.id, f"This take can't be made; nothing was sent or charged. {error}")
        return False
    return True


def _has_slot(deps: Deps, model: str) -> bool:
    try:
        provider = deps.catalogue.recall(model).provider
    except KeyError:
        return True  # making it says what is wrong
    with deps.store.read() as session:
        return fair_share.has_slot(deps, session, provider)


def _block(deps: Deps, trial_id: str, why: str) -> None:
    with deps.store.begin() as session:
        running.block(session, trial_id, why)


def pause_by_itself(deps: Deps, experiment_id: str, why: str) -> None:
    """Nothing more is made of it until a person resumes it; why: in words. Nothing where it doesn't go on."""
    with deps.store.begin() as session:
        experiment = running.get(session, experiment_id)
        if experiment.state not in running.GOING_STATES:
            return
        running.change(session, experiment_id, state=ExperimentState.PAUSED, why=why)
        record(
            session, deps, WORKER, Action.EXPERIMENT_PAUSED, object_type="experiment",
            object_id=experiment_id, changed={"why": (None, why)},
        )  # fmt: skip
    log.warning("an experiment paused", extra={"experiment": experiment_id, "why": why})
