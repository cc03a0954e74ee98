"""What takes cost, told apart by what they belong to, a project or an experiment: take by take.

A take may change its project at any time, and few takes are an experiment's, so no sum is kept by either.
What takes that belong to none come to is what is left of all of them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, String, cast, column, func, text
from sqlalchemy import select as columns
from sqlmodel import Session, col

from backend.domain.experiments.words import TrialOrigin
from backend.models import Job, Trial
from backend.store.money import spend_sums
from backend.store.money.ledger_sums import newest_line
from backend.store.money.spend_sums import KEYS, SUMS, changes_of, ids_of_days, named, within, within_reason

#: What stands for no project, and for no experiment.
NONE = ""
PROJECT, EXPERIMENT = "project", "experiment"
#: What each of `SUMS` comes to.
Sums = dict[str, int]

#: A take of an experiment was made for it; what it reuses was paid for before.
_MADE = f"origin <> '{TrialOrigin.REUSED}'"
#: name -> the takes that belong to one, and to which one `job j` does.
_BELONGS = {
    PROJECT: (
        "SELECT id FROM job WHERE project_id IS NOT NULL AND id >= :first_id AND id < :behind_id",
        "COALESCE(j.project_id, '')",
    ),
    EXPERIMENT: (
        f"SELECT job_id FROM trial WHERE job_id >= :first_id AND job_id < :behind_id AND {_MADE}",  # noqa: S608
        f"COALESCE((SELECT MAX(t.experiment_id) FROM trial t WHERE t.job_id = j.id AND t.{_MADE}), '')",  # noqa: S608
    ),
}


def belonging(*names: Any) -> tuple[str, ...]:
    """Those of these names that stand for what takes belong to."""
    return tuple(name for name in _BELONGS if name in names)


def belongs_to(name: str) -> ColumnElement[str]:
    """Which project, or which experiment, a `Job` of a query belongs to; `NONE`: to none."""
    if name == PROJECT:
        return func.coalesce(col(Job.project_id), NONE).label(name)
    made = columns(func.max(col(Trial.experiment_id))).where(
        col(Trial.job_id) == col(Job.id), col(Trial.origin) != TrialOrigin.REUSED
    )
    return func.coalesce(made.correlate(Job).scalar_subquery(), NONE).label(name)


def sum_by(
    session: Session,
    names: Sequence[str],
    *,
    since: str | None,
    until: str | None,
    fitting: Mapping[str, Any],
) -> dict[tuple[Any, ...], Sums]:
    """As `spend_sums.sum_by`, also where takes are told apart by what they belong to: values -> sums."""
    asked: dict[str, Any] = {"since": since, "until": until}
    to = belonging(*names, *fitting)
    found = _of_those(session, to, names, fitting=fitting, **asked) if to else {}
    if any(fitting.get(name, NONE) != NONE for name in to):
        return found
    rest = [name for name in names if name not in to]
    others = {name: value for name, value in fitting.items() if name not in to}
    left = {
        tuple(row[: len(rest)]): {name: int(row._mapping[name]) for name in SUMS}
        for row in spend_sums.sum_by(session, rest, fitting=others, **asked)
    }
    if to:
        for group, sums in _of_those(session, to, rest, fitting=others, **asked).items():
            left[group] = {name: left.get(group, {}).get(name, 0) - sums[name] for name in SUMS}
    for group, sums in left.items():
        values = iter(group)
        found[tuple(NONE if name in to else next(values) for name in names)] = sums
    return found


def _of_those(
    session: Session,
    to: Sequence[str],
    names: Sequence[str],
    *,
    since: str | None,
    until: str | None,
    fitting: Mapping[str, Any],
) -> dict[tuple[Any, ...], Sums]:
    """Of the takes that belong to any of these."""
    since, until = within_reason(since, until)
    first, behind = ids_of_days(since, until)
    given = {"last": 0, "upto": newest_line(session), "first_id": first or "", "behind_id": behind or "~"}
    takes = changes_of(
        " UNION ".join(_BELONGS[name][0] for name in to),
        "".join(f", {_BELONGS[name][1]} AS {name}" for name in to),
    )
    said = [column(name, String if name in KEYS[:3] else BigInteger) for name in KEYS + SUMS]
    each = text(takes).bindparams(**given).columns(*said, *(column(name, String) for name in to)).subquery()
    fit = within(columns(*each.c), since, until, {**fitting}).subquery()
    of = [named(fit, name) for name in names]
    sums = [cast(func.coalesce(func.sum(fit.c[name]), 0), BigInteger).label(name) for name in SUMS]
    query = columns(*(one.label(name) for one, name in zip(of, names, strict=True)), *sums).group_by(*of)
    found: dict[tuple[Any, ...], Sums] = defaultdict(dict)
    for row in session.connection().execute(query):
        found[tuple(row[: len(names)])] = {name: int(row._mapping[name]) for name in SUMS}
    return dict(found)
