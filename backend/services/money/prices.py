"""What one take costs: its bill, or the estimate until there is one."""

from backend.domain.trouble import was_free
from backend.models import Job
from backend.store.jobs.jobs import ENDED_WITHOUT_VIDEO


def billed_usd(job: Job) -> float | None:
    """What the provider billed; 0 where a take ended and provably cost nothing, None: not known (yet)."""
    if job.billed_usd is None and job.state in ENDED_WITHOUT_VIDEO and was_free(job.error):
        return 0.0
    return job.billed_usd


def cost_source(job: Job) -> str:
    """Where the price of a take comes from: `billed`, `estimate` or `unknown`."""
    if billed_usd(job) is not None:
        return "billed"
    return "unknown" if job.estimate_usd is None else "estimate"
