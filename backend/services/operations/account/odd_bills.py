"""Bills beyond belief that wait for an admin: of every age, and none is overlooked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.domain.access.roles import Do
from backend.models import Job
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.money.charges import Decision
from backend.store.jobs import open_charges
from backend.store.records.facts import Fact

#: How often all takes are looked through for one that an older program left unnoted.
LOOK_EVERY = timedelta(days=1)


@dataclass(frozen=True)
class OddBillsLook:
    """When all takes were last looked through."""

    at: datetime


LAST_LOOK = Fact(OddBillsLook, "odd_bills_look")


def list_odd_bills(deps: Deps, viewer: Viewer) -> Sequence[Job]:
    """Takes with a bill that nobody believes and nobody has decided about, the newest first.

    Raises NotAllowed: the viewer is no admin.
    """
    viewer.must(Do.SEE_BUDGETS_OF_OTHERS)
    with deps.store.read() as session:
        found = open_charges.list_odd(session)
    return [job for job in found if _waits(job)]


def find_odd_bills(deps: Deps) -> int:
    """Once a day: note what an older program did not, forget what is decided; returns how many are news."""
    now = deps.clock.now()
    last = LAST_LOOK.query(deps.store)
    if last is not None and timedelta(0) <= now - last.at < LOOK_EVERY:
        return 0
    with deps.store.read() as session:
        known = {job.id for job in open_charges.list_odd(session)}
        counted = open_charges.find_unbilled_counts(session)
    odd = [job_id for job_id, charge in counted if Decision.of(charge).is_suspicious]
    unnoted = [job_id for job_id in odd if job_id not in known]
    with deps.store.begin() as session:
        LAST_LOOK.put(session, OddBillsLook(now))
        open_charges.note_odd(session, unnoted, at=now)
        for job in open_charges.list_odd(session):
            if not _waits(job):
                open_charges.forget_odd(session, job.id)
    return len(unnoted)


def _waits(job: Job) -> bool:
    return Decision.of(job.charge).is_suspicious and job.billed_usd is None
