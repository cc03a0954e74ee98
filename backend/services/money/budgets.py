"""Money: what takes count for, and the limits that a start may not pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from backend.domain.errors import BudgetExceeded
from backend.models import Job, JobColumns, JobHead
from backend.services.deps import Deps
from backend.store.database.locks import acquire_advisory_lock
from backend.store.money import ledger, ledger_sums
from backend.store.money.ledger import MICROS_PER_USD

#: (end of the setting's name, whole month, one person's, title, when it starts anew)
_KINDS = (
    ("day_usd", False, False, "today's budget", "tomorrow"),
    ("user_day_usd", False, True, "your budget for today", "tomorrow"),
    ("month_usd", True, False, "this month's budget", "next month"),
    ("user_month_usd", True, True, "your budget for this month", "next month"),
)


@dataclass(frozen=True)
class BudgetLimit:
    """One limit and what counts against it. hard: a start may not pass it; a soft one only warns."""

    setting: str  #: the name of the setting that holds it
    title: str
    until: str
    hard: bool
    limit_usd: float
    left_micros: int  #: millionths of a dollar; below zero when bills went beyond it

    @property
    def left_usd(self) -> float:
        """What is left, never less than nothing."""
        return max(0, self.left_micros) / MICROS_PER_USD

    @property
    def is_exhausted(self) -> bool:
        """Is nothing left?"""
        return self.left_micros <= 0


@dataclass(frozen=True)
class SpendingSummary:
    """Dollars, estimates and bills together. at_risk: held takes that may have been charged."""

    today_usd: float
    month_usd: float
    at_risk_usd: float
    held: int  #: held takes, also those without a price
    unpriced: int  #: takes of today whose price nobody knows
    tightest_limit: BudgetLimit | None  #: the hard limit with the least left
    passed_warnings: Sequence[BudgetLimit]  #: soft limits that are passed


@dataclass(frozen=True)
class SpendingShare:
    """What one day, person or model counts for."""

    name: str
    usd: float


def check_budget(deps: Deps, session: Session, job: Job) -> None:
    """Does a new job fit every limit? Asked in the transaction that makes it, which then counts it.

    Raises:
        BudgetExceeded: it does not; names the tightest limit and how much it has left.
    """
    if any(getattr(deps.settings, f"budget_{kind[0]}") is not None for kind in _KINDS):
        acquire_advisory_lock(session, ledger_sums.BUDGET_LOCK)  # two starts at one moment are added up
    tight = _tightest(_limits(deps, session, job.owner, job.created_at, hard=True))
    if tight and (tight.is_exhausted or ledger.to_micros(job.estimate_usd or 0.0) > tight.left_micros):
        words = {"limit": tight.setting, "title": tight.title, "until": tight.until}
        raise BudgetExceeded(tight.left_usd, job.estimate_usd, **words)


def settle_bill(session: Session, job: Job | JobHead, units: float, *, at: datetime) -> JobColumns:
    """Bill a job by what the provider counted; returns the columns that say so.

    units: the provider's billable units; 0: nothing was billed, and the reservation is given back.
    """
    if units == 0:
        ledger.release_unbilled(session, job, at=at)
        return {"billed_units": 0.0, "billed_usd": 0.0}
    price = (job.price or {}).get("unit_usd")
    if price is None:
        return {"billed_units": units}
    usd = round(units * price, 6)
    ledger.record_bill(session, job, units=units, usd=usd, at=at)
    return {"billed_units": units, "billed_usd": usd}


def restore_reservation(session: Session, job: Job | JobHead, *, at: datetime) -> JobColumns:
    """A video came of a job that had been written off: it counts again; returns the columns that say so.

    Whoever makes a video bills it, so "nothing was billed" is no longer believed, and is asked anew.
    """
    if job.estimate_usd is not None and ledger.was_released(session, job.id):
        ledger.restore_estimate(session, job, at=at)
    return {"billed_units": None, "billed_usd": None, "bill_tries": 0} if job.billed_units == 0 else {}


def spending_summary(deps: Deps, owner: str | None = None) -> SpendingSummary:
    """What was spent, by one person or by all."""
    now = deps.clock.now()
    day, month = f"{now:%Y-%m-%d}", f"{now:%Y-%m}-01"
    with deps.store.read() as session:
        limits = _limits(deps, session, owner, now, hard=True)
        warnings = _limits(deps, session, owner, now, hard=False)
        held, at_risk_usd = ledger.at_risk(session, owner)
        today, whole_month = (
            ledger_sums.spent_micros(session, first_day=first, last_day=day, owner=owner)
            for first in (day, month)
        )
        return SpendingSummary(
            today_usd=today / MICROS_PER_USD,
            month_usd=whole_month / MICROS_PER_USD,
            at_risk_usd=at_risk_usd,
            held=held,
            unpriced=ledger.count_unpriced(session, day=day, owner=owner),
            tightest_limit=_tightest(limits),
            passed_warnings=[one for one in warnings if one.is_exhausted],
        )


def spending_by_day(deps: Deps, *, days: Sequence[str], owner: str | None = None) -> Sequence[SpendingShare]:
    """What each of these days (UTC, "2026-11-21", in order) counts for, also those without any take."""
    with deps.store.read() as session:
        found = dict(ledger_sums.by_day(session, first_day=days[0], last_day=days[-1], owner=owner))
    return [SpendingShare(day, found.get(day, 0) / MICROS_PER_USD) for day in days]


def spending_by_model(deps: Deps, *, first_day: str, owner: str | None = None) -> Sequence[SpendingShare]:
    """What each model's takes since that day count for, the dearest first."""
    with deps.store.read() as session:
        found = ledger_sums.by_model(session, first_day=first_day, owner=owner)
    return [SpendingShare(name, amount / MICROS_PER_USD) for name, amount in found]


def spending_by_person(deps: Deps, *, first_day: str) -> Sequence[SpendingShare]:
    """What each person's takes since that day count for, the dearest first."""
    with deps.store.read() as session:
        found = ledger_sums.by_owner(session, first_day=first_day)
    return [SpendingShare(name, amount / MICROS_PER_USD) for name, amount in found]


def _tightest(limits: Sequence[BudgetLimit]) -> BudgetLimit | None:
    return min(limits, key=lambda limit: limit.left_micros, default=None)


def _limits(
    deps: Deps, session: Session, owner: str | None, now: datetime, *, hard: bool
) -> list[BudgetLimit]:
    """Every limit that is set, with what is left of it; a person's own only for a person."""
    day, month = f"{now:%Y-%m-%d}", f"{now:%Y-%m}-01"
    found = []
    for ending, monthly, personal, title, until in _KINDS:
        setting = f"budget_{'' if hard else 'warn_'}{ending}"
        limit_usd: float | None = getattr(deps.settings, setting)
        if limit_usd is None or (personal and owner is None):
            continue
        first, whose = month if monthly else day, owner if personal else None
        spent = ledger_sums.spent_micros(session, first_day=first, last_day=day, owner=whose)
        left = ledger.to_micros(limit_usd) - spent
        words = title if hard else title.replace("budget", "soft limit")
        found.append(BudgetLimit(setting.upper(), words, until, hard, limit_usd, left))
    return found
