"""Which takes fit several filters at once, in order: by the index of words, and by what it has not read yet.

Every filter that can't change (words, owner, model) is a key in the index. A take's state changes, so it is
looked at in its row; where that could go on for long, the search is led by the state instead:

- rare states (held, failed, cancelled) stand in the index;
- what moves is the newest, so nothing older than the oldest of it is looked at;
- most takes are stored, so looking is quick, from the newest stored one on.
"""

from collections.abc import Collection, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

from sqlalchemy import text
from sqlmodel import Session

from backend.domain import words as domain
from backend.domain.states import ACTIVE_STATES, JobState
from backend.domain.take_filter import TakeFilter
from backend.domain.words import SearchTerms
from backend.store.search import text_index
from backend.store.search.index_key import IndexQuery, key
from backend.store.search.query import TakeQuery

#: Sorts after every id.
AFTER_ALL_IDS = "\U0010ffff"
#: So many moving takes of each state are looked at one by one.
MOVING_SCAN_ROWS = 20

#: For each state.
_ENDS = "SELECT (SELECT min(id) FROM job WHERE state = :{0}), (SELECT max(id) FROM job WHERE state = :{0})"
_NEWEST = (
    "SELECT * FROM (SELECT state, id FROM job WHERE state = :{0} AND id > :after AND id < :before"
    " ORDER BY id DESC LIMIT :most) AS of_{0} UNION ALL SELECT NULL, min(id) FROM job WHERE state = :{0}"
)


def find_ids(session: Session, query: TakeQuery) -> list[str]:
    """Ids of the takes that a query asks for, in its order."""
    return _Search(session, query).find_ids()


class _Search:
    """One search in one session."""

    def __init__(self, session: Session, query: TakeQuery) -> None:
        self._session, self._wanted = session, query.wanted
        self._limit, self._ascending = query.limit, query.ascending
        self._after, self._before = query.after or "", query.before or AFTER_ALL_IDS
        self._terms = domain.query_terms(query.wanted.text) if query.wanted.text else None

    def find_ids(self) -> list[str]:
        """Ids of takes that fit, in the query's order, at most as many as it asks for."""
        if self._terms is not None and self._terms.is_empty:
            return []
        found = set(self._unread())
        states = None if self._wanted.states is None else frozenset(self._wanted.states)
        if states is None:
            found.update(self._hits(None))
        elif JobState.STORED in states:
            found.update(self._hits(states, bounds=self._bounds(states)))
        else:
            if rare := states & text_index.RARE_STATES:
                found.update(self._hits(rare, rare=True, bounds=self._bounds(rare)))
            if moving := states & ACTIVE_STATES:
                found.update(self._moving(moving))
        return sorted(found, reverse=not self._ascending)[: self._limit]

    def _unread(self) -> list[str]:
        """Among what the index has not read yet; this must be asked before the index is."""
        within = {"before": self._before, "after": self._after}
        rows = text_index.pending_rows(self._session, **within, ascending=self._ascending)
        fitting = (row.id for row in rows if matches_filter(row, self._wanted, self._terms))
        return list(islice(fitting, self._limit))

    def _moving(self, states: Collection[str]) -> list[str]:
        """The newest of each state are looked at; the index is asked when there are more, and too few fit."""
        rows = self._of_each(_NEWEST, states, after=self._after, before=self._before, most=MOVING_SCAN_ROWS)
        newest: dict[str, list[str]] = {}
        for state, job_id in rows:
            if state is not None:
                newest.setdefault(state, []).append(job_id)
        if not newest:
            return []
        oldest = min(job_id for state, job_id in rows if state is None and job_id)
        last = max(ids[0] for ids in newest.values())
        bounds = max(self._after, _just_before(oldest)), min(self._before, f"{last}!")
        full = [min(ids) for ids in newest.values() if len(ids) == MOVING_SCAN_ROWS]
        if full and (self._ascending or self._terms):  # to cut many texts into words takes longer than to ask
            return self._hits(states, bounds=bounds)
        known = max(full, default="")  # from here on every take in these states was seen
        seen = [job_id for ids in newest.values() for job_id in ids if job_id >= known]
        rows = text_index.load_rows(self._session, seen)
        found = [row.id for row in rows if matches_filter(row, self._wanted, self._terms)]
        if full and len(found) < self._limit:
            found += self._hits(states, bounds=bounds)
        return found

    def _of_each(self, sql: str, states: Collection[str], **given: Any) -> Sequence[Any]:
        """What this asks of every state, in one question."""
        names = {f"state_{number}": str(state) for number, state in enumerate(sorted(states))}
        asked = text(" UNION ALL ".join(sql.format(name) for name in names))
        return self._session.connection().execute(asked, names | given).all()

    def _bounds(self, states: Collection[str]) -> tuple[str, str]:
        """The ids between which all takes in these states lie; what moves is newer than the rest."""
        ends = self._of_each(_ENDS, states)
        oldest = min((row[0] for row in ends if row[0]), default=AFTER_ALL_IDS)
        newest = max((row[1] for row in ends if row[1]), default="")
        return max(self._after, _just_before(oldest)), min(self._before, f"{newest}!")

    def _hits(
        self, states: Collection[str] | None, *, rare: bool = False, bounds: tuple[str, str] | None = None
    ) -> list[str]:
        keys, more = self._keys(), "AND j.trashed_at IS NULL"
        after, before = bounds or (self._after, self._before)
        params: dict[str, Any] = {}
        if rare:
            keys.append([key("s", state) for state in sorted(states or ())])
        if states is not None:
            more, params = f"{more} AND j.state IN :states", {"states": sorted(states)}
        # Takes may share an entry on SQLite: the row says whose it is.
        if self._wanted.owners is not None:
            more, params = f"{more} AND j.owner IN :owners", {**params, "owners": sorted(self._wanted.owners)}
        for name in ("model", "provider"):
            value = getattr(self._wanted, name)
            if value is not None:
                more, params = f"{more} AND j.{name} = :{name}", {**params, name: value}
        query = IndexQuery(keys, after, before, self._limit, self._ascending, rare, more, params)
        return text_index.dialect_module(self._session).search_ids(self._session.connection(), query)

    def _keys(self) -> list[list[str]]:
        """Groups of keys, one of each of which a take must have."""
        owners, model = self._wanted.owners, self._wanted.model
        keys = list(self._words)
        if owners is not None and model is not None:
            keys.append([key("b", owner, str(model)) for owner in owners])
        elif owners is not None and not keys:
            keys.append([key("o", owner) for owner in owners])
        elif model is not None:
            keys.append([key("m", str(model))])
        return keys

    @cached_property
    def _words(self) -> list[list[str]]:
        """A group for each word; an owner's words have keys of their own.

        A common word and a busy person may never meet, and both lists would be walked to their ends.
        """
        if self._terms is None:
            return []
        groups = [[word] for word in self._terms.whole]
        if self._terms.start:
            groups.append(list(text_index.complete_prefix(self._session, self._terms.start)))
        owners = self._wanted.owners
        if owners is None:
            return groups
        return [[key("w", owner, word) for owner in owners for word in group] for group in groups]


def matches_filter(row: Any, wanted: TakeFilter, terms: SearchTerms | None) -> bool:
    """Does this row fit, whatever the index says?"""
    return (
        row.trashed_at is None
        and (wanted.owners is None or row.owner in wanted.owners)
        and wanted.model in (None, row.model)
        and wanted.provider in (None, row.provider)
        and (wanted.states is None or row.state in wanted.states)
        and (terms is None or terms.matches(domain.index_terms(row.prompt, row.sent_prompt)))
    )


def _just_before(job_id: str) -> str:
    return job_id[:-1] + chr(ord(job_id[-1]) - 1)
