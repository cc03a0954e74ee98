"""Limits of money: those of the settings and those that admins set, and what each has left.

A limit adds up what the takes of a day or a month count for: everybody's, a person's, a model's, or those of
a project or a collection. A hard one is never passed by a start; a soft one only warns.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.domain.errors import NotFound
from backend.domain.kinds import BudgetPeriod, BudgetScope
from backend.models import Budget, Collection, Project
from backend.services.deps import Deps
from backend.services.money import team_days
from backend.store.library import groups as kept_groups
from backend.store.money import ledger, ledger_sums
from backend.store.money.ledger import MICROS_PER_USD, to_micros
from backend.store.records import budgets as kept_limits
from backend.store.records.start_facts import StartFacts

#: A limit of which so much is used is told of before something is sent.
NEAR_SHARE = 0.8

#: What takes are put together in, by the scope of limits for it, as sums are asked for by it.
GROUPS: dict[str, type[kept_groups.Group]] = {"project": Project, "collection": Collection}

#: (the setting's name, scope, period, is it hard?)
_SETTINGS = tuple(
    (f"budget_{beginning}{ending}", scope, period, hard)
    for beginning, hard in (("", True), ("warn_", False))
    for ending, scope, period in (
        ("day_usd", BudgetScope.ALL, BudgetPeriod.DAY),
        ("user_day_usd", BudgetScope.PERSON, BudgetPeriod.DAY),
        ("month_usd", BudgetScope.ALL, BudgetPeriod.MONTH),
        ("user_month_usd", BudgetScope.PERSON, BudgetPeriod.MONTH),
    )
)


@dataclass(frozen=True)
class TakesOf:
    """Whose takes, and of what: a person, by all their names, a model, a project and collections.

    None, and no collection: of none.
    """

    owners: tuple[str, ...] | None = None
    model: str | None = None
    project: str | None = None
    collections: tuple[str, ...] = ()


@dataclass(frozen=True)
class LimitRule:
    """What is limited, by how much. source: the setting's name, or the id of one that an admin set.

    name: the person, the model, or the id of the project or collection; "": each of them alone. set_by: who
    set it, None: a setting does.
    """

    source: str
    scope: BudgetScope
    name: str
    period: BudgetPeriod
    hard: bool
    limit_micros: int
    set_by: str | None = None
    set_at: datetime | None = None

    def counts(self, of: TakesOf) -> list[dict[str, Any]]:
        """Which takes it adds up, as `ledger_sums.spent_micros` is asked for them: one sum, or one for each
        collection; []: it does not concern these."""
        match self.scope:
            case BudgetScope.PERSON:
                owners = of.owners
                return [{"owners": owners}] if owners is not None and self.name in ("", *owners) else []
            case BudgetScope.COLLECTION:
                return [{"collection": one} for one in of.collections if self.name in ("", one)]
            case BudgetScope.MODEL | BudgetScope.PROJECT:
                one = of.model if self.scope == BudgetScope.MODEL else of.project
                return [{str(self.scope): one}] if one is not None and self.name in ("", one) else []
        return [{}]

    @property
    def limit_usd(self) -> float:
        """What it allows, in dollars."""
        return self.limit_micros / MICROS_PER_USD


@dataclass(frozen=True)
class BudgetLimit:
    """One limit and what counts against it now. hard: a start may not pass it; a soft one only warns."""

    setting: str  #: the name of the setting that holds it, or the id of one that an admin set
    title: str  #: "today's budget"
    left_words: str  #: what "$38.00 left" is left of: "left today"
    renews: str  #: "Mon 2 Nov, 00:00 (Europe/Berlin)"
    renews_at: datetime
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

    @property
    def is_near(self) -> bool:
        """Is so much used that the next takes may not fit?"""
        return self.left_micros <= to_micros(self.limit_usd * (1 - NEAR_SHARE))


def all_rules(deps: Deps, *, facts: StartFacts | None = None) -> list[LimitRule]:
    """Every limit in force: those of the settings first. facts: what was just looked up.

    Raises StoreUnavailable.
    """
    kept = facts.limits if facts else kept_limits.query_in_force(deps.store)
    return [*_of_settings(deps), *map(rule_of, kept)]


def rules_now(deps: Deps, session: Session) -> list[LimitRule]:
    """The same, within a transaction: for who waited until it was their turn."""
    return [*_of_settings(deps), *map(rule_of, kept_limits.in_force(session))]


def measure(
    deps: Deps, session: Session, rules: Sequence[LimitRule], of: TakesOf, *, at: datetime
) -> list[BudgetLimit]:
    """What is left of each limit that concerns these takes, at this moment.

    Takes of unknown price that go on count for hard limits also if they were asked for when there was none.
    Who decides by it in a transaction that writes must hold `ledger_sums.BUDGET_LOCK` before.
    """
    zone, today = deps.settings.zone, team_days.day_of(at, deps.settings.zone)
    month = team_days.month_start(at, zone)
    month_end = f"{month[:-2]}31"  # not today: a host whose clock is ahead may be in tomorrow
    unknown_micros, found = to_micros(deps.settings.budget_unknown_usd), []
    known: dict[tuple[Any, ...], tuple[int, int]] = {}
    for rule in rules:
        a_month = rule.period == BudgetPeriod.MONTH
        days = {"first_day": month if a_month else today, "last_day": month_end if a_month else today}
        for counted in rule.counts(of):
            asked = (*days.values(), *counted.items())
            if asked not in known:
                unreserved = ledger.count_unreserved(session, **days, **counted) * unknown_micros
                known[asked] = ledger_sums.spent_micros(session, **days, **counted), unreserved
            spent, unreserved = known[asked]
            left = rule.limit_micros - spent - (unreserved if rule.hard else 0)
            found.append(_limit(deps, rule, _named(session, counted), at, left_micros=left))
    return found


def tightest(limits: Sequence[BudgetLimit]) -> BudgetLimit | None:
    """The one with the least left."""
    return min(limits, key=lambda limit: limit.left_micros, default=None)


def renewal(deps: Deps, period: BudgetPeriod, at: datetime) -> tuple[datetime, str]:
    """When limits of this period renew next, and that in words of the team's time zone."""
    ends = team_days.next_day_at if period == BudgetPeriod.DAY else team_days.next_month_at
    renews_at = ends(at, deps.settings.zone)
    there = renews_at.astimezone(deps.settings.zone)
    return renews_at, f"{there:%a} {there.day} {there:%b}, {there:%H:%M} ({deps.settings.time_zone})"


def _named(session: Session, counted: dict[str, Any]) -> str | None:
    """What people call the model, the project or the collection whose takes are counted."""
    for name, kind in GROUPS.items():
        if name in counted:
            with suppress(NotFound):  # it was deleted just now
                return f"the {name} {kept_groups.get_group(session, kind, counted[name]).name}"
            return f"a {name} that was deleted"
    return counted.get("model")


def _limit(deps: Deps, rule: LimitRule, whose: str | None, at: datetime, *, left_micros: int) -> BudgetLimit:
    renews_at, renews = renewal(deps, rule.period, at)
    a_day = rule.period == BudgetPeriod.DAY
    personal = rule.scope == BudgetScope.PERSON
    kind = "budget" if rule.hard else "warning level"
    if personal:
        title = f"your {kind} for {'today' if a_day else 'this month'}"
    else:
        title = f"{'today' if a_day else 'this month'}'s {kind}"
    left = f"left {'today' if a_day else 'this month'}"
    if whose is not None:
        title, left = f"{title} for {whose}", f"{left} for this {rule.scope}"
    return BudgetLimit(
        setting=rule.source,
        title=title,
        left_words=f"{left} for you" if personal else left,
        renews=renews,
        renews_at=renews_at,
        hard=rule.hard,
        limit_usd=rule.limit_usd,
        left_micros=left_micros,
    )


def _of_settings(deps: Deps) -> Iterator[LimitRule]:
    for name, scope, period, hard in _SETTINGS:
        usd: float | None = getattr(deps.settings, name)
        if usd is not None:
            yield LimitRule(name.upper(), scope, "", period, hard, to_micros(usd))


def rule_of(row: Budget) -> LimitRule:
    """A limit as an admin set it."""
    return LimitRule(
        row.id, BudgetScope(row.scope), row.name, BudgetPeriod(row.period), row.hard, row.micros,
        row.set_by, row.set_at,
    )  # fmt: skip
