"""What takes cost, by day, person, model and template: sums that are kept, and what happened since.

As in `ledger_sums`: a sweep adds lines to `spend_sum`, oldest first, and a fact says up to which; whoever
asks adds what came since, so that a sum is always exact and never reads the whole ledger. A line moves money
from open (reserved, no bill yet) to billed, or away, so what is added of a take is what it counts for after
the new lines, less what it counted for before. A take's day is that of its first line. Days are kept, and
months, which add their days up: what is asked of a year reads twelve of those, and the days at its ends.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    String,
    Subquery,
    cast,
    column,
    func,
    text,
    union_all,
)
from sqlalchemy import select as columns
from sqlmodel import Session, col

from backend.domain.clock import id_lower_bound
from backend.models import SpendSum
from backend.store.database.locks import acquire_advisory_lock
from backend.store.money.ledger_sums import MIN_NEW_ENTRIES, are_lines_written, newest_line
from backend.store.records import key_values

_ONE_DAY = timedelta(days=1)
#: The fact that says up to which line sums are kept, and the lock of whoever moves it on.
SUMMED_FACT, SPEND_LOCK = "spend_summed", "spend"
#: What is told apart, and what is added up, by the names of the columns.
KEYS = ("day", "owner", "model", "template")
SUMS = (
    "takes", "priced", "unpriced", "estimated_micros", "billed_micros", "open_micros",
    "compared", "compared_estimated_micros", "compared_billed_micros",
)  # fmt: skip

#: Reserved: nobody has billed it, or only the estimate could be put in the bill's place.
_OPEN = "({0}.kind IN ('estimate', 'restore') OR {0}.source = 'estimate')"
_ESTIMATE = "CAST(ROUND(j.estimate_usd * 1000000) AS BIGINT)"


def _moved(amount: str) -> str:
    """What an amount of a take is now, less what it was. {0}: its last line; {1}: what it counts for."""
    now, was = amount.format("n", "m.now_micros"), amount.format("w", "m.was_micros")
    return f"COALESCE({now}, 0) - (CASE WHEN m.was_id IS NULL THEN 0 ELSE COALESCE({was}, 0) END)"


def _first(amount: str) -> str:
    """What is added once, with a take's first line."""
    return f"(CASE WHEN m.was_id IS NULL THEN COALESCE({amount}, 0) ELSE 0 END)"


_SETTLED = f"(CASE WHEN {{1}} > 0 AND NOT {_OPEN} AND j.estimate_usd IS NOT NULL"
_CHANGES = {
    "takes": _first("1"),
    "priced": _first("CASE WHEN j.estimate_usd IS NOT NULL THEN 1 END"),
    "unpriced": _moved("(CASE WHEN {0}.source = 'unknown' THEN 1 ELSE 0 END)"),
    "estimated_micros": _first(_ESTIMATE),
    "billed_micros": _moved(f"(CASE WHEN {_OPEN} THEN 0 ELSE {{1}} END)"),
    "open_micros": _moved(f"(CASE WHEN {_OPEN} THEN {{1}} ELSE 0 END)"),
    "compared": _moved(f"{_SETTLED} THEN 1 ELSE 0 END)"),
    "compared_estimated_micros": _moved(f"{_SETTLED} THEN {_ESTIMATE} ELSE 0 END)"),
    "compared_billed_micros": _moved(f"{_SETTLED} THEN {{1}} ELSE 0 END)"),
}


def changes_of(which: str, more: str = "") -> str:
    """What lines after `last` up to `upto` add to every sum, a row for each of these takes.

    which: a query of their ids, a constant. more: further columns of `job j` at the end.
    """
    return (
        "WITH moved AS (SELECT l.job_id, MIN(l.id) AS first_id, MAX(l.id) AS now_id,"  # noqa: S608 — constants
        " MAX(CASE WHEN l.id <= :last THEN l.id END) AS was_id, CAST(SUM(l.micros) AS BIGINT) AS now_micros,"
        " CAST(COALESCE(SUM(CASE WHEN l.id <= :last THEN l.micros END), 0) AS BIGINT) AS was_micros"
        f" FROM line l WHERE l.id <= :upto AND l.job_id IN ({which}) GROUP BY l.job_id)"
        " SELECT f.day AS day, f.owner AS owner, COALESCE(j.model, '') AS model,"
        " COALESCE(j.template_version, 0) AS template, "
        + ", ".join(f"CAST({_CHANGES[name]} AS BIGINT) AS {name}" for name in SUMS)
        + f"{more} FROM moved m JOIN line f ON f.id = m.first_id JOIN line n ON n.id = m.now_id"
        " LEFT JOIN line w ON w.id = m.was_id LEFT JOIN job j ON j.id = m.job_id"
    )


#: The takes that lines after `last` up to `upto` are of.
_NEWS = changes_of("SELECT job_id FROM line WHERE id > :last AND id <= :upto")
#: How many characters of a day stand in a kept sum: all of it, or the month.
DAY_CHARS, MONTH_CHARS = len("2026-11-21"), len("2026-11")
_ADD = text(
    f"INSERT INTO spend_sum ({', '.join(KEYS + SUMS)})"  # noqa: S608 — names above alone
    f" SELECT substr(news.day, 1, spans.chars), {', '.join(KEYS[1:])},"
    f" {', '.join(f'CAST(SUM({name}) AS BIGINT)' for name in SUMS)} FROM ({_NEWS}) AS news"
    f" CROSS JOIN (SELECT {DAY_CHARS} AS chars UNION ALL SELECT {MONTH_CHARS} AS chars) AS spans WHERE true"
    f" GROUP BY substr(news.day, 1, spans.chars), {', '.join(KEYS[1:])}"
    f" ON CONFLICT ({', '.join(KEYS)}) DO UPDATE SET "
    + ", ".join(f"{name} = spend_sum.{name} + excluded.{name}" for name in SUMS)
)


def roll_up(session: Session, *, at: datetime, limit: int, at_least: int = MIN_NEW_ENTRIES) -> int:
    """Add the next lines to the kept sums, at most `limit`; returns how many, 0 when fewer are new."""
    if newest_line(session) - summed_line(session) < at_least:
        return 0
    acquire_advisory_lock(session, SPEND_LOCK)
    if not are_lines_written(session):
        return 0
    last = summed_line(session)
    upto = min(newest_line(session), last + limit)
    session.connection().execute(_ADD, {"last": last, "upto": upto})
    key_values.set_value(session, SUMMED_FACT, {"line": upto}, at=at)
    return max(0, upto - last)


def sum_by(
    session: Session,
    names: Sequence[str],
    *,
    since: str | None,
    until: str | None,
    fitting: Mapping[str, Any],
) -> Sequence[Any]:
    """A row of `SUMS` for every value of `names`, each of `KEYS` or "month", of the takes of these days.

    since, until: the first and the last day, "2026-11-21". fitting: further values, by their names;
    a tuple: any of these. In a transaction that writes, the caller holds `SPEND_LOCK`.
    """
    since, until = within_reason(since, until)
    since_then = _news(session)
    news = _select([since_then.c[name] for name in KEYS + SUMS])
    kept = [
        within(_select([col(getattr(SpendSum, name)) for name in KEYS + SUMS]), first, last, fitting).where(
            func.length(col(SpendSum.day)) == chars
        )
        for chars, first, last in _spans(since, until, days="day" in names or "day" in fitting)
    ]
    both = union_all(within(news, since, until, fitting), *kept).subquery()
    of = [named(both, name) for name in names]
    sums = [cast(func.coalesce(func.sum(both.c[name]), 0), BigInteger).label(name) for name in SUMS]
    query = _select([*(one.label(name) for one, name in zip(of, names, strict=True)), *sums]).group_by(*of)
    return session.connection().execute(query).all()


def ids_of_days(since: str | None, until: str | None) -> tuple[str | None, str | None]:
    """The ids between which all takes of these days lie. Ids sort by age, and no zone is days from UTC."""
    first = None if since is None else id_lower_bound(_midnight(since) - timedelta(days=2))
    return first, None if until is None else id_lower_bound(_midnight(until) + timedelta(days=3))


def _spans(since: str | None, until: str | None, *, days: bool) -> list[tuple[int, str | None, str | None]]:
    """(characters, first, last) of the kept sums that make up these days: months and the days around them."""
    first = None if since is None else _month_after(_date(since) - _ONE_DAY)
    behind = None if until is None else (_date(until) + _ONE_DAY).replace(day=1)
    if days or (first and behind and first >= behind):
        return [(DAY_CHARS, since, until)]
    months = (f"{first:%Y-%m}" if first else None, f"{behind - _ONE_DAY:%Y-%m}" if behind else None)
    spans: list[tuple[int, str | None, str | None]] = [(MONTH_CHARS, *months)]
    if first and since and since < first.isoformat():
        spans.append((DAY_CHARS, since, (first - _ONE_DAY).isoformat()))
    if behind and until and behind.isoformat() <= until:
        spans.append((DAY_CHARS, behind.isoformat(), until))
    return spans


def within_reason(since: str | None, until: str | None) -> tuple[str | None, str | None]:
    """Without ends that no take is beyond, and near to where takes are: dates come to an end, too."""
    first = min(since, "9000-01-01") if since and since > "2000" else None
    return first, max(until, "1999-12-31") if until and until < "9000" else None


def _month_after(day: date) -> date:
    """The first day of the next month."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _date(day: str) -> date:
    return date.fromisoformat(day)


def _select(found: Sequence[Any]) -> Select[Any]:
    """A query of columns that are known only when it runs."""
    return columns(*found)


def _news(session: Session) -> Subquery:
    """What came since the kept sums, a row a take."""
    said = [column(name, String if name in KEYS[:3] else BigInteger) for name in KEYS + SUMS]
    given = {"last": summed_line(session), "upto": newest_line(session)}
    return text(_NEWS).bindparams(**given).columns(*said).subquery()


def within(query: Any, since: str | None, until: str | None, fitting: Mapping[str, Any]) -> Any:
    """Only of these days, and where these values are."""
    of = {one.name: one for one in query.selected_columns}
    if since is not None:
        query = query.where(of["day"] >= since)
    if until is not None:
        query = query.where(of["day"] <= until)
    for name, value in fitting.items():
        of_value = func.substr(of["day"], 1, 7) if name == "month" else of[name]
        query = query.where(of_value.in_(value) if isinstance(value, tuple) else of_value == value)
    return query


def _midnight(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def named(rows: Subquery, name: str) -> ColumnElement[Any]:
    return func.substr(rows.c.day, 1, 7) if name == "month" else rows.c[name]


def summed_line(session: Session) -> int:
    """The last line that the kept sums hold."""
    said = key_values.get_value(session, SUMMED_FACT)
    return int(said["line"]) if said else 0
