"""One take's entry in the index of words, the keys in it that nobody can type, and how both are asked."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from sqlalchemy import TextClause, bindparam, text

#: So many characters may be missing of an unfinished word. It is looked for among words of each length:
#: words that begin alike may be as many as there are takes.
MAX_MISSING_CHARS = 20


@dataclass(frozen=True)
class IndexEntry:
    """What the index holds of one take. state: the key of its state, if that is a rare one."""

    job_id: str
    keys: frozenset[str]
    state: str | None


def key(kind: str, *values: str) -> str:
    """A key for an owner ("o"), a model ("m"), both ("b"), a state ("s"), an owner's word ("w").

    No word begins with "_".
    """
    return f"_{kind}{blake2b(chr(0).join(values).encode(), digest_size=8).hexdigest()}"


def bind_lists(sql: str, params: dict[str, Any]) -> TextClause:
    """SQL with its values; a list stands for as many values as it holds."""
    lists: list[Any] = [bindparam(name, expanding=True) for name in params if isinstance(params[name], list)]
    return text(sql).bindparams(*lists)
