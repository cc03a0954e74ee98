"""What prompts are made of: the team's vocabulary, and the versions of its template."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from backend.models.columns import Json, moment


class VocabularyEntry(SQLModel, table=True):
    """One label of the team's vocabulary, and the words that it adds to a prompt. Never deleted."""

    __tablename__ = "word"
    __table_args__ = (Index("word_once", "axis", "folded", unique=True),)

    id: str = Field(primary_key=True)
    axis: str  #: movement, fabric, camera, aesthetic
    label: str
    folded: str  #: the label without case: how it is looked up
    words: str = Field(sa_type=Text)
    poster_key: str | None = None  #: an example, as storage keeps it
    position: int
    retired_at: datetime | None = moment(default=None)
    changed_at: datetime = moment()
    changed_by: str


class Template(SQLModel, table=True):
    """One version of what turns prompt and style into the prompt that is sent. Append only."""

    __tablename__ = "template"

    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    text: str = Field(sa_type=Text)
    #: what it asks for besides, each as `Variable.as_json`; None: nothing
    variables: list[dict[str, Any]] | None = Field(default=None, sa_type=Json)
    note: str
    at: datetime = moment()
    by: str
