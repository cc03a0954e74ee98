"""Videos: whole files on our storage, each once, by its SHA-256."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, cast, func, update
from sqlmodel import Session, col, select

from backend.domain.errors import NotFound
from backend.models import Job, Video
from backend.store.locks import serialise


def keep(session: Session, video: Video) -> Video:
    """The row for these bytes: the one that is there already (no longer missing), or this one."""
    serialise(session, f"video:{video.sha256}")
    known = by_sha256(session, video.sha256)
    if known is None:
        session.add(video)
        session.flush()
        return video
    return amend(
        session,
        known.id,
        missing_at=None,
        checked_at=video.checked_at,
        poster_key=video.poster_key or known.poster_key,
    )


def amend(session: Session, video_id: str, **values: Any) -> Video:
    """Write what is new about a video.

    Raises:
        NotFound: there is none with that id.
    """
    session.exec(update(Video).where(col(Video.id) == video_id).values(**values))
    return get(session, video_id)


def get(session: Session, video_id: str) -> Video:
    """The video.

    Raises:
        NotFound: there is none with that id.
    """
    video = session.get(Video, video_id, populate_existing=True)
    if video is None:
        raise NotFound("There is no video with that id.")
    return video


def by_sha256(session: Session, sha256: str) -> Video | None:
    """The video with these bytes, if we have it."""
    return session.exec(select(Video).where(Video.sha256 == sha256)).first()


def after(session: Session, last_id: str, *, limit: int) -> Sequence[Video]:
    """A page of all videos by id, to walk over every one."""
    return session.exec(select(Video).where(Video.id > last_id).order_by(Video.id).limit(limit)).all()


def jobs_of(session: Session, video_id: str) -> Sequence[Job]:
    """The jobs that show this video, newest first."""
    return session.exec(select(Job).where(Job.video_id == video_id).order_by(col(Job.id).desc())).all()


def mark_missing(session: Session, video_id: str, *, at: datetime) -> None:
    """This file is gone from storage, or altered."""
    session.exec(
        update(Video).where(col(Video.id) == video_id, col(Video.missing_at).is_(None)).values(missing_at=at)
    )


def count(session: Session) -> tuple[int, int, int]:
    """(videos, their bytes, how many of them are missing)."""
    number, size = session.exec(
        select(func.count(), cast(func.coalesce(func.sum(Video.size_bytes), 0), BigInteger))
    ).one()
    missing = session.exec(
        select(func.count()).select_from(Video).where(col(Video.missing_at).is_not(None))
    ).one()
    return number, size, missing
