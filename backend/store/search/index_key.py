"""One take's entry in the index of words, the keys in it that nobody can type, and how both are asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Protocol

from sqlalchemy import Connection, TextClause, bindparam, text

#: So many characters may be missing of an unfinished word. It is looked for among words of each length:
#: words that begin alike may be as many as there are takes.
MAX_MISSING_CHARS = 20


@dataclass(frozen=True)
class IndexEntry:
    """What the index holds of one take. state: the key of its state, if that is a rare one."""

    job_id: str
    keys: frozenset[str]
    state: str | None


@dataclass(frozen=True)
class IndexQuery:
    """Takes between two ids that have one key of each group, in order.

    rare: among the keys is one of a rare state; `params` has these `states`.
    more, params: what else must hold for the row `j` of `job`.
    """

    keys: Sequence[Sequence[str]]
    after: str
    before: str
    limit: int
    ascending: bool
    rare: bool = False
    more: str = ""
    params: dict[str, Any] = field(default_factory=dict)


class TextIndex(Protocol):
    """What each kind of database does in its own way; a module each."""

    COMPLETIONS_SQL: TextClause  #: words that begin so, of each length

    def pop_pending(self, connection: Connection, limit: int) -> list[str]:
        """Take the oldest notes away; returns the ids. A rollback brings them back."""

    def put_entries(self, connection: Connection, entries: Sequence[IndexEntry]) -> None:
        """Enter takes, in place of what was entered for them before."""

    def search_ids(self, connection: Connection, query: IndexQuery) -> list[str]:
        """Ids of the takes that fit, in order."""


def key(kind: str, *values: str) -> str:
    """A key for an owner ("o"), a model ("m"), both ("b"), a state ("s"), an owner's word ("w").

    No word begins with "_".
    """
    return f"_{kind}{blake2b(chr(0).join(values).encode(), digest_size=8).hexdigest()}"


def bind_lists(sql: str, params: dict[str, Any]) -> TextClause:
    """SQL with its values; a list stands for as many values as it holds."""
    lists: list[Any] = [bindparam(name, expanding=True) for name in params if isinstance(params[name], list)]
    return text(sql).bindparams(*lists)
