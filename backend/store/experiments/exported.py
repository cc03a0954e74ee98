"""What experiments hold, as rows to take along. Of one experiment, or of all where none is named."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, select, true
from sqlmodel import Session, col

from backend.domain.experiments.words import VoteKind
from backend.domain.states import JobState
from backend.models import (
    Cell,
    Criterion,
    Experiment,
    ExperimentAxis,
    ExperimentRater,
    FileCheck,
    Job,
    Pair,
    Score,
    Trial,
    Video,
    Vote,
)
from backend.store.experiments import counting

#: The only owners whose experiments are asked for; None: everybody's.
Owners = Sequence[str] | None


class CellRow(NamedTuple):
    """A cell."""

    experiment_id: str
    id: str
    key: str
    levels: dict[str, str]
    request: dict[str, Any]
    dropped_at: datetime | None


class TrialRow(NamedTuple):
    """A trial. job_state, owner: of its take."""

    experiment_id: str
    id: str
    cell_id: str
    number: int
    state: str
    wave: int
    seed: int | None
    job_id: str | None
    origin: str | None
    attempt: int
    estimate_micros: int | None
    why: str | None
    job_state: str | None
    owner: str | None


class VoteRow(NamedTuple):
    """A vote that was not taken back. why: its pair was shown. excluded_at: its rater is left out since.
    left_out: why it doesn't count, a `LeftOut`; None: it counts."""

    experiment_id: str
    id: str
    criterion_id: str
    left_job: str
    right_job: str
    choice: str
    both_bad: bool
    rater: str
    kind: str
    sighted: bool
    took_ms: int | None
    seen_left_ms: int | None
    seen_right_ms: int | None
    at: datetime
    question: str | None
    excluded_at: datetime | None
    why: str | None
    shown_at: datetime | None
    left_out: str | None


class ScoreRow(NamedTuple):
    """A score."""

    experiment_id: str
    id: str
    job_id: str
    criterion_id: str
    rater: str
    value: int
    at: datetime
    question: str | None


class CheckRow(NamedTuple):
    """What a machine measured of the main file of a take."""

    experiment_id: str
    job_id: str
    cell_id: str
    video_id: str
    name: str
    value: float
    flagged: bool
    version: int
    at: datetime


class ShownTake(NamedTuple):
    """A take that has its file, and is in nobody's trash. key: of its file."""

    id: str
    owner: str
    prompt: str
    cell_id: str
    key: str


def list_axes(session: Session, experiment_id: str | None, owners: Owners) -> list[str]:
    """Names of axes, in their order, each once."""
    query = select(col(ExperimentAxis.name), func.min(ExperimentAxis.position))
    query = query.join(Experiment, col(Experiment.id) == col(ExperimentAxis.experiment_id))
    query = query.where(*_of(ExperimentAxis.experiment_id, experiment_id, owners))
    by_place = query.group_by(col(ExperimentAxis.name)).order_by(
        func.min(ExperimentAxis.position), col(ExperimentAxis.name)
    )
    return [name for name, _ in session.connection().execute(by_place)]


def list_cells(session: Session, experiment_id: str | None, owners: Owners) -> list[CellRow]:
    """Every cell, in order, also those that were dropped."""
    query = select(*_columns(Cell, CellRow)).join(Experiment, col(Experiment.id) == col(Cell.experiment_id))
    query = query.where(*_of(Cell.experiment_id, experiment_id, owners))
    found = session.connection().execute(query.order_by(col(Cell.experiment_id), col(Cell.position)))
    return [CellRow._make(row) for row in found]


def list_trials(session: Session, experiment_id: str | None, owners: Owners) -> list[TrialRow]:
    """Every trial, by cell and number."""
    query = (
        select(*_columns(Trial, TrialRow, without=2), col(Job.state), col(Job.owner))
        .join(Cell, col(Cell.id) == col(Trial.cell_id))
        .join(Experiment, col(Experiment.id) == col(Trial.experiment_id))
        .join(Job, col(Job.id) == col(Trial.job_id), isouter=True)
        .where(*_of(Trial.experiment_id, experiment_id, owners))
        .order_by(col(Trial.experiment_id), col(Cell.position), col(Trial.number))
    )
    return [TrialRow._make(row) for row in session.connection().execute(query)]


def list_votes(
    session: Session, experiment_id: str | None, owners: Owners, *, after: str, limit: int
) -> list[VoteRow]:
    """Votes in the order in which they came, from behind the one with this id."""
    rater = and_(
        col(ExperimentRater.experiment_id) == col(Vote.experiment_id),
        col(ExperimentRater.rater) == col(Vote.rater),
    )
    query = (
        select(
            *_columns(Vote, VoteRow, without=5),
            col(Criterion.question), col(ExperimentRater.excluded_at), col(Pair.why), col(Pair.shown_at),
            counting.why_left_out(experiment_id),
        )
        .join(Experiment, col(Experiment.id) == col(Vote.experiment_id))
        .join(Criterion, col(Criterion.id) == col(Vote.criterion_id), isouter=True)
        .join(ExperimentRater, rater, isouter=True)
        .join(Pair, col(Pair.id) == col(Vote.pair_id), isouter=True)
        .where(*_of(Vote.experiment_id, experiment_id, owners), counting.stands())
        .where(col(Vote.id) > after)
        .order_by(col(Vote.id))
        .limit(limit)
    )  # fmt: skip
    return [VoteRow._make(row) for row in session.connection().execute(query)]


def list_scores(session: Session, experiment_id: str | None, owners: Owners) -> list[ScoreRow]:
    """What each person gave each take last, in order."""
    query = (
        select(*_columns(Score, ScoreRow, without=1), col(Criterion.question))
        .join(Experiment, col(Experiment.id) == col(Score.experiment_id))
        .join(Criterion, col(Criterion.id) == col(Score.criterion_id), isouter=True)
        .where(*_of(Score.experiment_id, experiment_id, owners))
        .order_by(col(Score.id))
    )
    rows = [ScoreRow._make(row) for row in session.connection().execute(query)]
    newest = {(row.job_id, row.criterion_id, row.rater): row for row in rows}
    return [row for row in rows if newest[row.job_id, row.criterion_id, row.rater] is row]


def list_checks(session: Session, experiment_id: str | None, owners: Owners) -> list[CheckRow]:
    """What was measured of every take's main file."""
    query = (
        select(
            col(Trial.experiment_id), col(Job.id), col(Trial.cell_id), *_columns(FileCheck, CheckRow),
        )
        .select_from(Trial)
        .join(Experiment, col(Experiment.id) == col(Trial.experiment_id))
        .join(Job, col(Job.id) == col(Trial.job_id))
        .join(FileCheck, col(FileCheck.video_id) == col(Job.video_id))
        .where(*_of(Trial.experiment_id, experiment_id, owners))
        .order_by(col(Trial.experiment_id), col(Job.id), col(FileCheck.name))
    )  # fmt: skip
    return [CheckRow._make(row) for row in session.connection().execute(query)]


def count_choices(session: Session, experiment_id: str) -> list[tuple[str, str, str, str, int]]:
    """(question's id, left take, right take, choice, how many people chose so).

    Votes that count and were given here, by people.
    """
    what = (col(Vote.criterion_id), col(Vote.left_job), col(Vote.right_job), col(Vote.choice))
    query = (
        select(*what, func.count())
        .where(
            col(Vote.experiment_id) == experiment_id, col(Vote.kind) == VoteKind.PERSON,
            counting.counts(experiment_id),
        )
        .group_by(*what)
        .order_by(func.min(Vote.id))
    )  # fmt: skip
    return [(*row[:4], int(row[4])) for row in session.connection().execute(query)]


def list_shown_takes(session: Session, experiment_id: str) -> list[ShownTake]:
    """Takes of an experiment that can be looked at."""
    query = (
        select(col(Job.id), col(Job.owner), col(Job.sent_prompt), col(Trial.cell_id), col(Video.key))
        .select_from(Trial)
        .join(Job, col(Job.id) == col(Trial.job_id))
        .join(Video, col(Video.id) == col(Job.video_id))
        .where(
            col(Trial.experiment_id) == experiment_id, col(Job.state) == JobState.STORED,
            col(Job.trashed_at).is_(None), col(Video.missing_at).is_(None),
        )
        .order_by(col(Job.id))
    )  # fmt: skip
    return [ShownTake._make(row) for row in session.connection().execute(query)]


def _columns(table: Any, row: Any, *, without: int = 0) -> list[Any]:
    """The table's columns by the names of this row, whose last ones are another table's."""
    names = row._fields[: len(row._fields) - without]
    return [col(getattr(table, name)) for name in names if hasattr(table, name)]


def _of(column: Any, experiment_id: str | None, owners: Owners) -> list[ColumnElement[bool]]:
    one = true() if experiment_id is None else col(column) == experiment_id
    return [one, true() if owners is None else col(Experiment.owner).in_(owners)]
