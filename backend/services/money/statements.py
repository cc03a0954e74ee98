"""Month close: what was known of a month when it was closed, kept for good.

Later bills don't change a statement. They come as corrections in the next one that is closed: what each
earlier month comes to now, less what all statements so far have said of it.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from sqlmodel import Session

from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest, NotFound
from backend.domain.shape import load_json
from backend.models import MonthStatement
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.csv_rows import write_csv
from backend.services.deps import Deps
from backend.services.money import spending
from backend.services.money.spend_query import NONE, Dimension, SpendQuery
from backend.services.money.spending import Spent
from backend.store.database.locks import acquire_advisory_lock
from backend.store.money import spend_sums, statements, waste
from backend.store.money.ledger import MICROS_PER_USD, to_micros

#: (month, person, model, template), and what its takes come to.
_Key = tuple[str, str, str, str]
_Amounts = dict[str, int]
_MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])", re.ASCII)
#: What a row tells apart.
_OF, _COLUMNS = ("person", "model", "template"), ("owner", "model", "template")
_MEASURES = ("takes", "unpriced", "estimated_micros", "billed_micros", "open_micros", "wasted_micros")
#: How these amounts are called in a statement, in dollars.
_NAMES = {name: name.replace("_micros", "_usd") for name in _MEASURES}


@dataclass(frozen=True)
class Statement:
    """A month that was closed. content: JSON in UTF-8, whose SHA-256 is `sha256`."""

    month: str
    closed_at: datetime
    closed_by: str
    content: bytes
    sha256: str

    @property
    def is_whole(self) -> bool:
        """Is it what was closed?"""
        return hashlib.sha256(self.content).hexdigest() == self.sha256

    @property
    def said(self) -> dict[str, Any]:
        """Its rows, corrections and totals."""
        value: dict[str, Any] = load_json(self.content)
        return value

    def as_csv(self) -> bytes:
        """Rows, then corrections of earlier months, told apart by the first column."""
        names = ["kind", "month", *_OF, *_NAMES.values()]
        said = self.said
        rows = [{"kind": "row", "month": self.month, **row} for row in said["rows"]]
        rows += [{"kind": "correction", **row} for row in said["corrections"]]
        return write_csv(names, [[row[name] for name in names] for row in rows])


def close_month(deps: Deps, viewer: Viewer, month: str) -> Statement:
    """Close a month ("2026-10"), for good; returns its statement.

    Raises:
        NotAllowed: only an admin may. InvalidRequest: it is no month, hasn't ended, or is closed already.
    """
    viewer.must(Do.CLOSE_MONTHS)
    if not _MONTH.fullmatch(month):
        raise InvalidRequest({"month": "must be a month such as 2026-10"})
    if month >= f"{spending.today(deps):%Y-%m}":
        raise InvalidRequest({"month": f"{month} has not ended in the time zone {spending.time_zone(deps)}"})
    with deps.store.begin() as session:
        acquire_advisory_lock(
            session, spend_sums.SPEND_LOCK
        )  # no sum moves meanwhile, and nobody else closes
        known = statements.find(session, month)
        if known is not None:
            when = f"{known.closed_at:%Y-%m-%d %H:%M} UTC"
            raise InvalidRequest({"month": f"{month} was closed on {when} by {known.closed_by}"})
        content = json.dumps(_content(deps, session, viewer, month), indent=1).encode()
        sha256 = hashlib.sha256(content).hexdigest()
        row = MonthStatement(
            month=month,
            closed_at=deps.clock.now(),
            closed_by=viewer.name,
            content=content.decode(),
            sha256=sha256,
        )
        statements.insert_statement(session, row)
        record(
            session, deps, viewer, Action.STATEMENT_CLOSED, object_type="statement", object_id=month,
            changed={"sha256": (None, sha256)},
        )  # fmt: skip
    return _statement(row)


def open_statement(deps: Deps, viewer: Viewer, month: str) -> tuple[Statement, bool]:
    """(the statement of a month, whether it was closed by this very call). Raises as `close_month`."""
    viewer.must(Do.CLOSE_MONTHS)
    with suppress(NotFound):
        return get_statement(deps, viewer, month), False
    return close_month(deps, viewer, month), True


def list_statements(deps: Deps, viewer: Viewer) -> list[Statement]:
    """Every month that was closed, the latest first; nothing for who sees their own takes alone."""
    viewer.must(Do.SEE)
    if not viewer.sees_all:
        return []
    with deps.store.read() as session:
        return [_statement(row) for row in statements.list_all(session)]


def get_statement(deps: Deps, viewer: Viewer, month: str) -> Statement:
    """The statement of a month. Raises NotFound: it was not closed, or is not this viewer's to see."""
    for found in list_statements(deps, viewer):
        if found.month == month:
            return found
    raise NotFound(f"There is no statement of {month}.")


def next_month(deps: Deps, viewer: Viewer) -> tuple[str, Spent] | None:
    """The oldest month that has ended, has takes and was not closed, with what they come to; None: there is
    none.

    Raises NotAllowed: the viewer may not close months.
    """
    viewer.must(Do.CLOSE_MONTHS)
    closed = {found.month for found in list_statements(deps, viewer)}
    with deps.store.read() as session:
        groups, _ = spending.spend_groups(session, SpendQuery(Dimension.MONTH), at=deps.clock.now())
    this = f"{spending.today(deps):%Y-%m}"
    months = ((group.names[Dimension.MONTH], group.spent) for group in groups)  # in their order
    return next(((month, spent) for month, spent in months if month < this and month not in closed), None)


def _statement(row: MonthStatement) -> Statement:
    return Statement(row.month, row.closed_at, row.closed_by, row.content.encode(), row.sha256)


def _content(deps: Deps, session: Session, viewer: Viewer, month: str) -> dict[str, Any]:
    """What a statement says: the month's rows, and what has changed of months that were closed before."""
    before = [_statement(row) for row in statements.list_all(session)]
    now = _amounts(session, [month, *(found.month for found in before)], at=deps.clock.now())
    rows = {key: amounts for key, amounts in now.items() if key[0] == month}
    corrections = _corrections(now, before)
    return {
        "month": month,
        "currency": "USD",
        "time_zone": str(spending.time_zone(deps)),
        "closed_at": deps.clock.now().isoformat(),
        "closed_by": viewer.name,
        "total": _named(_sum(rows.values())),
        "corrected": _named(_sum(corrections.values())),
        "rows": [{**dict(zip(_OF, key[1:], strict=True)), **_named(rows[key])} for key in sorted(rows)],
        "corrections": [
            {"month": key[0], **dict(zip(_OF, key[1:], strict=True)), **_named(corrections[key])}
            for key in sorted(corrections)
        ],
    }


def _amounts(session: Session, months: Sequence[str], *, at: datetime) -> dict[_Key, _Amounts]:
    """What each person's takes of each of these months, model and template come to now."""
    found: dict[_Key, _Amounts] = defaultdict(lambda: dict.fromkeys(_MEASURES, 0))
    for month in months:
        first = date.fromisoformat(f"{month}-01")
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        asked: dict[str, Any] = {"since": first.isoformat(), "until": last.isoformat(), "fitting": {}}
        for ask in (spend_sums.sum_by, partial(waste.wasted_by, at=at)):
            for row in ask(session, _COLUMNS, **asked):
                owner, model, template = row[:3]
                key = (month, owner, model, str(template) if template else NONE)
                found[key] |= {name: int(row._mapping[name]) for name in _MEASURES if name in row._mapping}
    return found


def _corrections(now: Mapping[_Key, _Amounts], before: Sequence[Statement]) -> dict[_Key, _Amounts]:
    """What months that were closed come to now, less what all statements have said of them."""
    left: dict[_Key, _Amounts] = defaultdict(lambda: dict.fromkeys(_MEASURES, 0))
    closed = {statement.month for statement in before}
    for key, amounts in now.items():
        if key[0] in closed:
            left[key] = dict(amounts)
    for statement in before:
        said = statement.said
        for row in (*({"month": statement.month, **row} for row in said["rows"]), *said["corrections"]):
            key = (row["month"], row["person"], row["model"], row["template"])
            told = {name: row[_NAMES[name]] for name in _MEASURES}
            left[key] = {name: left[key][name] - _micros(name, told[name]) for name in _MEASURES}
    return {key: amounts for key, amounts in left.items() if any(amounts.values())}


def _sum(amounts: Iterable[_Amounts]) -> _Amounts:
    total = dict.fromkeys(_MEASURES, 0)
    for one in amounts:
        total = {name: total[name] + one[name] for name in _MEASURES}
    return total


def _named(amounts: _Amounts) -> dict[str, float | int]:
    """Dollars and numbers, by their names in a statement."""
    return {
        _NAMES[name]: micros / MICROS_PER_USD if name.endswith("_micros") else micros
        for name, micros in amounts.items()
    }


def _micros(name: str, told: float) -> int:
    return to_micros(told) if name.endswith("_micros") else int(told)
