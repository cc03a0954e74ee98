"""Takes of an experiment that can be judged, and the pairs of them that were shown to somebody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import update
from sqlmodel import Session, col, select

from backend.domain.experiments.words import TrialState
from backend.domain.states import JobState
from backend.models import Cell, Job, Pair, Trial, Video
from backend.store.database.rows import get_row, insert_row

NO_PAIR = "There is no pair with that id, or it was shown to somebody else."


@dataclass(frozen=True)
class Candidate:
    """A take that can be shown: whole, ours, of a cell that was not dropped, and not in the trash."""

    job: str
    cell: str
    seed: int | None


class ShownFile(NamedTuple):
    """Where a take's files lie. player: what browsers play of it. poster: None: it has none."""

    player: str
    poster: str | None


def list_candidates(session: Session, experiment_id: str) -> list[Candidate]:
    """Every take that can be shown, once each, cell by cell."""
    query = (
        select(Trial.job_id, Trial.cell_id, Trial.seed)
        .join(Cell, col(Cell.id) == col(Trial.cell_id))
        .join(Job, col(Job.id) == col(Trial.job_id))
        .join(Video, col(Video.id) == col(Job.video_id))
        .where(
            Trial.experiment_id == experiment_id,
            Trial.state == TrialState.MADE,
            col(Cell.dropped_at).is_(None),
            Job.state == JobState.STORED,
            col(Job.trashed_at).is_(None),
            col(Job.emptied_at).is_(None),
            col(Video.missing_at).is_(None),
        )
        .order_by(col(Cell.position), col(Trial.number))
    )
    found: dict[str, Candidate] = {}
    for job, cell, seed in session.exec(query):
        found.setdefault(str(job), Candidate(str(job), cell, seed))
    return list(found.values())


def list_pairs_of(session: Session, experiment_id: str, criterion_id: str, rater: str) -> Sequence[Pair]:
    """All that were shown to this one, in order."""
    query = select(Pair).where(
        Pair.experiment_id == experiment_id, Pair.rater == rater, Pair.criterion_id == criterion_id
    )
    return session.exec(query.order_by(col(Pair.shown_at), col(Pair.id))).all()


def list_waiting(
    session: Session, experiment_id: str, criterion_id: str, now: datetime
) -> list[tuple[str, str]]:
    """(left, right) of every pair that somebody is looking at now."""
    query = select(Pair.left_job, Pair.right_job).where(
        Pair.experiment_id == experiment_id,
        Pair.criterion_id == criterion_id,
        col(Pair.voted_at).is_(None),
        col(Pair.reserved_until) > now,
    )
    return [(left, right) for left, right in session.exec(query)]


def insert_pair(session: Session, pair: Pair) -> None:
    """Put one in."""
    insert_row(session, pair)


def get_pair(session: Session, pair_id: str) -> Pair:
    """One of them. Raises NotFound."""
    return get_row(session, Pair, pair_id, NO_PAIR)


def reserve_pairs(session: Session, pair_ids: Sequence[str], until: datetime) -> None:
    """Nobody else is given these until then."""
    if pair_ids:
        session.exec(update(Pair).where(col(Pair.id).in_(pair_ids)).values(reserved_until=until))


def mark_voted(session: Session, pair_id: str, at: datetime) -> bool:
    """Is this the first answer to it? Then it has one from now on."""
    first = update(Pair).where(col(Pair.id) == pair_id, col(Pair.voted_at).is_(None)).values(voted_at=at)
    return bool(session.exec(first).rowcount)


def reopen_pair(session: Session, pair_id: str, *, until: datetime) -> None:
    """It has no answer any more, and waits for one."""
    session.exec(update(Pair).where(col(Pair.id) == pair_id).values(voted_at=None, reserved_until=until))


def release_pair(session: Session, pair_id: str, at: datetime) -> None:
    """Whoever had it does not answer it now."""
    unanswered = update(Pair).where(col(Pair.id) == pair_id, col(Pair.voted_at).is_(None))
    session.exec(unanswered.values(reserved_until=at))


def find_gone(session: Session, job_ids: Sequence[str]) -> list[str]:
    """Those of these takes that are in the trash, or not there any more."""
    here = session.exec(select(Job.id).where(col(Job.id).in_(job_ids), col(Job.trashed_at).is_(None)))
    return sorted(set(job_ids) - set(here))


def find_file(session: Session, pair_id: str, *, right: bool) -> ShownFile | None:
    """The files of one side of a pair; None: there is no such pair, or its take is gone."""
    side = Pair.right_job if right else Pair.left_job
    query = (
        select(Video)
        .join(Job, col(Job.video_id) == col(Video.id))
        .join(Pair, col(side) == col(Job.id))
        .where(
            Pair.id == pair_id,
            col(Job.trashed_at).is_(None),
            col(Job.emptied_at).is_(None),
            col(Video.missing_at).is_(None),
        )
    )
    video = session.exec(query).first()
    return None if video is None else ShownFile(video.player_key or video.key, video.poster_key)
