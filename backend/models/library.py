"""What people make of takes: projects, collections, tags, opinions, and what came of what."""

from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import Index, Text, false
from sqlmodel import Field, SQLModel

from backend.models.columns import Json, moment


class Project(SQLModel, table=True):
    """What takes are made for; a take belongs to one at most."""

    __tablename__ = "project"

    id: str = Field(primary_key=True)
    name: str
    folded: str = Field(unique=True)  #: the name without case: it is there once
    created_at: datetime = moment()
    created_by: str


class Collection(SQLModel, table=True):
    """Takes that somebody put together; a take may be in any number of them."""

    __tablename__ = "collection"

    id: str = Field(primary_key=True)
    name: str
    folded: str = Field(unique=True)  #: the name without case: it is there once
    created_at: datetime = moment()
    created_by: str


class CollectionTake(SQLModel, table=True):
    """A take in a collection."""

    __tablename__ = "collection_take"
    __table_args__ = (Index("collection_take_job", "job_id"),)

    collection_id: str = Field(primary_key=True)
    job_id: str = Field(primary_key=True)
    added_at: datetime = moment()
    added_by: str


class TakeTag(SQLModel, table=True):
    """A tag of a take, which has it once."""

    __tablename__ = "take_tag"
    __table_args__ = (Index("take_tag_tag", "folded", "job_id"),)

    job_id: str = Field(primary_key=True)
    folded: str = Field(primary_key=True)  #: the tag without case
    tag: str
    at: datetime = moment()
    by: str


class TakeOpinion(SQLModel, table=True):
    """What one person thinks of a take."""

    __tablename__ = "take_opinion"
    __table_args__ = (Index("take_opinion_person", "person", "favourite", "job_id"),)

    job_id: str = Field(primary_key=True)
    person: str = Field(primary_key=True)  #: by name, as a take's owner
    rating: int | None = None  #: 1 to 5
    favourite: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    at: datetime = moment()


class TakeOrigin(SQLModel, table=True):
    """A take was made from another one; written when it is asked for."""

    __tablename__ = "take_origin"
    __table_args__ = (Index("take_origin_from", "from_id", "job_id"),)

    job_id: str = Field(primary_key=True)
    from_id: str = Field(primary_key=True)
    how: str = Field(primary_key=True)  #: an `OriginHow`


class TakeEdit(SQLModel, table=True):
    """Somebody changed something of a take that is no move of its state; open pages are told."""

    __tablename__ = "take_edit"

    id: int | None = Field(default=None, primary_key=True)
    job_id: str
    at: datetime = moment()


class UndoStep(SQLModel, table=True):
    """What a change of many takes changed, so that it can be taken back for a while."""

    __tablename__ = "undo_step"

    id: str = Field(primary_key=True)
    by: str
    at: datetime = moment()
    changes: dict[str, Any] = Field(default_factory=dict, sa_type=Json)


class SavedView(SQLModel, table=True):
    """Filters and order under a name, for their owner or the team."""

    __tablename__ = "saved_view"
    __table_args__ = (Index("saved_view_once", "owner", "folded", unique=True),)

    id: str = Field(primary_key=True)
    owner: str
    name: str
    folded: str  #: the name without case: one owner has it once
    shared: bool
    query: str = Field(sa_type=Text)  #: as in the gallery's address
    changed_at: datetime = moment()


class Draft(SQLModel, table=True):
    """The form as somebody left it, not sent yet."""

    __tablename__ = "draft"

    owner: str = Field(primary_key=True)
    form: dict[str, Any] = Field(default_factory=dict, sa_type=Json)  #: as `create_job` is asked
    changed_at: datetime = moment()


class LibraryColumns(TypedDict, total=False):
    """What people change of a job, beside what its life changes (`JobColumns`); types as in `Job`."""

    project_id: str | None
    review: str | None
    review_by: str | None
    review_at: datetime | None
    note: str | None
    rating_sum: int
    rating_count: int
    edits: int
    opened_at: datetime | None
    trashed_at: datetime | None
    trashed_by: str | None
    emptied_at: datetime | None
