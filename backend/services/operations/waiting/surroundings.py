"""What every waiting take depends on: workers, pauses, disk, bucket and database, looked at once for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from backend.domain.kinds import Health
from backend.services.deps import Deps
from backend.services.lifecycle import provider_pause
from backend.services.lifecycle.provider_pause import ProviderPause
from backend.services.operations import heartbeat, readiness
from backend.services.operations.heartbeat import WorkerHeartbeat
from backend.services.operations.readiness import HealthCheck
from backend.services.patient_look import PatientLook

#: Four hundred pages that show waiting takes ask for no more than one does, in seconds.
BELIEVED_S = 2.0


@dataclass(frozen=True)
class Surroundings:
    """How the installation does. checks: by name, as /readyz has them."""

    workers: Sequence[WorkerHeartbeat]
    pauses: Mapping[str, ProviderPause]
    checks: Mapping[str, HealthCheck]

    @property
    def working(self) -> Health:
        """How the workers do."""
        return heartbeat.judge_all(self.workers)

    def is_bad(self, *names: str) -> str:
        """What is said of the first of these checks that is bad; "": they are good."""
        found = (self.checks[name] for name in names if name in self.checks)
        return next((check.message for check in found if not check.good), "")


def look_around(deps: Deps) -> Surroundings:
    """How everything does, at most `BELIEVED_S` old. Raises NoAnswer: something hangs, and it is unknown."""
    new = PatientLook(partial(_look_around, deps), believed_s=BELIEVED_S, silent_s=60.0)
    look: PatientLook[Surroundings] = deps.looks.setdefault("surroundings", new)
    return look.outcome(within_s=2 * readiness.WAIT_S)


def _look_around(deps: Deps) -> Surroundings:
    checks = {check.name: check for check in readiness.check_readiness(deps)}
    return Surroundings(heartbeat.list_workers(deps), provider_pause.list_pauses(deps), checks)
