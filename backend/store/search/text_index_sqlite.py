"""The index of words in SQLite: FTS5, with row numbers made of the takes' ids, and so in their order.

Newest first then costs nothing: FTS5 walks every list of takes from its end, and jumps in the others.
The table keeps no text and no positions. A row number holds 44 bits of milliseconds, the 12-bit counter
and 6 random bits of a UUIDv7; takes that share all of these (made in the same millisecond by different
processes) share an entry, and either is then found by the other's words. Nothing is ever lost by it.

Source: SQLite documentation, "FTS5", 4.4.3 contentless tables, 4.6 detail; RFC 9562, 5.7.
"""

import re
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, text

from backend.store.search.index_key import MAX_MISSING_CHARS, IndexEntry, IndexQuery, bind_lists

#: A take in a rare state has a second entry at this distance, with a key for the state.
RARE_ROWID_OFFSET = 1 << 62
#: Takes may share a number, and FTS5 orders by nothing else: so many more are read than shown.
TIE_ROWS = 4
#: Ids that can be numbered; others stay in `unread`, and are found there.
_UUID7 = re.compile(r"0[0-9a-f]{7}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]")

_OF_LENGTH = (
    "SELECT * FROM (SELECT word FROM known_word WHERE length(word) = :length + {more}"
    " AND word >= :start AND word < :past ORDER BY word LIMIT :most) AS of_{more}"
)
#: Words that begin so, of each length: one look into the index of lengths for each.
COMPLETIONS_SQL = text(
    " UNION ALL ".join(_OF_LENGTH.format(more=more) for more in range(MAX_MISSING_CHARS + 1))
)
_TAKE = text("SELECT job_id FROM unread WHERE job_id GLOB '0*-*-7*-*-*' ORDER BY job_id LIMIT :most")
_TAKEN = text("DELETE FROM unread WHERE job_id IN :ids").bindparams(bindparam("ids", expanding=True))
_PUT = text("INSERT INTO take_words (rowid, words) VALUES (:number, :words)")
#: The first 21 characters of a take's id, from its entry's number.
_STEM = (
    "printf('%08x-%04x-7%03x-%02x', (f.rowid >> 34) & 268435455, (f.rowid >> 18) & 65535,"
    " (f.rowid >> 6) & 4095, 128 | (f.rowid & 63))"
)
_HITS = """
SELECT j.id FROM take_words AS f CROSS JOIN job AS j ON j.id > {stem} AND j.id < {stem} || 'g'
WHERE take_words MATCH :query AND f.rowid BETWEEN :low AND :high AND +j.id > :after AND +j.id < :before {more}
ORDER BY f.rowid {order} LIMIT :most
"""


def entry_rowid(job_id: str) -> int:
    """The row number of a take's entry."""
    ms, counter, chance = int(job_id[:8] + job_id[9:13], 16), int(job_id[15:18], 16), int(job_id[19:21], 16)
    return ms << 18 | counter << 6 | chance & 0x3F


def pop_pending(connection: Connection, limit: int) -> list[str]:
    """Take the oldest notes away; returns the ids. They come back if the transaction does not end well."""
    ids = [job_id for job_id in connection.execute(_TAKE, {"most": limit}).scalars() if _UUID7.match(job_id)]
    if ids:
        connection.execute(_TAKEN, {"ids": ids})
    return ids


def put_entries(connection: Connection, entries: Sequence[IndexEntry]) -> None:
    """Enter takes. Entering one again changes nothing but the room that it takes."""
    rows = [(entry_rowid(entry.job_id), entry.keys) for entry in entries]
    rows += [
        (RARE_ROWID_OFFSET | entry_rowid(entry.job_id), entry.keys | {entry.state})
        for entry in entries
        if entry.state
    ]
    if rows:
        connection.execute(_PUT, [{"number": row, "words": " ".join(keys)} for row, keys in sorted(rows)])


def search_ids(connection: Connection, query: IndexQuery) -> list[str]:
    """Ids of the takes that fit, in order; of rare states by the entries that those have besides."""
    space = RARE_ROWID_OFFSET if query.rare else 0
    params = {
        "query": " AND ".join("(" + " OR ".join(f'"{key}"' for key in group) + ")" for group in query.keys),
        "low": space | _bound(query.after, 0),
        "high": space | _bound(query.before, RARE_ROWID_OFFSET - 1),
        "after": query.after,
        "before": query.before,
        "most": query.limit + TIE_ROWS,
        **query.params,
    }
    order = "ASC" if query.ascending else "DESC"
    sql = bind_lists(_HITS.format(stem=_STEM, more=query.more, order=order), query.params)
    found: list[str] = list(connection.execute(sql, params).scalars())
    return sorted(found, reverse=not query.ascending)[: query.limit]


def _bound(job_id: str, otherwise: int) -> int:
    """The number of an id; of what is none, one that leaves nothing out."""
    return entry_rowid(job_id) if _UUID7.match(job_id) else otherwise
