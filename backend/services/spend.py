"""Money: what takes count for, and the limits that a start may not pass."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from backend.domain.errors import BudgetExceeded
from backend.domain.states import JobState
from backend.models import Job
from backend.services.deps import Deps
from backend.store import jobs, ledger


@dataclass(frozen=True)
class Spent:
    """Dollars, estimates and bills together. at_risk: held takes that may have been charged."""

    today_usd: float
    month_usd: float
    at_risk_usd: float
    unknown: int  #: takes of today whose price nobody knows
    left_today_usd: float | None  #: until the tightest limit; None: there is none


def reserve(deps: Deps, session: Session, job: Job) -> None:
    """Count a new job against every limit, in the transaction that makes it.

    Raises:
        BudgetExceeded: it does not fit; says how much is left.
    """
    left = _left(deps, session, job.owner, job.created_at)
    wanted = ledger.micros(job.estimate_usd or 0.0)
    if left is not None and (wanted > left or left <= 0):
        raise BudgetExceeded(left / ledger.MICROS, job.estimate_usd)
    ledger.reserve(session, job)


def settle(session: Session, job: Job, units: float, *, at: datetime) -> dict[str, float]:
    """Bill a job by what the provider counted; returns the columns that say so.

    units: the provider's billable units; 0: nothing was billed, and the reservation is given back.
    """
    if units == 0:
        ledger.release(session, job, at=at)
        return {"billed_units": 0.0, "billed_usd": 0.0}
    price = (job.price or {}).get("unit_usd")
    if price is None:
        return {"billed_units": units}
    usd = round(units * price, 6)
    ledger.bill(session, job, units=units, usd=usd, at=at)
    return {"billed_units": units, "billed_usd": usd}


def overview(deps: Deps, owner: str | None = None) -> Spent:
    """What was spent, by one person or by all."""
    now = deps.clock.now()
    day, month = f"{now:%Y-%m-%d}", f"{now:%Y-%m}-01"
    with deps.store.read() as session:
        today = ledger.spent(session, first_day=day, last_day=day, owner=owner)
        this_month = ledger.spent(session, first_day=month, last_day=day, owner=owner)
        held = jobs.estimates(session, states=[JobState.HELD], owner=owner)
        unknown = jobs.count_unpriced(
            session, since=now.replace(hour=0, minute=0, second=0, microsecond=0), owner=owner
        )
        left = _left(deps, session, owner, now)
    return Spent(
        today_usd=today / ledger.MICROS,
        month_usd=this_month / ledger.MICROS,
        at_risk_usd=held,
        unknown=unknown,
        left_today_usd=None if left is None else max(0, left) / ledger.MICROS,
    )


def _left(deps: Deps, session: Session, owner: str | None, now: datetime) -> int | None:
    """Millionths of a dollar until the tightest limit of this day; None: there is no limit."""
    day, settings = f"{now:%Y-%m-%d}", deps.settings
    left = []
    if settings.budget_day_usd is not None:
        spent = ledger.spent(session, first_day=day, last_day=day)
        left.append(ledger.micros(settings.budget_day_usd) - spent)
    if settings.budget_user_day_usd is not None and owner is not None:
        spent = ledger.spent(session, first_day=day, last_day=day, owner=owner)
        left.append(ledger.micros(settings.budget_user_day_usd) - spent)
    return min(left, default=None)
