"""What belongs to people: API tokens, forms under a name, favourite models."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from backend.models.columns import Json, moment


class Token(SQLModel, table=True):
    """One API token; only a hash of its secret is kept. With a person it acts as them, else as a service."""

    __tablename__ = "token"
    __table_args__ = (Index("token_person", "person_id"),)

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    role: str
    secret_sha256: str
    created_at: datetime = moment()
    revoked_at: datetime | None = moment(default=None)
    person_id: str | None = None  #: whose it is; None: a service's
    scopes: list[str] | None = Field(default=None, sa_type=Json)  #: None: all that its role allows
    expires_at: datetime | None = moment(default=None)
    last_used_at: datetime | None = moment(default=None)  #: written at most every 10 minutes
    created_by: str | None = None


class Preset(SQLModel, table=True):
    """A whole form under a name, for its owner or the team."""

    __tablename__ = "preset"
    __table_args__ = (Index("preset_once", "owner", "folded", unique=True),)

    id: str = Field(primary_key=True)
    owner: str
    name: str
    folded: str  #: the name without case: one owner has it once
    shared: bool
    form: dict[str, Any] = Field(default_factory=dict, sa_type=Json)  #: as `create_job` is asked
    changed_at: datetime = moment()


class Favourite(SQLModel, table=True):
    """A model that somebody wants to find first."""

    __tablename__ = "favourite"

    owner: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    at: datetime = moment()
