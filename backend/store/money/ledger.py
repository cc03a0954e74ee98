"""The ledger: every amount that was reserved, billed or given back, in millionths of a dollar. Append only.

What a take counts for is the sum of its lines: an estimate is reserved when it is asked for, and taken
back by the line that bills it, or that gives it up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast, func, insert, literal
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select, SelectOfScalar

from backend.domain.kinds import EntryKind
from backend.models import HELD, CollectionTake, Job, JobHead, LedgerEntry
from backend.store.database.rows import one_of

MICROS_PER_USD = 1_000_000


def to_micros(usd: float) -> int:
    """Dollars in millionths, rounded to the nearest."""
    return round(usd * MICROS_PER_USD)


@dataclass(frozen=True)
class Reservation:
    """What a new take counts for until its bill, in millionths of a dollar, and on which day (the team's)."""

    day: str
    micros: int


def reservation_columns(job: Job, reserved: Reservation) -> dict[str, Any]:
    """The first line of a new job: what it reserves; source `unknown`: nobody knows its price."""
    source = "unknown" if job.estimate_usd is None else "estimate"
    line = _columns(job, EntryKind.ESTIMATE, reserved.micros, at=job.created_at, source=source)
    return {**line, "day": reserved.day}


def record_bill(
    session: Session,
    job: Job | JobHead,
    *,
    units: float | None,
    usd: float,
    at: datetime,
    source: str = "billed",
) -> None:
    """The provider billed this; it takes the place of whatever the job counted for.

    source: "events": so say its billing events; "estimate": nothing is told, and the estimate stands in.
    """
    amount = to_micros(usd) - counted_micros(session, job.id)
    _write(session, job, EntryKind.BILL, amount, at=at, source=source, units=units)


def release_unbilled(session: Session, job: Job | JobHead, *, at: datetime, source: str = "unbilled") -> None:
    """Nothing was billed: the job counts for nothing from now on. source: "written_off": a person says so."""
    left = counted_micros(session, job.id)
    if left or not was_released(session, job.id):
        _write(session, job, EntryKind.RELEASE, -left, at=at, source=source)


def restore_reservation(session: Session, job: Job | JobHead, *, at: datetime) -> None:
    """A job that was given up counts again for what it reserved; no line where that was nothing."""
    first = session.exec(_first_line(job.id)).first()
    if first is not None and first.micros:
        _write(session, job, EntryKind.RESTORE, first.micros, at=at, source=first.source)


def was_released(session: Session, job_id: str) -> bool:
    """Is the last word on this job that nothing was billed?"""
    kinds = select(LedgerEntry.kind).where(LedgerEntry.job_id == job_id)
    return session.exec(kinds.order_by(col(LedgerEntry.id).desc()).limit(1)).first() == EntryKind.RELEASE


def counted_micros(session: Session, job_id: str) -> int:
    """What a job counts for now, in millionths of a dollar."""
    return session.exec(select(_total()).where(LedgerEntry.job_id == job_id)).one()


def count_unpriced(session: Session, *, day: str, owners: Sequence[str] | None = None) -> int:
    """How many takes of this day have neither an estimate nor a bill, and may cost something."""
    return session.exec(_unpriced(day, day, None if owners is None else tuple(owners))).one()


def count_unreserved(
    session: Session,
    *,
    first_day: str,
    last_day: str,
    owners: Sequence[str] | None = None,
    model: str | None = None,
    project: str | None = None,
    collection: str | None = None,
) -> int:
    """How many takes of these days go on, have no price, and reserved nothing: no limit concerned them."""
    whose = None if owners is None else tuple(owners)
    query = _unpriced(first_day, last_day, whose).join(Job, col(Job.id) == col(LedgerEntry.job_id))
    query = query.where(LedgerEntry.micros == 0, col(Job.ended_at).is_(None))
    query = query if project is None else query.where(Job.project_id == project)
    if collection is not None:
        its = select(CollectionTake.job_id).where(CollectionTake.collection_id == collection)
        query = query.where(col(Job.id).in_(its))
    return session.exec(query if model is None else query.where(Job.model == model)).one()


@lru_cache(maxsize=128)  # making it costs more than asking it
def _unpriced(first_day: str, last_day: str, owners: tuple[str, ...] | None) -> SelectOfScalar[int]:
    """Counts first lines of these days whose takes have neither an estimate nor a bill."""
    later = aliased(LedgerEntry)
    after = select(later.id).where(later.job_id == LedgerEntry.job_id, later.kind != EntryKind.ESTIMATE)
    days = col(LedgerEntry.day) >= first_day, col(LedgerEntry.day) <= last_day
    query = select(func.count()).select_from(LedgerEntry)
    query = query.where(*days, LedgerEntry.source == "unknown", ~after.exists())
    return query if owners is None else query.where(one_of(LedgerEntry.owner, owners))


def at_risk(session: Session, owners: Sequence[str] | None = None) -> tuple[int, float]:
    """(how many takes are held, the dollars that they were estimated at): any may have been charged."""
    held, usd = session.exec(_at_risk(None if owners is None else tuple(owners))).one()
    return held, float(usd or 0.0)


@lru_cache(maxsize=128)
def _at_risk(owners: tuple[str, ...] | None) -> Select[int, float | None]:
    total = func.coalesce(func.sum(Job.estimate_usd), 0.0)
    query = select(func.count(), total).where(HELD)
    return query if owners is None else query.where(one_of(Job.owner, owners))


def of_job(session: Session, job_id: str) -> Sequence[LedgerEntry]:
    """Every line of a job, oldest first."""
    lines = select(LedgerEntry).where(LedgerEntry.job_id == job_id)
    return session.exec(lines.order_by(col(LedgerEntry.id))).all()


def _total() -> ColumnElement[int]:
    """The sum of the amounts, as a whole number on every database."""
    return cast(func.coalesce(func.sum(LedgerEntry.micros), 0), BigInteger)


def _first_line(job_id: str) -> SelectOfScalar[LedgerEntry]:
    return select(LedgerEntry).where(LedgerEntry.job_id == job_id).order_by(col(LedgerEntry.id)).limit(1)


def _write(session: Session, job: Job | JobHead, kind: EntryKind, amount: int, **said: Any) -> None:
    """A further line of a job, on the day of its first one, whatever the time zone is by now."""
    line = _columns(job, kind, amount, **said)
    first_day = _first_line(job.id).with_only_columns(col(LedgerEntry.day)).scalar_subquery()
    line["day"] = func.coalesce(first_day, literal(line["day"]))
    session.connection().execute(insert(LedgerEntry).values(line))


def _columns(
    job: Job | JobHead, kind: EntryKind, amount: int, *, at: datetime, source: str, units: float | None = None
) -> dict[str, Any]:
    price = job.price or {}
    return {
        "job_id": job.id,
        "owner": job.owner,
        "day": f"{job.created_at:%Y-%m-%d}",
        "kind": kind,
        "micros": amount,
        "source": source,
        "units": units,
        "unit": price.get("unit"),
        "unit_usd": price.get("unit_usd"),
        "at": at,
    }
