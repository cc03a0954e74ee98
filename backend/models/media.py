"""Stored files: videos that were made, photos that people upload."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Text
from sqlmodel import Field, SQLModel

from backend.models.columns import moment


class Video(SQLModel, table=True):
    """One whole file on our storage, known by its SHA-256."""

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
