"""What findings are made of, and findings that are kept: the newest of every question."""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, delete, func
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.domain.experiments.words import TrialState
from backend.domain.states import JobState
from backend.models import Cell, Criterion, ExperimentRater, FindingRow, Job, Trial, Vote
from backend.store.database.rows import insert_row
from backend.store.experiments import counting


class GivenVote(NamedTuple):
    """A vote that stands. why: it is left out, a `LeftOut`; None: it counts."""

    id: str
    left: str
    right: str
    choice: str
    rater: str
    why: str | None


class ShownTake(NamedTuple):
    """A take of a cell, and whether its file is there."""

    take: str
    cell: str
    is_completed: bool


def _votes(experiment_id: str, criterion_id: str) -> list[ColumnElement[bool]]:
    return [
        col(Vote.experiment_id) == experiment_id,
        col(Vote.criterion_id) == criterion_id,
        counting.stands(),
    ]


def read_mark(session: Session, experiment_id: str, criterion_id: str) -> tuple[str, str]:
    """(id of the newest vote, "" for none; a mark): with the same two a finding is the same. One statement.

    The mark changes with votes that were taken back, raters who are left out, takes that came home, and cells
    that were added or dropped.
    """
    of_it = _votes(experiment_id, criterion_id)
    excluded = (
        col(ExperimentRater.experiment_id) == experiment_id, col(ExperimentRater.excluded_at).is_not(None)
    )  # fmt: skip
    dropped = col(Cell.experiment_id) == experiment_id, col(Cell.dropped_at).is_not(None)
    takes = (
        columns(func.count())
        .select_from(Trial)
        .join(Job, col(Job.id) == col(Trial.job_id))
        .where(col(Trial.experiment_id) == experiment_id, col(Trial.state) == TrialState.MADE)
        .where(col(Job.state) == JobState.STORED)
    )
    parts: tuple[Select[Any], ...] = (
        columns(func.max(Vote.id)).where(*of_it),
        columns(func.count()).select_from(Vote).where(*of_it),
        columns(func.count()).select_from(ExperimentRater).where(*excluded),
        columns(func.max(ExperimentRater.excluded_at)).where(*excluded),
        takes,
        columns(func.count()).where(*dropped),
        columns(func.count()).where(col(Cell.experiment_id) == experiment_id),
    )
    query = columns(*(part.scalar_subquery() for part in parts))
    newest, *others = session.connection().execute(query).one()
    return str(newest or ""), " ".join(map(str, others))


def list_votes(session: Session, experiment_id: str, criterion_id: str) -> list[GivenVote]:
    """Every vote that was not taken back, in the order in which they came."""
    named: tuple[Any, ...] = (Vote.id, Vote.left_job, Vote.right_job, Vote.choice, Vote.rater)
    named += (counting.why_left_out(experiment_id),)
    query = columns(*named).where(*_votes(experiment_id, criterion_id))
    return [GivenVote(*row) for row in session.connection().execute(query.order_by(col(Vote.id)))]


def list_shown(session: Session, experiment_id: str) -> list[ShownTake]:
    """The takes of cells that were not dropped, by cell and number."""
    query = (
        columns(col(Job.id), col(Trial.cell_id), col(Job.state))
        .select_from(Trial)
        .join(Job, col(Job.id) == col(Trial.job_id))
        .join(Cell, col(Cell.id) == col(Trial.cell_id))
        .where(col(Trial.experiment_id) == experiment_id, col(Trial.state) == TrialState.MADE)
        .where(col(Cell.dropped_at).is_(None))
        .order_by(col(Cell.position), col(Trial.number))
    )
    rows = session.connection().execute(query)
    return [ShownTake(take, cell, state == JobState.STORED) for take, cell, state in rows]


def is_pair_criterion(session: Session, experiment_id: str, criterion_id: str) -> bool:
    """Is, or was, this asked of pairs in the experiment: as its own question, or as the team's?"""
    found = session.get(Criterion, criterion_id)
    return found is not None and found.kind == "pair" and found.experiment_id in (experiment_id, None)


def find_kept(session: Session, experiment_id: str, criterion_id: str) -> FindingRow | None:
    """The newest finding of a question."""
    query = select(FindingRow).where(
        FindingRow.experiment_id == experiment_id, FindingRow.criterion_id == criterion_id
    )
    return session.exec(query.order_by(col(FindingRow.at).desc()).limit(1)).first()


def keep(session: Session, row: FindingRow) -> None:
    """Keep this one, in place of those before."""
    session.exec(
        delete(FindingRow).where(
            col(FindingRow.experiment_id) == row.experiment_id,
            col(FindingRow.criterion_id) == row.criterion_id,
        )
    )
    insert_row(session, row)
