"""Votes on pairs and scores of takes, as people gave them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import case, func, or_, update
from sqlmodel import Session, col, insert, select

from backend.domain.errors import NotFound
from backend.models import Score, Trial, Vote
from backend.store.database.rows import get_row, insert_row
from backend.store.experiments import counting

#: What of a vote the statistics need: left take, right take, choice, rater.
Ballot = tuple[str, str, str, str]


def insert_vote(session: Session, vote: Vote) -> None:
    """Put one in."""
    insert_row(session, vote)


def insert_votes(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put many in. rows: with every column that has no default."""
    if rows:
        session.connection().execute(insert(Vote), list(rows))


def get_vote(session: Session, experiment_id: str, vote_id: str) -> Vote:
    """One of an experiment. Raises NotFound."""
    vote = get_row(session, Vote, vote_id, "There is no vote with that id.")
    if vote.experiment_id != experiment_id:
        raise NotFound("There is no vote with that id.")
    return vote


def find_by_key(session: Session, rater: str, key: str) -> Vote | None:
    """The vote that this one sent with this key."""
    return session.exec(select(Vote).where(Vote.rater == rater, Vote.idempotency_key == key)).first()


def known_keys(session: Session, experiment_id: str, start: str) -> set[str]:
    """Keys of votes of an experiment that begin like this."""
    query = select(Vote.idempotency_key).where(
        Vote.experiment_id == experiment_id, col(Vote.idempotency_key).startswith(start, autoescape=True)
    )
    return {str(key) for key in session.exec(query)}


def known_ids(session: Session, experiment_id: str) -> set[str]:
    """Ids of all votes of an experiment, also of those that were taken back."""
    return set(session.exec(select(Vote.id).where(Vote.experiment_id == experiment_id)))


def mark_undone(session: Session, vote_id: str, at: datetime) -> bool:
    """Take a vote back; False: it was already."""
    mark = update(Vote).where(col(Vote.id) == vote_id, col(Vote.undone_at).is_(None)).values(undone_at=at)
    return bool(session.exec(mark).rowcount)


def list_ballots(session: Session, experiment_id: str, criterion_id: str) -> list[Ballot]:
    """Votes that count, in the order in which they came."""
    query = select(Vote.left_job, Vote.right_job, Vote.choice, Vote.rater).where(
        Vote.experiment_id == experiment_id, Vote.criterion_id == criterion_id
    )
    found = session.exec(query.where(counting.counts(experiment_id)).order_by(col(Vote.id)))
    return [(left, right, choice, rater) for left, right, choice, rater in found]


def list_counted(session: Session, experiment_id: str, criterion_id: str) -> Sequence[Vote]:
    """The same with all that is known of them."""
    query = select(Vote).where(Vote.experiment_id == experiment_id, Vote.criterion_id == criterion_id)
    return session.exec(query.where(counting.counts(experiment_id)).order_by(col(Vote.id))).all()


class VoteCounts(NamedTuple):
    """Of one rater's votes. unseen: answered before anything of one of the two was played."""

    votes: int
    unseen: int


def count_votes(session: Session, experiment_id: str, criterion_id: str) -> dict[str, VoteCounts]:
    """rater -> how many votes stand, whatever their kind."""
    unseen = case((or_(col(Vote.seen_left_ms) == 0, col(Vote.seen_right_ms) == 0), 1), else_=0)
    query = select(Vote.rater, func.count(), func.sum(unseen)).where(
        Vote.experiment_id == experiment_id,
        Vote.criterion_id == criterion_id,
        counting.stands(),
    )
    rows = session.exec(query.group_by(col(Vote.rater))).all()
    return {rater: VoteCounts(votes, int(number)) for rater, votes, number in rows}


def takes_of(session: Session, experiment_id: str) -> set[str]:
    """Ids of all takes that an experiment has, or had before they were made anew."""
    query = select(Trial.job_id).where(Trial.experiment_id == experiment_id, col(Trial.job_id).is_not(None))
    return {str(job) for job in session.exec(query)}


def insert_score(session: Session, score: Score) -> None:
    """Put one in."""
    insert_row(session, score)


def newest_score(session: Session, job_id: str, criterion_id: str, rater: str) -> Score | None:
    """What this one thinks of a take."""
    query = select(Score).where(
        Score.job_id == job_id, Score.criterion_id == criterion_id, Score.rater == rater
    )
    return session.exec(query.order_by(col(Score.id).desc())).first()


def list_scores(session: Session, experiment_id: str, criterion_id: str) -> list[tuple[str, str, int]]:
    """(take, rater, 1 to 5), the newest of each."""
    query = (
        select(Score.job_id, Score.rater, Score.value)
        .where(Score.experiment_id == experiment_id, Score.criterion_id == criterion_id)
        .order_by(col(Score.id))
    )
    newest = {(job, rater): value for job, rater, value in session.exec(query)}
    return [(job, rater, value) for (job, rater), value in newest.items()]
