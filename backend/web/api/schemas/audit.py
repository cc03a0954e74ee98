"""What was done, by whom."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from backend.domain.access.actions import Action, ActorKind
from backend.domain.access.origin import Via
from backend.services.audit.entries import PAGE_SIZE, PAGE_SIZE_MAX
from backend.services.audit.query import parse_moment
from backend.web.api.schemas.base import Asked, Cursor, OneOf, QueryText, Told, WholeNumber

#: format -> its content type
FORMATS = {"json": "application/json", "csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}


class Moment(QueryText):
    """A moment, or a day; "" for none. Stays a text."""

    def read(self, text: str) -> str | None:
        """The text; None for ""."""
        parse_moment(text)
        return text or None

    def schema(self) -> dict[str, Any]:
        """Its two forms."""
        return {"type": "string", "examples": ["2026-11-21T09:00:00Z", "2026-11-21"]}


class AuditParams(Asked):
    """Which rows, and as what."""

    since: Annotated[str | None, Moment()] = Field(default=None, description="From then on.")
    until: Annotated[str | None, Moment()] = Field(
        default=None, description="Before then; of a day, to its end."
    )
    actor: str | None = Field(default=None, description="The name of a person or token.")
    action: Annotated[str | None, OneOf(Action)] = Field(default=None, description="What was done.")
    object_id: str | None = Field(default=None, alias="object", description="The id of what it was done to.")
    format: Annotated[str | None, OneOf(FORMATS)] = Field(
        default=None, description="Unless given: json, in pages. The others are all that fits, as a stream."
    )
    limit: Annotated[int | None, WholeNumber(1, PAGE_SIZE_MAX)] = Field(
        default=None, description=f"Rows on a page; unless given, {PAGE_SIZE}. Of files: at most so many."
    )
    cursor: Annotated[str | None, Cursor()] = Field(default=None, description="`next_cursor` of a page.")


class AuditEntryAnswer(Told):
    """One deed. What is not known, or not there, is null."""

    id: str
    at: datetime
    actor_kind: ActorKind
    actor: str
    via: Via
    action: str = Field(description="`thing.verb`, such as take.started.")
    object_type: str | None
    object_id: str | None
    micros: int | None = Field(description="Money that it was about, in millionths of a USD.")
    changed: dict[str, list[Any]] | None = Field(description="field -> [before, after]")
    space_id: str | None
    address: str | None
    request_id: str | None


class AuditAnswer(Told):
    """A page of the audit, the newest first."""

    items: list[AuditEntryAnswer]
    next_cursor: str | None
