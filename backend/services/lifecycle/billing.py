"""What a stored take cost: the provider's own count, asked for once the file is safe."""

from backend.domain import policy
from backend.domain.errors import ProviderBusy, ProviderForgot
from backend.models import Job
from backend.providers.base import Finished
from backend.services.deps import Deps
from backend.services.lifecycle.claims import Claim
from backend.services.lifecycle.poll import request_ref
from backend.services.money import budgets

#: After this many answers that tell nothing, the estimate stays as it is.
BILL_TRIES_MAX = 10


def needs_bill(job: Job) -> bool:
    """Is it still unknown what the provider counted, and worth asking?"""
    return job.request_id is not None and job.billed_units is None and job.bill_tries < BILL_TRIES_MAX


def bill_job(deps: Deps, claim: Claim) -> None:
    """Ask the provider once what it counted for a stored job, and write it into the ledger.

    Afterwards the bill stands beside the estimate; or it is asked for again later; or, when the
    provider doesn't tell, the estimate stays.
    """
    job, tries = claim.job, claim.job.bill_tries + 1
    try:
        result = deps.get_provider(job.provider).result(request_ref(job))
    except ProviderBusy:
        claim.defer(due_in_s=policy.backoff_s(tries), bill_tries=tries)
        return
    except ProviderForgot:
        claim.defer(due_in_s=0, bill_tries=BILL_TRIES_MAX)
        return
    units = result.billable_units if isinstance(result, Finished) else None
    if units is None:
        claim.defer(due_in_s=0, bill_tries=BILL_TRIES_MAX)
        return
    now = deps.clock.now()
    claim.defer(
        due_in_s=0, also=lambda session: budgets.settle_bill(session, job, units, at=now), bill_tries=tries
    )
