"""The values that there are of what takes are filtered by: one look into an index for each."""

from typing import Any

from sqlmodel import Session

from backend.models import Collection, Job, Project, TakeTag
from backend.store.database.rows import distinct_values


def missing(session: Session, *, project: str | None, collection: str | None) -> list[str]:
    """Which of these are not there: "project", "collection"."""
    asked: Any = (("project", Project, project), ("collection", Collection, collection))
    return [name for name, table, key in asked if key is not None and session.get(table, key) is None]


def models(session: Session) -> list[str]:
    """Every model that takes were made with."""
    return distinct_values(session, Job.model)


def tags(session: Session) -> list[str]:
    """Every tag that takes have, as it is folded."""
    return distinct_values(session, TakeTag.folded)
