"""Limits as admins set them: kept in the database, with who and when, beside those of the settings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest
from backend.domain.kinds import BudgetPeriod, BudgetScope
from backend.models import Budget
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.services.money import limits
from backend.services.money.limits import BudgetLimit, LimitRule, TakesOf
from backend.store.library import groups
from backend.store.money.ledger import MICROS_PER_USD, to_micros
from backend.store.records import budgets as kept_limits

#: More than any team spends a month; what is beyond it is a slip of the hand.
MAX_USD = 1e9
#: So many limits that have ended are shown.
ENDED_SHOWN = 20


@dataclass(frozen=True)
class LimitStatus:
    """A limit in force, and what it has left now; None where it is for each person or model alone."""

    rule: LimitRule
    measured: BudgetLimit | None


def set_limit(
    deps: Deps,
    viewer: Viewer,
    *,
    scope: BudgetScope,
    name: str = "",
    period: BudgetPeriod,
    hard: bool = True,
    usd: float,
) -> None:
    """From now on this limit holds, in the place of one for the same takes and period, in every process.

    name: the person, the model, or the id of the project or collection; "": each of them alone. hard: starts
    beyond it are refused; else it warns.

    Raises:
        NotAllowed: the viewer is no admin.
        InvalidRequest: names every field at fault.
    """
    viewer.must(Do.EDIT_BUDGETS)
    name, faults = name.strip(), {}
    if not (math.isfinite(usd) and 0 <= usd <= MAX_USD):
        faults["usd"] = f"is no amount between $0 and ${MAX_USD:,.0f}"
    if name and scope == BudgetScope.ALL:
        faults["name"] = "has no place in a limit for everybody"
    if name and scope == BudgetScope.MODEL and not _is_known(deps, name):
        faults["name"] = f"{name[:80]!r} is no model that is known here"
    if name and (kind := limits.GROUPS.get(scope)) and not _is_group(deps, kind, name):
        faults["name"] = f"{name[:80]!r} is no {scope}'s id"
    if faults:
        raise InvalidRequest(faults)
    row = Budget(
        id=deps.clock.new_id(), scope=scope, name=name, period=period, hard=hard, micros=to_micros(usd),
        set_at=deps.clock.now(), set_by=viewer.name,
    )  # fmt: skip
    with deps.store.begin() as session:
        kept_limits.replace(session, row)
        _record(deps, session, viewer, row, ends=False)


def end_limit(deps: Deps, viewer: Viewer, limit_id: str) -> None:
    """From now on this limit holds no longer. Raises NotAllowed: the viewer is no admin; NotFound."""
    viewer.must(Do.EDIT_BUDGETS)
    with deps.store.begin() as session:
        ended = kept_limits.end(session, limit_id, at=deps.clock.now(), by=viewer.name)
        _record(deps, session, viewer, ended, ends=True)


def list_limits(deps: Deps, viewer: Viewer) -> list[LimitStatus]:
    """Every limit in force, those of the settings first. Raises NotAllowed: the viewer is no admin."""
    viewer.must(Do.SEE_BUDGETS_OF_OTHERS)
    now, found = deps.clock.now(), list[LimitStatus]()
    rules = limits.all_rules(deps)
    with deps.store.read() as session:
        for rule in rules:
            measured = limits.measure(deps, session, [rule], _its_takes(rule), at=now)
            found.append(LimitStatus(rule, measured[0] if measured else None))
    return found


def list_ended(deps: Deps, viewer: Viewer) -> Sequence[Budget]:
    """The limits that ended last, with who set them and who ended them. Raises as `list_limits`."""
    viewer.must(Do.SEE_BUDGETS_OF_OTHERS)
    with deps.store.read() as session:
        return kept_limits.list_ended(session, limit=ENDED_SHOWN)


def _record(deps: Deps, session: Session, viewer: Viewer, row: Budget, *, ends: bool) -> None:
    said = {name: getattr(row, name) for name in ("scope", "name", "period", "hard")}
    said["usd"] = row.micros / MICROS_PER_USD
    changed = {field: (value, None) if ends else (None, value) for field, value in said.items()}
    record(
        session, deps, viewer, Action.BUDGET_CHANGED, object_type="budget", object_id=row.id,
        changed=changed, micros=row.micros,
    )  # fmt: skip


def _its_takes(rule: LimitRule) -> TakesOf:
    """The takes that it is for by its name; none where it is for each alone."""
    match rule.scope if rule.name else BudgetScope.ALL:
        case BudgetScope.PERSON:
            return TakesOf(owners=(rule.name,))
        case BudgetScope.MODEL:
            return TakesOf(model=rule.name)
        case BudgetScope.PROJECT:
            return TakesOf(project=rule.name)
        case BudgetScope.COLLECTION:
            return TakesOf(collections=(rule.name,))
    return TakesOf()


def _is_group(deps: Deps, kind: type[groups.Group], group_id: str) -> bool:
    with deps.store.read() as session:
        return bool(groups.find_known(session, kind, [group_id]))


def _is_known(deps: Deps, model_id: str) -> bool:
    try:
        deps.catalogue.get(model_id)
    except KeyError:
        return False
    return True
