"""Bills as what they teach: what the newest takes of a model were asked for, and what each was billed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func
from sqlalchemy import select as columns
from sqlmodel import col

from backend.domain.states import JobState
from backend.models import Job
from backend.store.database.engine import Store

#: So many of a model's newest takes are looked through: enough for its usual settings, and read at once.
NEWEST_TAKES = 100


class BilledTake(NamedTuple):
    """What a take was asked for, and its bill; types as in `Job`."""

    params: dict[str, Any]
    image: str | None
    image_field: str | None
    images: dict[str, Any]
    price: dict[str, Any] | None
    billed_units: float | None
    billed_usd: float
    created_at: datetime


_NEWEST = (
    columns(*(col(getattr(Job, name)) for name in (*BilledTake._fields, "state", "version", "id")))
    .where(col(Job.model) == bindparam("model"))
    .order_by(col(Job.id).desc())
    .limit(NEWEST_TAKES)
    .subquery()
)
_IS_BILLED = (_NEWEST.c.billed_usd > 0, _NEWEST.c.state == JobState.STORED)
_BILLED = columns(*(_NEWEST.c[name] for name in BilledTake._fields)).where(*_IS_BILLED)
#: A bill that is corrected raises no version: it moves no take.
_REVISION = columns(
    func.count(), func.sum(_NEWEST.c.version), func.max(_NEWEST.c.id), func.sum(_NEWEST.c.billed_usd)
).where(*_IS_BILLED)


def query_billed(store: Store, model: str) -> Sequence[BilledTake]:
    """The billed ones of a model's newest takes, the newest first. Raises StoreUnavailable."""
    return [BilledTake(*row) for row in store.query(_BILLED, {"model": model})]


def query_revision(store: Store, model: str) -> object:
    """What changes whenever `query_billed` would find something else. Raises StoreUnavailable."""
    return tuple(store.query(_REVISION, {"model": model})[0])
