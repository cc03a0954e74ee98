"""Experiments that stand still until somebody does something, with what that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from backend.domain.experiments.words import ExperimentState
from backend.models import Experiment
from backend.services.deps import Deps
from backend.services.experiments.control import BY_HAND
from backend.services.experiments.waves import STILL_AFTER
from backend.store.experiments import running

#: So many are told; the others come up once these are dealt with.
SHOWN_MAX = 10


@dataclass(frozen=True)
class StandingExperiment:
    """One that stands still. since: when its last take was made, or it was started; why: with what to do."""

    id: str
    name: str
    owner: str
    since: datetime
    why: str


def list_standing(deps: Deps) -> Sequence[StandingExperiment]:
    """Those that paused by themselves, and those of which no take was made for long; the longest first."""
    before = deps.clock.now() - STILL_AFTER
    with deps.store.read() as session:
        rows = running.list_standing(session, before=before, by_hand=BY_HAND, limit=SHOWN_MAX)
    return [_told(row) for row in rows]


def _told(row: Experiment) -> StandingExperiment:
    since = row.looked_at or row.started_at or row.created_at
    return StandingExperiment(row.id, row.name, row.owner, since, _why(row))


def _why(row: Experiment) -> str:
    match row.state:
        case ExperimentState.PAUSED:
            return row.why or "It has paused."
        case ExperimentState.CANARY:
            return "Its first takes wait for somebody to look at them; then it goes on, or is closed."
        case _:
            return (
                "Places wait for a take, but those in progress are not sent, or don't end. See below what "
                "takes wait for, and whether workers are at work."
            )
