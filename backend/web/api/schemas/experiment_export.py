"""The query of an experiment's export."""

from typing import Annotated

from pydantic import Field

from backend.services.experiments.doors.export import FORMATS, TABLES
from backend.web.api.schemas.base import Asked, OneOf


class TableParams(Asked):
    """Which table, and as what."""

    table: Annotated[str | None, OneOf(TABLES)] = Field(default=None, description="Unless given: takes.")
    format: Annotated[str | None, OneOf(FORMATS)] = Field(
        default=None, description="Unless given: parquet; of preferences, jsonl."
    )
