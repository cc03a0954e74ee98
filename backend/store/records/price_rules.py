"""Rules that price takes, as a team writes them. Append only."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, func
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.models import TeamPriceRule
from backend.store.database.engine import Store
from backend.store.database.rows import insert_row

#: A model's newest row, by its endpoint.
NEWEST = (
    columns(col(TeamPriceRule.id), col(TeamPriceRule.rule))
    .where(col(TeamPriceRule.endpoint) == bindparam("endpoint"))
    .order_by(col(TeamPriceRule.id).desc())
    .limit(1)
)
_NEWEST_OF_EACH = select(TeamPriceRule).where(
    col(TeamPriceRule.id).in_(columns(func.max(col(TeamPriceRule.id))).group_by(col(TeamPriceRule.endpoint)))
)


def query_newest(store: Store, endpoint: str) -> tuple[str, dict[str, Any] | None] | None:
    """(id, rule) of a model's newest row, by one statement: every estimate asks. Raises StoreUnavailable."""
    rows = store.query(NEWEST, {"endpoint": endpoint})
    return (rows[0][0], rows[0][1]) if rows else None


def insert_rule(session: Session, row: TeamPriceRule) -> None:
    """Put a rule in force."""
    insert_row(session, row)


def list_newest(session: Session) -> Sequence[TeamPriceRule]:
    """The newest row of every model that has one."""
    return session.exec(_NEWEST_OF_EACH).all()


def list_of(session: Session, endpoint: str, *, limit: int) -> Sequence[TeamPriceRule]:
    """A model's rules, the newest first."""
    rows = select(TeamPriceRule).where(col(TeamPriceRule.endpoint) == endpoint)
    return session.exec(rows.order_by(col(TeamPriceRule.id).desc()).limit(limit)).all()
