"""What takes cost, told apart by their projects: of takes that have one, take by take.

A take may change its project at any time, so no sum is kept by it. What takes of no project come to is what
is left of all of them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, String, cast, column, func, text
from sqlalchemy import select as columns
from sqlmodel import Session

from backend.store.money.ledger_sums import newest_line
from backend.store.money.spend_sums import (
    KEYS,
    SUMS,
    changes_of,
    ids_of_days,
    named,
    sum_by,
    within,
    within_reason,
)

#: What stands for no project.
NO_PROJECT = ""
PROJECT = "project"
#: What each of `SUMS` comes to.
Sums = dict[str, int]

_TAKES = changes_of(
    "SELECT id FROM job WHERE project_id IS NOT NULL AND id >= :first_id AND id < :behind_id",
    ", j.project_id AS project",
)
_SAID = [column(name, String if name in KEYS[:3] else BigInteger) for name in KEYS + SUMS]


def sum_by_project(
    session: Session,
    names: Sequence[str],
    *,
    since: str | None,
    until: str | None,
    fitting: Mapping[str, Any],
) -> dict[tuple[Any, ...], Sums]:
    """As `spend_sums.sum_by`, "project" being among the names or what must fit: values -> sums."""
    asked: dict[str, Any] = {"since": since, "until": until}
    found = _of_projects(session, names, fitting=fitting, **asked)
    if fitting.get(PROJECT, NO_PROJECT) != NO_PROJECT:
        return found
    rest = [name for name in names if name != PROJECT]
    others = {name: value for name, value in fitting.items() if name != PROJECT}
    left = {
        tuple(row[: len(rest)]): {name: int(row._mapping[name]) for name in SUMS}
        for row in sum_by(session, rest, fitting=others, **asked)
    }
    for group, sums in _of_projects(session, rest, fitting=others, **asked).items():
        left[group] = {name: left.get(group, {}).get(name, 0) - sums[name] for name in SUMS}
    if PROJECT in fitting:
        found = {}
    for group, sums in left.items():
        values = iter(group)
        found[tuple(NO_PROJECT if name == PROJECT else next(values) for name in names)] = sums
    return found


def _of_projects(
    session: Session,
    names: Sequence[str],
    *,
    since: str | None,
    until: str | None,
    fitting: Mapping[str, Any],
) -> dict[tuple[Any, ...], Sums]:
    """Of the takes that have a project."""
    since, until = within_reason(since, until)
    first, behind = ids_of_days(since, until)
    given = {"last": 0, "upto": newest_line(session), "first_id": first or "", "behind_id": behind or "~"}
    each = text(_TAKES).bindparams(**given).columns(*_SAID, column(PROJECT, String)).subquery()
    fit = within(columns(*each.c), since, until, {**fitting}).subquery()
    of = [named(fit, name) for name in names]
    sums = [cast(func.coalesce(func.sum(fit.c[name]), 0), BigInteger).label(name) for name in SUMS]
    query = columns(*(one.label(name) for one, name in zip(of, names, strict=True)), *sums).group_by(*of)
    found: dict[tuple[Any, ...], Sums] = defaultdict(dict)
    for row in session.connection().execute(query):
        found[tuple(row[: len(names)])] = {name: int(row._mapping[name]) for name in SUMS}
    return dict(found)
