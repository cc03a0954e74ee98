"""The index of words in PostgreSQL: a `tsvector` beside each take, under GIN.

GIN gives takes in no order, so a common word must not be asked of it alone. The newest takes are walked
first (of a rare state, the newest in that state; many of them where rows tell everything, as without
words): a common word fills the page from them. How many were found there says how rare the word is, and so
how far back the page can reach; entries hold keys for the times they were made in, at several widths, and
GIN is asked for the words within these times, then within longer ones. Only for the rarest it is asked
without.

The keys are put in as they are (`array_to_tsvector`); PostgreSQL's own parser and dictionaries are not used.

Source: PostgreSQL documentation, 12.9 "Preferred Index Types for Text Search", 70 "GIN Indexes".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from backend.store.search.index_key import IndexEntry, IndexQuery, bind_lists

#: Widths of the times for which entries hold a key, as powers of two in milliseconds: 2 min, 35 min, 9 h,
#: 6 days, 99 days.
TIME_KEY_WIDTHS = (17, 21, 25, 29, 33)
#: A stretch of time is told by at most this many keys, or by wider ones.
RANGE_MAX_KEYS = 16
#: So many takes for each that is looked for are walked before the index is asked: 300 for a page. Fewer
#: would tell too little of how rare the words are.
SCAN_ROWS, SCAN_ROWS_MIN = 12, 100
#: Without words a look at a take costs little, and ends with the page: so many times as many are looked at.
SCAN_MULTIPLE = 10
#: A stretch of time that held too few is followed by one that is so much longer.
RANGE_GROWTH = 8
#: A stretch of time is taken so much longer than needed, if words were spread evenly.
RANGE_MARGIN = 2.0
#: The same where one or none was found, which tells little of how rare the words are.
RANGE_MARGIN_FEW_HITS = 3.0

#: Words that begin so, of each length; one plan for all of them, where a `UNION ALL` has one for each.
COMPLETIONS_SQL = text(
    "SELECT o.word FROM generate_series(CAST(:length AS int), CAST(:longest AS int)) AS of(length)"
    " CROSS JOIN LATERAL (SELECT word FROM known_word WHERE length(word) = of.length"
    " AND word >= :start AND word < :past ORDER BY word LIMIT :most) AS o"
)
_TAKE = text(
    "DELETE FROM unread WHERE job_id IN (SELECT job_id FROM unread ORDER BY job_id LIMIT :most"
    " FOR UPDATE SKIP LOCKED) RETURNING job_id"
)
_PUT = text(
    "INSERT INTO take_words (job_id, words) VALUES (:job_id, array_to_tsvector(:keys))"
    " ON CONFLICT (job_id) DO UPDATE SET words = excluded.words"
)
_NEXT = """
SELECT job_id, words FROM take_words WHERE job_id > :after AND job_id < :before
ORDER BY job_id {order} LIMIT :walk
"""
#: The same for takes in rare states, by the index of states; what is not read yet counts as walked too.
_NEXT_RARE = """
SELECT r.id AS job_id, w.words FROM (SELECT id FROM ({each}) AS every ORDER BY id {order} LIMIT :walk) AS r
LEFT JOIN take_words w ON w.job_id = r.id
"""
_NEXT_OF_STATE = """
(SELECT id FROM job WHERE state = :{state} AND id > :after AND id < :before ORDER BY id {order} LIMIT :walk)
"""
#: Filters without words need no entry, so the newest in a rare state are looked at until the page is full.
_LOOK = """
SELECT j.id FROM (SELECT * FROM ({each}) AS every ORDER BY id {order} LIMIT :far) AS j
WHERE true {more} ORDER BY j.id {order} LIMIT :most
"""
_LOOK_AT_STATE = """
(SELECT id, state, owner, model, provider, trashed_at FROM job WHERE state = :{state}
 AND id > :after AND id < :before ORDER BY id {order} LIMIT :far)
"""
_WALK = """
WITH walked AS MATERIALIZED ({next})
SELECT (SELECT count(*) FROM walked), (SELECT min(job_id) FROM walked),
  (SELECT max(job_id) FROM walked), ARRAY(
  SELECT j.id FROM walked w JOIN job j ON j.id = w.job_id WHERE w.words @@ CAST(:query AS tsquery) {more}
  ORDER BY j.id {order} LIMIT :most)
"""
#: One row after the other, in order: a join by merging would walk the takes between two rare ones.
_HITS = """
WITH found AS MATERIALIZED (
  SELECT job_id FROM take_words WHERE words @@ CAST(:query AS tsquery)
  AND job_id > :after AND job_id < :before)
SELECT j.id FROM (SELECT job_id FROM found ORDER BY job_id {order}) AS f CROSS JOIN LATERAL
  (SELECT id, state, owner, model, provider, trashed_at FROM job WHERE id = f.job_id OFFSET 0) AS j
WHERE true {more} LIMIT :most
"""


@dataclass(frozen=True)
class _Search:
    """One search in one connection."""

    connection: Connection
    asked: IndexQuery

    @property
    def scan_rows(self) -> int:
        """How many takes are walked."""
        return max(SCAN_ROWS_MIN, SCAN_ROWS * self.asked.limit)

    @property
    def states(self) -> Sequence[str]:
        """The rare states that are asked for."""
        return self.asked.params["states"] if self.asked.rare else ()

    @property
    def tsquery(self) -> str:
        """The groups of keys as PostgreSQL takes them."""
        return " & ".join("(" + " | ".join(map(_quoted, group)) + ")" for group in self.asked.keys)

    def run(self, sql: str, after: str, before: str, *, query: str | None = None) -> Any:
        asked = self.asked
        order = "ASC" if asked.ascending else "DESC"
        statement = bind_lists(sql.format(more=asked.more, order=order), asked.params)
        params = {"query": query or self.tsquery, "after": after, "before": before, "most": asked.limit}
        if ":walk" in sql or ":far" in sql:
            params |= {"walk": self.scan_rows, "far": SCAN_MULTIPLE * self.scan_rows}
            params |= {f"rare_{n}": state for n, state in enumerate(self.states)}
        return self.connection.execute(statement, params | asked.params)

    def scan_jobs(self) -> list[str]:
        """Which fit of the next takes in a rare state, whatever the index says."""
        sql = _LOOK.replace("{each}", self._each(_LOOK_AT_STATE))
        return list(self.run(sql, self.asked.after, self.asked.before).scalars())

    def scan_entries(self) -> tuple[int, str, str, list[str]]:
        """(takes walked, the oldest and the newest of them, which of them fit)."""
        takes = _NEXT_RARE.replace("{each}", self._each(_NEXT_OF_STATE)) if self.states else _NEXT
        row = self.run(_WALK.replace("{next}", takes), self.asked.after, self.asked.before)
        walked, oldest, newest, found = row.one()
        return walked, oldest, newest, list(found)

    def query_index(self, after: str, before: str, *, within: Sequence[str] = ()) -> list[str]:
        """Which takes fit, by the index; within: keys of times, one of which must hold."""
        query = f"{self.tsquery} & ({' | '.join(map(_quoted, within))})" if within else self.tsquery
        return list(self.run(_HITS, after, before, query=query).scalars())

    def _each(self, sql: str) -> str:
        """This for each of the rare states."""
        return " UNION ALL ".join(sql.replace("{state}", f"rare_{n}") for n in range(len(self.states)))


def pop_pending(connection: Connection, limit: int) -> list[str]:
    """Take the oldest notes away; returns the ids. They come back if the transaction does not end well.

    The rows of the takes must be read after this: whoever changes a take's state holds its note until that
    is committed, and so it is waited for.
    """
    return list(connection.execute(_TAKE, {"most": limit}).scalars())


def put_entries(connection: Connection, entries: Sequence[IndexEntry]) -> None:
    """Enter takes, in place of what was entered for them before."""
    rows = [
        {"job_id": entry.job_id, "keys": sorted({*entry.keys, *_times(entry.job_id), entry.state or "_"})}
        for entry in entries
    ]
    if rows:
        connection.execute(_PUT, sorted(rows, key=lambda row: str(row["job_id"])))


def search_ids(connection: Connection, query: IndexQuery) -> list[str]:
    """Ids of the takes that fit, in order."""
    search, limit = _Search(connection, query), query.limit
    if query.rare and not _asks_words(query.keys) and len(found := search.scan_jobs()) >= limit:
        return found
    walked, oldest, newest, found = search.scan_entries()
    if len(found) >= limit or walked < search.scan_rows:
        return found
    margin = RANGE_MARGIN if len(found) > 1 else RANGE_MARGIN_FEW_HITS
    needed = margin * limit / max(len(found), 0.5)
    while stretch := _time_range(oldest, newest, query.ascending, needed):
        times, begin, end = stretch
        found = search.query_index(max(query.after, begin), min(query.before, end), within=times)
        if len(found) >= limit:
            return found
        needed *= RANGE_GROWTH
    return search.query_index(query.after, query.before)


def _asks_words(keys: Sequence[Sequence[str]]) -> bool:
    """Does a row of `job` alone not tell whether it fits?"""
    return any(not key.startswith("_") or key.startswith("_w") for group in keys for key in group)


def _time_range(
    oldest: str, newest: str, ascending: bool, needed: float
) -> tuple[list[str], str, str] | None:
    """A stretch of time, so many times as long as the one between these two ids, and with its start.

    Returns the keys of its times and the ids between which they lie; None when it would be too long.
    """
    low, high = _ms(oldest), _ms(newest)
    if low is None or high is None:
        return None
    length = int((high - low + 1) * needed)
    low, high = (low, low + length) if ascending else (max(0, high - length), high)
    for width in TIME_KEY_WIDTHS:
        first, last = low >> width, high >> width
        if last - first < RANGE_MAX_KEYS:
            times = [f"_t{width}_{time}" for time in range(first, last + 1)]
            return times, _least_id(first << width), _least_id((last + 1) << width)
    return None


def _least_id(ms: int) -> str:
    """What sorts before every id of this moment, and after those of earlier ones."""
    return f"{ms >> 16:08x}-{ms & 0xFFFF:04x}"


def _times(job_id: str) -> list[str]:
    """The keys of the times in which a take was made."""
    ms = _ms(job_id)
    return [] if ms is None else [f"_t{width}_{ms >> width}" for width in TIME_KEY_WIDTHS]


def _ms(job_id: str) -> int | None:
    """The moment in an id, in milliseconds."""
    try:
        return int(job_id[:8] + job_id[9:13], 16)
    except ValueError:
        return None


def _quoted(key: str) -> str:
    return f"'{key}'"
