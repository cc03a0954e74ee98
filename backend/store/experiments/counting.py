"""Which votes count, and of which question a finding is unless one is named: said here, for all who ask."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, not_, tuple_
from sqlalchemy import select as columns
from sqlmodel import Session, col

from backend.domain.experiments.words import LeftOut, TrialState, VoteKind
from backend.models import Cell, Criterion, ExperimentRater, Trial, Vote

#: The kind of a question about pairs.
_PAIR = "pair"


def stands() -> ColumnElement[bool]:
    """Was a vote not taken back? It may count or not."""
    return col(Vote.undone_at).is_(None)


def why_left_out(experiment_id: str | None) -> ColumnElement[str | None]:
    """Why a vote does not count, a `LeftOut`; null: it counts. experiment_id: of which votes; None: of all.

    Votes count that stand, of people (given here or imported), who had not seen which take is which and are
    not left out, on takes that stand for a cell.
    """
    judged = (
        columns(col(Trial.experiment_id), col(Trial.job_id))
        .join(Cell, col(Cell.id) == col(Trial.cell_id))
        .where(col(Trial.job_id).is_not(None), col(Trial.state) == TrialState.MADE)
        .where(col(Cell.dropped_at).is_(None))
    )
    excluded = columns(col(ExperimentRater.experiment_id), col(ExperimentRater.rater)).where(
        col(ExperimentRater.excluded_at).is_not(None)
    )
    if experiment_id is not None:
        judged = judged.where(col(Trial.experiment_id) == experiment_id)
        excluded = excluded.where(col(ExperimentRater.experiment_id) == experiment_id)
    return case(
        (not_(stands()), LeftOut.UNDONE.value),
        (not_(and_(_of(Vote.left_job).in_(judged), _of(Vote.right_job).in_(judged))), LeftOut.GONE.value),
        (col(Vote.kind) == VoteKind.MACHINE, LeftOut.MACHINE.value),
        (_of(Vote.rater).in_(excluded), LeftOut.EXCLUDED.value),
        (col(Vote.sighted), LeftOut.SIGHTED.value),
        else_=None,
    )


def counts(experiment_id: str) -> ColumnElement[bool]:
    """Does a vote of this experiment count?"""
    return why_left_out(experiment_id).is_(None)


def count_left_out(session: Session, experiment_id: str, criterion_id: str) -> dict[str, int]:
    """A `LeftOut` -> how many votes on a question don't count because of it; those without any left out."""
    why = why_left_out(experiment_id)
    query = columns(why, func.count()).where(
        col(Vote.experiment_id) == experiment_id, col(Vote.criterion_id) == criterion_id
    )
    return {one: int(number) for one, number in session.connection().execute(query.group_by(why)) if one}


def first_questions(session: Session, experiment_ids: Collection[str]) -> dict[str, str]:
    """Experiment -> the id of its first question about pairs, which need not be kept yet.

    That is the oldest of its own that is still asked; where there is none, the one by the experiment's id.
    """
    query = (
        columns(col(Criterion.experiment_id), func.min(Criterion.id))
        .where(col(Criterion.experiment_id).in_(experiment_ids), col(Criterion.kind) == _PAIR)
        .where(col(Criterion.retired_at).is_(None))
        .group_by(col(Criterion.experiment_id))
    )
    kept = {str(one): str(first) for one, first in session.connection().execute(query)}
    return {one: kept.get(one, one) for one in experiment_ids}


def _of(column: Any) -> ColumnElement[Any]:
    return tuple_(col(Vote.experiment_id), col(column))
