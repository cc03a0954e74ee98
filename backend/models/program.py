"""What the program has learnt: values by name, models on offer, what sweeps did."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from backend.models.columns import Json, moment


class KeyValue(SQLModel, table=True):
    """Something learnt while running that every process must know: one row a name."""

    __tablename__ = "fact"

    name: str = Field(primary_key=True)
    value: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    at: datetime = moment()


class CatalogueEntry(SQLModel, table=True):
    """One model as the provider last listed it."""

    __tablename__ = "offer"

    id: str = Field(primary_key=True)  #: the provider's endpoint id
    data: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
    at: datetime = moment()


class Sweep(SQLModel, table=True):
    """One pass over due and odd rows that found something to do."""

    __tablename__ = "sweep"

    id: int | None = Field(default=None, primary_key=True)
    started_at: datetime = moment()
    took_s: float
    did: dict[str, Any] = Field(default_factory=dict, sa_type=Json)
