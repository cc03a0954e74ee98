"""What a take cost: the provider's own count, asked for once its files are safe, or done without."""

from sqlmodel import Session

from backend.domain import policy
from backend.domain.errors import ProviderBusy, ProviderForgot
from backend.domain.states import JobState
from backend.models import Job, JobColumns
from backend.providers.base import Finished, Outcome, Unclear
from backend.services.deps import Deps
from backend.services.gallery.take_files import named_by_hand
from backend.services.lifecycle import apply_result
from backend.services.lifecycle.claims import Claim
from backend.services.lifecycle.poll import request_ref
from backend.services.money import settling
from backend.services.money.charges import BILL_TRIES_MAX


def needs_bill(job: Job) -> bool:
    """Is it still unknown what the provider counted or, beside a link that a person named, made?

    And is it worth asking?
    """
    unknown = job.billed_units is None or named_by_hand(job)
    return job.request_id is not None and unknown and job.bill_tries < BILL_TRIES_MAX


def bill_job(deps: Deps, claim: Claim) -> None:
    """Ask the provider once what it counted for a job that is stored, or whose files are given up.

    Afterwards the bill stands in the ledger beside the estimate; or it is asked for again later; or, when the
    provider doesn't tell, the estimate stands in for it. The answer also tells what was made, should the take
    have nothing but a file whose link a person named.
    """
    job, tries = claim.job, claim.job.bill_tries + 1
    next_s = 0.0 if job.state == JobState.STORED else None  # its preview is made then
    result: Outcome | None
    try:
        result = deps.get_provider(job.provider).result(request_ref(job))
    except ProviderBusy:
        if tries < BILL_TRIES_MAX:
            claim.defer(due_in_s=policy.backoff_s(tries), bill_tries=tries)
            return
        result = None
    except ProviderForgot:
        result = None
    units = result.billable_units if isinstance(result, Finished | Unclear) else None
    now = deps.clock.now()

    def learnt(session: Session) -> JobColumns:
        if isinstance(result, Finished) and apply_result.awaits_provider(session, job):
            return apply_result.replacing_named(session, job, result, at=now)
        return settling.settle_told(session, job.id, units, at=now)

    claim.defer(
        due_in_s=next_s,
        also=learnt,
        bill_tries=tries if isinstance(result, Finished) and units is not None else BILL_TRIES_MAX,
    )
