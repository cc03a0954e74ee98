"""What all of the API's schemas stand on: names that aren't known are refused, and texts are read one way."""

import uuid
from collections.abc import Iterable
from datetime import UTC
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, PlainValidator

from backend.services.money.spend_query import parse_day

#: A moment in an answer.
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Asked(BaseModel):
    """What may be given to an operation: these names, and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Told(BaseModel):
    """What an operation answers: all of these names, and no others. A name with a default may be absent."""

    model_config = ConfigDict(extra="forbid")


class Nothing(Asked):
    """Nothing may be given."""


class FieldFault(Told):
    """One thing that was given, and what is wrong with it."""

    field: str
    message: str


class ErrorDetail(Told):
    """What went wrong, whether it cost money, and what to do."""

    code: str = Field(description="A stable word for programs.")
    message: str = Field(description="For people.")
    fields: list[FieldFault] = Field(default=[], description="With 422: everything that is at fault.")
    left_usd: float = Field(default=0, description="With 402: what is left of the tightest limit.")
    counts_usd: float = Field(default=0, description="With 402: what the take counts for.")
    limit: str = Field(default="", description="With 402: which limit it is.")
    renews_at: str = Field(default="", description="With 402: when the limit starts anew (RFC 3339).")


class ErrorAnswer(Told):
    """Every answer of 400 and above."""

    error: ErrorDetail


# -- texts of queries: "" is as if nothing was given, but for numbers ---------------------------


class QueryText:
    """How a parameter's text is read: `read` gives the value or raises ValueError; `schema` describes it."""

    def read(self, text: str) -> Any:
        """The value that is meant."""
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        raise NotImplementedError

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return handler.generate_schema(Annotated[Any, PlainValidator(self.read)])

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return self.schema()


class OneOf(QueryText):
    """One of these words, or "" for none."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(dict.fromkeys(map(str, words)))

    def read(self, text: str) -> str | None:
        """The word; None for ""."""
        if text and text not in self.words:
            raise ValueError(f"is none of {', '.join(self.words)}")
        return text or None

    def schema(self) -> dict[str, Any]:
        """An enum."""
        return {"type": "string", "enum": [*self.words, ""]}


class WholeNumber(QueryText):
    """A whole number from `low` to `high`."""

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def read(self, text: str) -> int:
        """The number."""
        if not (text.isascii() and text.isdecimal()) or not self.low <= int(text[:9]) <= self.high:
            raise ValueError(f"must be a whole number from {self.low} to {self.high}")
        return int(text)

    def schema(self) -> dict[str, Any]:
        """An integer."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


class Cursor(QueryText):
    """What a page gave as `next_cursor`; "" for the first page."""

    def read(self, text: str) -> str | None:
        """The cursor; None for ""."""
        try:
            fits = not text or str(uuid.UUID(text)) == text
        except ValueError:
            fits = False
        if not fits:
            raise ValueError("is none that was given as next_cursor")
        return text or None

    def schema(self) -> dict[str, Any]:
        """A UUID in its usual form, or nothing."""
        return {"type": "string", "pattern": "^([0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12})?$"}


class DayOrMoment(QueryText):
    """A day, 2026-11-21, or a moment, 2026-11-21T09:00:00Z; "" for none. Stays a text."""

    def read(self, text: str) -> str | None:
        """The text; None for ""."""
        if text:
            parse_day(text, UTC)
        return text or None

    def schema(self) -> dict[str, Any]:
        """Its two forms."""
        return {"type": "string", "examples": ["2026-11-21", "2026-11-21T09:00:00Z"]}
