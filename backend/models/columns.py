"""The column types, which are the same on every database, and the indexes over rows that have a value."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Index, Integer, MetaData, String, Text, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import AutoString, Field


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware UTC on both sides, whatever the database makes of time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PortableText(TypeDecorator[str]):
    """Text, the same on every database: ordered by its bytes, and without NUL, which some refuse."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        collation = "C" if dialect.name == "postgresql" else None
        return dialect.type_descriptor(Text(collation=collation))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return value.replace("\0", "") if value is not None and "\0" in value else value


#: Whole numbers of 64 bits. SQLite's are that in any case, and count up by themselves only as INTEGER.
BigInt = BigInteger().with_variant(Integer(), "sqlite")
#: JSON whose None is SQL's NULL, not the JSON word. As it was written, not JSONB: that would put keys into
#: an order of its own, and forms show a model's fields in the order in which the model lists them.
Json = JSON(none_as_null=True)


def moment(**column: Any) -> Any:
    """A field that holds a moment, with these settings of SQLModel's `Field`."""
    return Field(sa_type=UtcDateTime, **column)


def partial_index(name: str, *columns: str, unique: bool = False) -> Index:
    """An index over the rows whose last column has a value."""
    known = text(f"{columns[-1]} IS NOT NULL")
    return Index(name, *columns, unique=unique, sqlite_where=known, postgresql_where=known)


def make_portable(metadata: MetaData) -> None:
    """Give every column of text and of whole numbers the type that is the same on every database."""
    for table in metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, String | AutoString):
                column.type = PortableText()
            elif isinstance(column.type, Integer):
                column.type = BigInt
