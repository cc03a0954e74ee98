"""Videos: whole files on our storage, each once, by its SHA-256."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, TypedDict, Unpack

from sqlalchemy import BigInteger, cast, delete, func, update
from sqlmodel import Session, col, or_, select

from backend.models import Job, TakeFile, Video
from backend.store.database.locks import acquire_advisory_lock
from backend.store.database.rows import get_row, insert_row


class StoredFile(NamedTuple):
    """What storage should hold of a video."""

    id: str
    key: str
    size_bytes: int
    missing: bool


class VideoColumns(TypedDict, total=False):
    """What may change of a video."""

    key: str
    content_type: str
    kind: str
    checked: bool
    problem: str | None
    duration_s: float
    width: int
    height: int
    fps: float | None
    codec: str | None
    see_through: bool
    poster_key: str | None
    preview_key: str | None
    player_key: str | None
    preview_tries: int
    missing_at: datetime | None
    checked_at: datetime | None


def insert_or_restore(session: Session, video: Video) -> Video:
    """The row for these bytes: the one that is there already (no longer missing), or this one."""
    acquire_advisory_lock(session, f"video:{video.sha256}")
    known = session.exec(select(Video).where(Video.sha256 == video.sha256)).first()
    if known is None:
        insert_row(session, video)
        return video
    values: VideoColumns = {"missing_at": None, "checked_at": video.checked_at, "key": video.key}
    values |= {"content_type": video.content_type, "poster_key": video.poster_key or known.poster_key}
    if video.checked and not known.checked:
        values["preview_tries"] = 0
    if video.checked:  # perhaps it could not be then, or less was known of such files
        values |= {
            "kind": video.kind, "checked": True, "duration_s": video.duration_s,
            "width": video.width, "height": video.height, "fps": video.fps, "codec": video.codec,
            "see_through": video.see_through,
            "problem": known.problem if known.player_key else video.problem,  # it tells of its copy, too
        }  # fmt: skip
    return update_video(session, known.id, **values)


def update_video(session: Session, video_id: str, **values: Unpack[VideoColumns]) -> Video:
    """Write what is new about a video. Raises NotFound: there is none with that id."""
    session.exec(update(Video).where(col(Video.id) == video_id).values(**values))
    return get(session, video_id)


def get(session: Session, video_id: str) -> Video:
    """The video; NotFound when there is none with that id."""
    return get_row(session, Video, video_id, "There is no video with that id.")


def find(session: Session, video_id: str) -> Video | None:
    """The same; None when there is none."""
    return session.get(Video, video_id, populate_existing=True)


def is_shown(session: Session, video_id: str) -> bool:
    """Has any take this file, as its main one or beside it?"""
    beside = select(TakeFile.job_id).where(TakeFile.video_id == video_id).limit(1)
    main = select(Job.id).where(Job.video_id == video_id).limit(1)
    return session.exec(main).first() is not None or session.exec(beside).first() is not None


def lock_unshown(session: Session, video_id: str) -> bool:
    """Is there such a file that no take has? Until the transaction ends, no take gets it."""
    video = find(session, video_id)
    if video is None:
        return False
    acquire_advisory_lock(session, f"video:{video.sha256}")
    return not is_shown(session, video_id)


def delete_video(session: Session, video_id: str) -> None:
    """Delete the row of a file that no take has, and that is no longer on storage."""
    session.exec(delete(Video).where(col(Video.id) == video_id))


def list_after(session: Session, last_id: str, *, limit: int) -> Sequence[Video]:
    """A page of all videos by id, to walk over every one."""
    return session.exec(select(Video).where(Video.id > last_id).order_by(Video.id).limit(limit)).all()


def list_files_after(session: Session, last_id: str, *, limit: int) -> Sequence[StoredFile]:
    """As `list_after`, only what storage should hold."""
    missing = col(Video.missing_at).is_not(None)
    query = select(Video.id, Video.key, Video.size_bytes, missing).where(Video.id > last_id)
    return [StoredFile(*row) for row in session.exec(query.order_by(Video.id).limit(limit))]


def list_jobs(session: Session, video_id: str) -> Sequence[Job]:
    """The jobs that show this video, as their main file or beside it, newest first."""
    beside = select(TakeFile.job_id).where(TakeFile.video_id == video_id)
    shows = or_(col(Job.video_id) == video_id, col(Job.id).in_(beside))
    return session.exec(select(Job).where(shows).order_by(col(Job.id).desc())).all()


def mark_missing(session: Session, video_id: str, *, at: datetime) -> None:
    """This file is gone from storage, or altered."""
    present = col(Video.id) == video_id, col(Video.missing_at).is_(None)
    session.exec(update(Video).where(*present).values(missing_at=at))


def count_between(session: Session, *, after: str, before: str, limit: int) -> tuple[int, int, str]:
    """(videos, their bytes, the last id that was counted) of the oldest `limit` videos between two ids.

    What was counted once need not be again: its bytes stay, and of what is removed the count is told.
    """
    some = (
        select(Video.id, Video.size_bytes)
        .where(Video.id > after, Video.id < before)
        .order_by(Video.id)
        .limit(limit)
        .subquery()
    )
    size = cast(func.coalesce(func.sum(some.c.size_bytes), 0), BigInteger)
    query = select(func.count(), size, func.max(some.c.id)).select_from(some)
    number, total, last = session.exec(query).one()
    return number, total, last or after


def count_missing(session: Session) -> int:
    """How many videos are missing or altered on storage."""
    missing = select(func.count()).select_from(Video).where(col(Video.missing_at).is_not(None))
    return session.exec(missing).one()
