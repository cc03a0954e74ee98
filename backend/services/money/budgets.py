"""Money: what takes count for, and the limits that a start may not pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from backend.domain.errors import BudgetExceeded
from backend.models import Job, JobColumns, JobHead
from backend.services.deps import Deps
from backend.services.money import limits, team_days
from backend.services.money.limits import BudgetLimit, LimitRule
from backend.store.database.locks import acquire_advisory_lock
from backend.store.money import ledger, ledger_sums
from backend.store.money.ledger import MICROS_PER_USD, Reservation


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
    near: Sequence[BudgetLimit]  #: hard limits of which little is left
    unknown_usd: float | None  #: what a take without a price counts for; None: no hard limit concerns it


def check_budget(
    deps: Deps,
    session: Session,
    job: Job,
    rules: Sequence[LimitRule],
    *,
    owners: Sequence[str],
    collections: Sequence[str] = (),
    takes: int = 1,
) -> Reservation:
    """What a new job counts for until its bill: its ceiling, if that fits every limit.

    Asked in the transaction that makes the job, which writes what is returned into the ledger. rules: as
    `limits.all_rules` has them. owners: all names of whoever makes it. collections: those that it is put
    into. takes: so many like it. A job without a price counts for `BUDGET_UNKNOWN_USD` while a hard limit
    concerns it.

    Raises:
        BudgetExceeded: it does not fit; names the tightest limit and how much it has left.
    """
    of = limits.TakesOf(tuple(owners), job.model, job.project_id, tuple(collections))
    hard = [rule for rule in rules if rule.hard and rule.counts(of)]
    if hard:
        acquire_advisory_lock(session, ledger_sums.BUDGET_LOCK)  # two starts at one moment are added up
        rules = limits.rules_now(deps, session)  # they may have changed meanwhile
        hard = [rule for rule in rules if rule.hard and rule.counts(of)]
    ceiling_usd = ceiling(job)
    each_usd = ceiling_usd if ceiling_usd is not None else deps.settings.budget_unknown_usd if hard else 0.0
    counts_usd = each_usd * takes
    reserved = Reservation(team_days.day_of(job.created_at, deps.settings.zone), ledger.to_micros(counts_usd))
    tight = limits.tightest(limits.measure(deps, session, hard, of, at=job.created_at)) if hard else None
    if tight and (tight.is_exhausted or reserved.micros > tight.left_micros):
        raise BudgetExceeded(
            tight.left_usd, counts_usd, price_known=ceiling_usd is not None, limit=tight.setting,
            title=tight.title, renews=tight.renews, renews_at=tight.renews_at,
        )  # fmt: skip
    return reserved


def ceiling(job: Job) -> float | None:
    """What a job costs at most (USD), as far as its price tells; None: nobody knows."""
    at_most: float | None = (job.price or {}).get("at_most_usd")
    known = [usd for usd in (at_most, job.estimate_usd) if usd is not None]
    return max(known, default=None)


def restore_reservation(session: Session, job: Job | JobHead, *, at: datetime) -> JobColumns:
    """A video came of a job that had been written off: it counts again; returns the columns that say so.

    Whoever makes a video bills it, so "nothing was billed" is no longer believed, and is asked anew.
    """
    changes: JobColumns = {}
    if ledger.was_released(session, job.id):
        changes = {"charge": None, "bill_tries": 0}
        ledger.restore_reservation(session, job, at=at)
    if job.billed_units == 0 or job.billed_usd == 0:
        changes |= {"billed_units": None, "billed_usd": None, "bill_tries": 0}
    return changes


def spending_summary(
    deps: Deps,
    owners: Sequence[str] | None = None,
    *,
    model: str | None = None,
    project: str | None = None,
    collections: Sequence[str] = (),
) -> SpendingSummary:
    """What was spent, by whoever has these names or by all; and the limits, also of a model, a project and
    collections."""
    now, zone = deps.clock.now(), deps.settings.zone
    day, month = team_days.day_of(now, zone), team_days.month_start(now, zone)
    rules = limits.all_rules(deps)
    of = limits.TakesOf(None if owners is None else tuple(owners), model, project, tuple(collections))
    with deps.store.read() as session:
        measured = limits.measure(deps, session, rules, of, at=now)
        held, at_risk_usd = ledger.at_risk(session, owners)
        today, whole_month = ledger_sums.spent_of_day_and_since(session, month, day=day, owners=owners)
        unpriced = ledger.count_unpriced(session, day=day, owners=owners)
    hard = [one for one in measured if one.hard]
    return SpendingSummary(
        today_usd=today / MICROS_PER_USD,
        month_usd=whole_month / MICROS_PER_USD,
        at_risk_usd=at_risk_usd,
        held=held,
        unpriced=unpriced,
        tightest_limit=limits.tightest(hard),
        passed_warnings=[one for one in measured if not one.hard and one.is_exhausted],
        near=[one for one in hard if one.is_near],
        unknown_usd=deps.settings.budget_unknown_usd if hard else None,
    )
