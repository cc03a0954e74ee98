"""The files of takes: which are ours, and what stands between us and the others."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlmodel import Session, col, select

from backend.models import TakeFile, Video

#: What is known of a file's way home, and the stored file once it is ours.
FileRow = tuple[TakeFile, Video | None]


def of_jobs(session: Session, job_ids: Collection[str]) -> dict[str, list[FileRow]]:
    """The rows of these takes, by take, the main file first; a take without rows is left out."""
    query = (
        select(TakeFile, Video)
        .outerjoin(Video, col(Video.id) == col(TakeFile.video_id))
        .where(col(TakeFile.job_id).in_(job_ids))
        .order_by(TakeFile.job_id, col(TakeFile.position))
    )
    found: dict[str, list[FileRow]] = defaultdict(list)
    for row, video in session.exec(query):
        found[row.job_id].append((row, video))
    return found


def put_rows(session: Session, rows: Sequence[TakeFile]) -> None:
    """Write these rows, over what they said before."""
    for row in rows:
        session.merge(row)
    session.flush()
