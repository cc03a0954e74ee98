"""Stored files: what was made, which take it belongs to, and photos that people upload."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Text, false, true
from sqlmodel import Field, SQLModel

from backend.models.columns import Json, moment, partial_index


class Video(SQLModel, table=True):
    """One whole file on our storage, known by its SHA-256: a video, or what came in place of one.

    duration_s, width, height: 0 where a file has none or nobody knows.
    """

    __tablename__ = "video"
    __table_args__ = (Index("video_sha256", "sha256", unique=True), Index("video_missing", "missing_at"))

    id: str = Field(primary_key=True)
    sha256: str
    key: str  #: where storage keeps it: `<sha256>.mp4`
    content_type: str
    size_bytes: int = Field(sa_type=BigInteger)
    duration_s: float
    width: int
    height: int
    fps: float | None = None
    codec: str | None = None
    poster_key: str | None = None
    preview_key: str | None = None
    preview_tries: int = 0
    created_at: datetime = moment()
    missing_at: datetime | None = moment(default=None)  #: found missing or altered on storage
    checked_at: datetime | None = moment(default=None)  #: last found whole
    kind: str = Field(default="video", sa_column_kwargs={"server_default": "video"})  #: a `FileKind`
    #: decoded to its end; else it is kept as it came, and `problem` says why
    checked: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    #: of a checked video: why browsers can't play it; None: an older program's, and nobody has asked yet
    problem: str | None = Field(default="", sa_type=Text)
    player_key: str | None = None  #: a copy of it that they can
    see_through: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class TakeFile(SQLModel, table=True):
    """One file that a take's output names: it is ours, or why it is not here.

    Rows come with the files. A take that was stored before there were such rows has one file, its video.
    """

    __tablename__ = "file"
    __table_args__ = (partial_index("file_video", "video_id"),)

    job_id: str = Field(primary_key=True)
    role: str = Field(primary_key=True)  #: where the output names it: "video", "videos.1"
    position: int  #: 0: the main one
    video_id: str | None = None  #: whole, and ours
    attempts: int = 0  #: faults in a row
    error: dict[str, Any] | None = Field(default=None, sa_type=Json)  #: why it is not here, as of a job
    seen_sha256: str | None = None  #: what came last, whole, and is no file that can be checked
    keep_unchecked: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    given_up_at: datetime | None = moment(default=None)  #: done without: a person said so, or no media


class Upload(SQLModel, table=True):
    """One photo, kept once per owner and content."""

    __tablename__ = "upload"
    __table_args__ = (Index("upload_once", "owner", "sha256", unique=True),)

    id: str = Field(primary_key=True)
    owner: str
    sha256: str  #: of the bytes as kept
    key: str
    file_name: str
    content_type: str
    size_bytes: int
    width: int
    height: int
    created_at: datetime = moment()
    provider_url: str | None = Field(default=None, sa_type=Text)
    provider_url_at: datetime | None = moment(default=None)
