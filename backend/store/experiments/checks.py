"""What machines measured of stored files."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, delete
from sqlalchemy import select as columns
from sqlmodel import Session, col, select

from backend.domain.experiments.words import ExperimentState, TrialState
from backend.domain.states import JobState
from backend.models import Experiment, FileCheck, Job, Trial, Video
from backend.store.database.engine import Store
from backend.store.database.rows import insert_row


class StoredFile(NamedTuple):
    """The main file of a take, and what was asked for."""

    video: str
    key: str
    duration_s: float
    width: int
    height: int
    params: Mapping[str, Any]


def list_unmeasured(store: Store, *, version: int, limit: int) -> list[StoredFile]:
    """Videos of takes of experiments that go on, which were not measured by this version."""
    measured = select(FileCheck.video_id).where(
        col(FileCheck.video_id) == col(Video.id), FileCheck.version == version
    )
    wanted: tuple[Any, ...] = (Video.id, Video.key, Video.duration_s, Video.width, Video.height, Job.params)
    query: Select[Any] = (
        columns(*wanted)
        .select_from(Experiment)
        .join(Trial, col(Trial.experiment_id) == col(Experiment.id))
        .join(Job, col(Job.id) == col(Trial.job_id))
        .join(Video, col(Video.id) == col(Job.video_id))
        .where(col(Experiment.state) != ExperimentState.DRAFT, col(Trial.state) == TrialState.MADE)
        .where(col(Experiment.state) != ExperimentState.CLOSED, col(Job.state) == JobState.STORED)
        .where(col(Video.kind) == "video", col(Video.checked).is_(True), col(Video.missing_at).is_(None))
        .where(~measured.exists())
        .limit(limit)
    )
    with store.read() as session:
        found = [StoredFile(*row) for row in session.connection().execute(query)]
    return list({file.video: file for file in found}.values())


def list_of(session: Session, experiment_id: str) -> Sequence[tuple[str, FileCheck]]:
    """(take, what was measured) of an experiment's takes, in their order."""
    query = (
        select(Job.id, FileCheck)
        .join(Trial, col(Trial.job_id) == col(Job.id))
        .join(FileCheck, col(FileCheck.video_id) == col(Job.video_id))
        .where(Trial.experiment_id == experiment_id)
        .order_by(col(Trial.id), col(FileCheck.name))
    )
    return session.exec(query).all()


def put(session: Session, video_id: str, rows: Sequence[FileCheck]) -> None:
    """Keep these, in place of what was measured of the file before."""
    session.exec(delete(FileCheck).where(col(FileCheck.video_id) == video_id))
    for row in rows:
        insert_row(session, row)
