"""The index of words: which takes hold which words, kept beside `job` and read by `index_search`.

A trigger notes each new take in `unread`, in the transaction that makes it: one small row. A sweep reads
what is noted into the index, many at a time. Until then a take is found by looking at its row, so that
none is ever missing. Takes that end badly, or are held, are noted again and then stand in the index with
their state, because these states are rare and a common word would be walked in vain for them.

The words themselves are made by `domain.words`; to the databases they are opaque keys.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import TextClause, bindparam, text
from sqlmodel import Session

from backend.domain import words
from backend.domain.states import JobState
from backend.store.database.engine import Store
from backend.store.search import text_index_postgres, text_index_sqlite
from backend.store.search.index_key import MAX_MISSING_CHARS, IndexEntry, TextIndex, key

#: States that stand in the index.
RARE_STATES = frozenset({JobState.HELD, JobState.FAILED, JobState.CANCELLED})
#: Takes read in one transaction where nobody waits for it: some 200 ms.
BATCH = 2000
#: An unfinished word stands for this many words that begin so; the shortest ones.
MAX_COMPLETIONS = 16

_UNREAD = """
SELECT j.id, j.owner, j.model, j.provider, j.state, j.prompt, j.sent_prompt, j.trashed_at
FROM unread u JOIN job j ON j.id = u.job_id WHERE j.id < :before AND j.id > :after
ORDER BY u.job_id {order}
"""
_UNREAD_DOWN, _UNREAD_UP = text(_UNREAD.format(order="DESC")), text(_UNREAD.format(order="ASC"))
_ROWS = text(
    "SELECT id, owner, model, provider, state, prompt, sent_prompt, trashed_at FROM job WHERE id IN :ids"
).bindparams(bindparam("ids", expanding=True))
_NEW_WORDS = text("INSERT INTO known_word (word) VALUES (:word) ON CONFLICT DO NOTHING")


def dialect_module(session: Session) -> TextIndex:
    """What the session's kind of database does in its own way."""
    return text_index_postgres if session.get_bind().dialect.name == "postgresql" else text_index_sqlite


def index_pending(session: Session, *, limit: int) -> int:
    """Read the oldest takes that are noted into the index; returns how many."""
    ids = dialect_module(session).pop_pending(session.connection(), limit)
    if ids:
        entries = [entry_of(row) for row in load_rows(session, ids)]
        _keep_words(session, entries)
        dialect_module(session).put_entries(session.connection(), entries)
    return len(ids)


def index_all_pending(store: Store, *, on_progress: Callable[[int], None] = lambda _: None) -> None:
    """Read everything that is noted, in transactions of their own: others work meanwhile, and if this is
    stopped, sweeps go on with it. on_progress: is given how many were read so far.
    """
    total, number = 0, BATCH
    while number == BATCH:
        with store.begin() as session:
            number = index_pending(session, limit=BATCH)
        total += number
        on_progress(total)


def load_rows(session: Session, ids: Sequence[str]) -> Sequence[Any]:
    """Of these takes: id, owner, model, provider, state and prompts."""
    return session.connection().execute(_ROWS, {"ids": list(ids)}).all()


def pending_rows(session: Session, *, before: str, after: str, ascending: bool = False) -> Iterable[Any]:
    """Takes that are not in the index as they are now: id, owner, model, provider, state and prompts."""
    query: TextClause = _UNREAD_UP if ascending else _UNREAD_DOWN
    return session.connection().execute(query, {"before": before, "after": after})


def entry_of(row: Any) -> IndexEntry:
    """What is kept of a take: its words, for all and for its owner, and keys for its owner and model."""
    found = words.index_terms(row.prompt, row.sent_prompt)
    marks = {key("o", row.owner), key("m", row.model), key("b", row.owner, row.model)}
    marks |= {key("w", row.owner, word) for word in found}
    state = key("s", row.state) if row.state in RARE_STATES else None
    return IndexEntry(row.id, frozenset(found | marks), state)


def complete_prefix(session: Session, start: str) -> Sequence[str]:
    """Words of the index that begin like this, the shortest first, at most `MAX_COMPLETIONS`."""
    asked: dict[str, Any] = {"start": start, "past": start + chr(0x10FFFF), "most": MAX_COMPLETIONS}
    asked |= {"length": len(start), "longest": len(start) + MAX_MISSING_CHARS}
    found = session.connection().execute(dialect_module(session).COMPLETIONS_SQL, asked).scalars()
    return sorted(found, key=lambda word: (len(word), word))[:MAX_COMPLETIONS] or [start]


def _keep_words(session: Session, entries: Sequence[IndexEntry]) -> None:
    """In order, so that two who do this at once never wait for each other."""
    found = {key for entry in entries for key in entry.keys if not key.startswith("_")}
    if found:
        session.connection().execute(_NEW_WORDS, [{"word": word} for word in sorted(found)])
