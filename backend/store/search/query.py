"""What is asked of a search, and what comes back."""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.domain.take_filter import TakeFilter
from backend.models import Job, Video


@dataclass(frozen=True)
class TakeQuery:
    """Takes that pass a filter, the newest first, at most `limit`.

    before: only those older than the take with this id. after: only newer ones, and the oldest first.
    """

    wanted: TakeFilter
    limit: int
    before: str | None = None
    after: str | None = None

    @property
    def ascending(self) -> bool:
        """Are the oldest wanted first?"""
        return self.after is not None


@dataclass(frozen=True)
class Page:
    """Jobs and their videos, in the query's order. next_cursor: `before` of the next page; None: the end."""

    items: Sequence[tuple[Job, Video | None]]
    next_cursor: str | None
