"""What an unfinished word stands for: the shortest words of the index that begin so."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlmodel import Session

#: An unfinished word stands for this many words that begin so; the shortest ones.
MAX_COMPLETIONS = 16
#: So many characters may be missing of an unfinished word. It is looked for among words of each length:
#: words that begin alike may be as many as there are takes.
MAX_MISSING_CHARS = 20

_OF_LENGTH = (
    "SELECT * FROM (SELECT word FROM known_word WHERE length(word) = :length + {more}"
    " AND word >= :start AND word < :past ORDER BY word LIMIT :most) AS of_{more}"
)
#: One look into the index of lengths for each.
_SQLITE = text(" UNION ALL ".join(_OF_LENGTH.format(more=more) for more in range(MAX_MISSING_CHARS + 1)))
#: One plan for all lengths, where a `UNION ALL` has one for each.
_POSTGRES = text(
    "SELECT o.word FROM generate_series(CAST(:length AS int), CAST(:longest AS int)) AS of(length)"
    " CROSS JOIN LATERAL (SELECT word FROM known_word WHERE length(word) = of.length"
    " AND word >= :start AND word < :past ORDER BY word LIMIT :most) AS o"
)


def complete(session: Session, start: str) -> Sequence[str]:
    """Words of the index that begin like this, the shortest first, at most `MAX_COMPLETIONS`."""
    asked: dict[str, Any] = {"start": start, "past": start + chr(0x10FFFF), "most": MAX_COMPLETIONS}
    asked |= {"length": len(start), "longest": len(start) + MAX_MISSING_CHARS}
    connection = session.connection()
    query = _POSTGRES if connection.dialect.name == "postgresql" else _SQLITE
    found = connection.execute(query, asked).scalars()
    return sorted(found, key=lambda word: (len(word), word))[:MAX_COMPLETIONS] or [start]
