"""What was billed for nothing: takes that failed or were cancelled, were made twice, or nobody opened."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, cast, func, literal, union_all
from sqlalchemy import select as columns
from sqlmodel import Session, col

from backend.domain.clock import id_lower_bound
from backend.models import UNOPENED, WASTED, Job, LedgerEntry, TakeInputs, TakeOpinion
from backend.store.library import openings
from backend.store.money import same_inputs, take_sums
from backend.store.money.spend_sums import KEYS, ids_of_days, named, within, within_reason

#: What nobody has looked at for so long is not looked at any more: longer than a holiday.
UNOPENED_AFTER = timedelta(days=14)
#: Stands among the names of `wasted_by` for why: one of the three below.
WHY = "why"
LOST, TWICE, NEVER_OPENED = "lost", "twice", "never opened"


def wasted_by(
    session: Session,
    names: Sequence[str],
    *,
    since: str | None,
    until: str | None,
    fitting: Mapping[str, Any],
    at: datetime,
) -> Sequence[Any]:
    """As `spend_sums.sum_by`: what was billed for nothing, as far as that is so `at` this moment, as
    `wasted_micros`. Each take counts once."""
    since, until = within_reason(since, until)
    first_id, behind_id = ids_of_days(since, until)
    to = take_sums.belonging(*names, *fitting)
    lost, twice, unopened = (_said(why, to) for why in (LOST, TWICE, NEVER_OPENED))
    every = union_all(
        _between(lost.where(WASTED), col(Job.id), first_id, behind_id),
        _between(same_inputs.where_duplicate(twice), col(TakeInputs.job_id), first_id, behind_id),
        _where_unopened(unopened).where(*_of_age(session, at, first_id, behind_id)),
    ).subquery()
    names_of = (*KEYS, *to, WHY, "micros")
    fit = within(_select([every.c[name] for name in names_of]), since, until, fitting).subquery()
    of = [named(fit, name) for name in names]
    total = cast(func.coalesce(func.sum(fit.c.micros), 0), BigInteger).label("wasted_micros")
    query = _select([*(one.label(name) for one, name in zip(of, names, strict=True)), total]).group_by(*of)
    return session.connection().execute(query).all()


def _said(why: str, to: Sequence[str]) -> Select[Any]:
    """Of every job: when, whose and of what it is, what it belongs to, and what it was billed."""
    # The sum keeps PostgreSQL from walking the ledger in the order of its ids until it meets the job.
    lines = columns(col(LedgerEntry.day)).where(col(LedgerEntry.job_id) == col(Job.id))
    return _select([
        lines.order_by(col(LedgerEntry.id) + 0).limit(1).scalar_subquery().label("day"),
        col(Job.owner),
        col(Job.model),
        func.coalesce(col(Job.template_version), 0).label("template"),
        *(take_sums.belongs_to(name) for name in to),
        literal(why).label(WHY),
        cast(func.round(col(Job.billed_usd) * 1_000_000), BigInteger).label("micros"),
    ])  # fmt: skip


def _where_unopened(query: Select[Any]) -> Select[Any]:
    """Not looked at, not judged by anybody, and not told of as made twice."""
    opinions = columns(col(TakeOpinion.job_id)).where(col(TakeOpinion.job_id) == col(Job.id))
    twins = columns(col(TakeInputs.job_id)).where(
        col(TakeInputs.job_id) == col(Job.id),
        col(TakeInputs.twin_id).is_not(None),
        ~same_inputs.made_for_experiment(),
    )
    return query.where(UNOPENED, ~opinions.exists(), ~twins.exists())


def _of_age(
    session: Session, at: datetime, first: str | None, behind: str | None
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Between these two, since openings are noted, and old enough.

    One bound each way: of two, SQLite walks its index by either and looks at every take for the other.
    """
    noted, old = openings.first_noted(session), id_lower_bound(at - UNOPENED_AFTER)
    since = col(Job.id) >= first if first is not None and first > noted else col(Job.id) > noted
    return since, col(Job.id) < (old if behind is None else min(old, behind))


def _between(query: Any, of: Any, first: str | None, behind: str | None) -> Select[Any]:
    """Only those whose id stands between these two."""
    found: Select[Any] = query if first is None else query.where(of >= first)
    return found if behind is None else found.where(of < behind)


def _select(found: Sequence[Any]) -> Select[Any]:
    """A query of columns that are known only when it runs."""
    return columns(*found)
