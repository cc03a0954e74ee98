"""What a stored take cost: the provider's own count, asked for once the file is safe."""

from typing import Any

from backend.domain import policy
from backend.domain.errors import ProviderBusy, ProviderForgot
from backend.models import Job
from backend.providers.base import Finished
from backend.services.deps import Deps
from backend.services.lifecycle.claims import Claim, defer
from backend.services.lifecycle.poll import ref_of
from backend.services.money import budgets
from backend.store.jobs import jobs

#: After this many answers that tell nothing, the estimate stays as it is.
TRIES = 10


def wants_bill(job: Job) -> bool:
    """Is it still unknown what the provider counted, and worth asking?"""
    return job.request_id is not None and job.billed_units is None and job.bill_tries < TRIES


def bill_job(deps: Deps, claim: Claim) -> None:
    """Ask the provider once what it counted for a stored job, and write it into the ledger.

    Afterwards the bill stands beside the estimate; or it is asked for again later; or, when the
    provider doesn't tell, the estimate stays.
    """
    job, tries = claim.job, claim.job.bill_tries + 1
    try:
        result = deps.provider(job.provider).result(ref_of(job))
    except ProviderBusy:
        defer(deps, claim, due_in_s=policy.backoff_s(tries), bill_tries=tries)
        return
    except ProviderForgot:
        defer(deps, claim, due_in_s=0, bill_tries=TRIES)
        return
    units = result.billable_units if isinstance(result, Finished) else None
    now, news = deps.clock.now(), dict[str, Any](bill_tries=TRIES if units is None else tries)
    with deps.store.begin() as session:
        if units is not None:
            news |= budgets.settle(session, job, units, at=now)
        fresh = jobs.amend(session, job, owner=claim.owner, due_at=now, **news)
    claim.job = fresh
