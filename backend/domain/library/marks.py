"""What people have made of one take, as one flat mapping, so that a change is a difference of two of them.

Keys: those below, `tag:<folded>` and `in:<collection id>`. Values are JSON, and None for nothing; what names
who did it, and when, has them at its end: [state, by, at], [tag, by, at], [by, at].
"""

from collections.abc import Mapping
from typing import Any

RATING = "rating"  #: one person's own, 1 to 5
FAVOURITE = "favourite"  #: one person's own; True or None
REVIEW = "review"  #: [state, by, at]; [None, by, at]: somebody took it back
NOTE = "note"
PROJECT = "project"  #: its id
TRASHED = "trashed"  #: [by, at]
TAG = "tag:"
IN = "in:"
#: What one person thinks is nobody else's affair.
OPINIONS = frozenset({RATING, FAVOURITE})

Marks = dict[str, Any]
#: key -> (before, after)
Difference = dict[str, tuple[Any, Any]]


def changed_marks(now: Marks, wanted: Mapping[str, Any]) -> Difference:
    """What changes where these keys are to have these values. A mark that stays is not made anew.

    What is a mark of somebody at some moment is the same if all but its maker and its moment is.
    """
    return {
        key: (now.get(key), value) for key, value in wanted.items() if not _same(key, now.get(key), value)
    }


def undone_marks(now: Marks, changed: Difference) -> Difference:
    """What takes back a change, as far as nobody has changed it since."""
    return {key: (after, before) for key, (before, after) in changed.items() if now.get(key) == after}


def _same(key: str, now: Any, value: Any) -> bool:
    if key == REVIEW:
        return bool((now or [None])[0] == (value or [None])[0])
    if key == TRASHED or key.startswith((TAG, IN)):
        return (now is None) == (value is None)
    return bool(now == value)


def fold_name(text: str) -> str:
    """A name or tag, to see whether it is the same one: without case and without the blanks around it."""
    return " ".join(text.split()).casefold()
