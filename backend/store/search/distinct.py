"""The values that there are of what takes are filtered by: one look into an index for each."""

from typing import Any

from sqlalchemy import text
from sqlmodel import Session

from backend.models import Collection, Project

#: From one value to the next in an index, in one statement. {more}: which rows count.
_JUMPS = """
WITH RECURSIVE jump (value) AS (
  SELECT min({column}) FROM {table}
  UNION ALL SELECT (SELECT min({column}) FROM {table} WHERE {column} > jump.value) FROM jump
  WHERE jump.value IS NOT NULL)
SELECT value FROM jump WHERE value IS NOT NULL
"""
_MODELS = text(_JUMPS.format(table="job", column="model"))
_TAGS = text(_JUMPS.format(table="take_tag", column="folded"))


def missing(session: Session, *, project: str | None, collection: str | None) -> list[str]:
    """Which of these are not there: "project", "collection"."""
    asked: Any = (("project", Project, project), ("collection", Collection, collection))
    return [name for name, table, key in asked if key is not None and session.get(table, key) is None]


def models(session: Session) -> list[str]:
    """Every model that takes were made with."""
    return list(session.connection().execute(_MODELS).scalars())


def tags(session: Session) -> list[str]:
    """Every tag that takes have, as it is folded."""
    return list(session.connection().execute(_TAGS).scalars())
