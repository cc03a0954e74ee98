"""What every start and estimate asks before it can be priced, by one statement: three would cost three ways.

Which catalogue is the newest, how the team prices the model, and which limits are in force: each as it is
now, so that nothing of it is ever stale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, literal, true
from sqlalchemy import select as columns
from sqlmodel import col

from backend.models import Budget, KeyValue
from backend.store.database.engine import Store
from backend.store.records import budgets, price_rules

_CATALOGUE = (
    columns(col(KeyValue.value)).where(col(KeyValue.name) == bindparam("catalogue")).scalar_subquery()
)
_RULE = price_rules.NEWEST.subquery()
_ONE = columns(literal(1).label("one")).subquery()
_FACTS = (
    columns(_CATALOGUE, _RULE.c.id, _RULE.c.rule, *(col(getattr(Budget, name)) for name in budgets.NAMES))
    .select_from(_ONE.outerjoin(_RULE, true()).outerjoin(Budget, col(Budget.ended_at).is_(None)))
    .order_by(*budgets.ORDER)
)


@dataclass(frozen=True)
class StartFacts:
    """catalogue: what the fact of that name says; None: nothing. rule: (id, rule) of the model's newest row;
    None: the team never wrote one. limits: those in force that admins set."""

    catalogue: dict[str, Any] | None
    rule: tuple[str, dict[str, Any] | None] | None
    limits: Sequence[Budget]


def query_facts(store: Store, *, catalogue: str, endpoint: str) -> StartFacts:
    """What is so now. catalogue: the name of the fact; endpoint: the model's. Raises StoreUnavailable."""
    rows = store.query(_FACTS, {"catalogue": catalogue, "endpoint": endpoint})
    known, rule_id, rule = rows[0][:3]
    return StartFacts(
        known,
        None if rule_id is None else (rule_id, rule),
        [budgets.read_row(row[3:]) for row in rows if row[3] is not None],
    )
