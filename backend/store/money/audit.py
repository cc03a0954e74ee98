"""The ledger read for a second time: takes beside all their lines, kept sums beside what they add up."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, cast, func, literal, union_all
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.models import DaySum, Job, LedgerEntry, SpendSum
from backend.store.money import ledger_sums, spend_sums


class TakeMoney(NamedTuple):
    """What a take says of its money, with every line that it has in the ledger, oldest first."""

    id: str
    owner: str
    state: str
    estimate_usd: float | None
    price: dict[str, Any] | None
    billed_units: float | None
    billed_usd: float | None
    error: dict[str, Any] | None
    lines: Sequence[LedgerEntry]


class LineOf(NamedTuple):
    """A line, whose take it counts for, and when it was written."""

    id: int
    job_id: str
    at: datetime


class SumDifference(NamedTuple):
    """A kept sum that isn't what its lines come to, in millionths of a dollar."""

    day: str
    owner: str
    model: str
    kept: int
    lines: int


_TAKE = [getattr(Job, name) for name in TakeMoney._fields if name != "lines"]


def takes_after(session: Session, job_id: str, *, before: str, limit: int) -> Sequence[TakeMoney]:
    """The next takes by id, from behind this one and up to `before`."""
    query = columns(*_TAKE).where(col(Job.id) > job_id, col(Job.id) < before).order_by(col(Job.id))
    rows = session.connection().execute(query.limit(limit)).all()
    lines = _lines(session, [row.id for row in rows])
    return [TakeMoney(**row._mapping, lines=lines[row.id]) for row in rows]


def takes_of(session: Session, job_ids: Sequence[str]) -> Sequence[TakeMoney]:
    """These takes; also one that has lines, and of which there is no row: it says nothing of itself."""
    rows = session.connection().execute(columns(*_TAKE).where(col(Job.id).in_(job_ids))).all()
    lines, known = _lines(session, job_ids), {row.id for row in rows}
    strangers = [
        TakeMoney(job_id, lines[job_id][0].owner, "", None, None, None, None, None, lines[job_id])
        for job_id in job_ids
        if job_id not in known and lines[job_id]
    ]
    return [*(TakeMoney(**row._mapping, lines=lines[row.id]) for row in rows), *strangers]


def lines_after(session: Session, line: int, *, limit: int) -> Sequence[LineOf]:
    """The next lines behind this one."""
    query = columns(*(getattr(LedgerEntry, name) for name in LineOf._fields))
    query = query.where(col(LedgerEntry.id) > line).order_by(col(LedgerEntry.id))
    return [LineOf(*row) for row in session.connection().execute(query.limit(limit))]


def lines_total(session: Session, *, after: int, upto: int) -> int:
    """What the lines behind the one, and up to the other, come to."""
    total = cast(func.coalesce(func.sum(LedgerEntry.micros), 0), BigInteger)
    within = columns(total).where(col(LedgerEntry.id) > after, col(LedgerEntry.id) <= upto)
    return int(session.connection().execute(within).scalar_one())


def sums_totals(session: Session) -> Sequence[tuple[int, int]]:
    """(the line up to which sums are kept, what all of them come to), of each kind of sums."""
    spent, upto = col(SpendSum.billed_micros) + col(SpendSum.open_micros), spend_sums.summed_line(session)
    chars = func.length(col(SpendSum.day))
    kinds = [(ledger_sums.summed_line(session), columns(_sum(col(DaySum.micros))))]
    kinds += [
        (upto, columns(_sum(spent)).where(chars == each))
        for each in (spend_sums.DAY_CHARS, spend_sums.MONTH_CHARS)
    ]
    return [(line, int(session.connection().execute(total).scalar_one())) for line, total in kinds]


def _sum(micros: Any) -> Any:
    return cast(func.coalesce(func.sum(micros), 0), BigInteger)


def sum_differences(session: Session) -> Sequence[SumDifference]:
    """Every kept sum, for budgets or spending, that isn't what its lines come to. Reads the whole ledger."""
    counted, upto = col(SpendSum.billed_micros) + col(SpendSum.open_micros), spend_sums.summed_line(session)
    return [
        *_differences(session, DaySum, col(DaySum.micros), upto=ledger_sums.summed_line(session)),
        *_differences(session, SpendSum, counted, upto=upto),
        *_differences(session, SpendSum, counted, upto=upto, chars=spend_sums.MONTH_CHARS),
    ]


def _differences(
    session: Session, table: Any, micros: Any, *, upto: int, chars: int = spend_sums.DAY_CHARS
) -> Sequence[SumDifference]:
    """The sums of a table that aren't what the lines up to this one come to. chars: of days, or of months."""
    kept = columns(
        col(table.day), col(table.owner), col(table.model), micros.label("micros"), literal(0).label("lines")
    ).where(func.length(col(table.day)) == chars)
    day, model = func.substr(col(LedgerEntry.day), 1, chars), func.coalesce(col(Job.model), "")
    lines = (
        columns(day, col(LedgerEntry.owner), model, literal(0), col(LedgerEntry.micros))
        .outerjoin(Job, col(Job.id) == col(LedgerEntry.job_id))
        .where(col(LedgerEntry.id) <= upto)
    )
    both = union_all(kept, lines).subquery()
    of = both.c.day, both.c.owner, both.c.model
    sums = [cast(func.sum(both.c[name]), BigInteger) for name in ("micros", "lines")]
    query = columns(*of, *sums).group_by(*of).having(sums[0] != sums[1]).order_by(*of)
    return [SumDifference(*row) for row in session.connection().execute(query)]


def _lines(session: Session, job_ids: Sequence[str]) -> dict[str, list[LedgerEntry]]:
    found: dict[str, list[LedgerEntry]] = defaultdict(list)
    query = select(LedgerEntry).where(col(LedgerEntry.job_id).in_(job_ids)).order_by(col(LedgerEntry.id))
    for line in session.exec(query):
        found[line.job_id].append(line)
    return found
