"""What moved or was changed since a program last asked: a cheap page, each take once."""

from dataclasses import dataclass
from typing import NamedTuple

from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest
from backend.domain.states import API_STATUS, JobState
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.store.jobs import changes
from backend.store.jobs.changes import BACK, Change, Mark

#: Takes on a page, and at most.
PAGE_SIZE, PAGE_SIZE_MAX = 100, 200
#: So many moves and edits are looked through at once; what others' takes did is passed over. A take is told
#: at the last of them that is about it, so whoever is not farther behind hears of it once.
_LINES = 5000
_HIGHEST = 2**63


class TakeChange(NamedTuple):
    """A take as it is now. version: rises with every move and edit."""

    id: str
    status: str
    state: str
    version: int


@dataclass(frozen=True)
class ChangePage:
    """What changed, in the order of its last move, then of its last edit. cursor: ask with it next."""

    items: list[TakeChange]
    cursor: str


def list_changes(deps: Deps, viewer: Viewer, after: str | None, *, limit: int = PAGE_SIZE) -> ChangePage:
    """What this viewer may see of what moved or was edited after that cursor; without one: only that of now.

    An empty page says that there is nothing more.

    Raises:
        InvalidRequest: the cursor is none of ours.
    """
    viewer.must(Do.SEE)
    if not after:
        with deps.store.read() as session:
            return ChangePage([], _written(changes.moves_mark(session), changes.edits_mark(session)))
    moves, edits = _read(after)
    items: dict[str, TakeChange] = {}
    while len(items) < limit:
        with deps.store.read() as session:
            moved, seen = changes.moves_since(session, moves, limit=_LINES)
            edited, seen_edits = changes.edits_since(session, edits, limit=_LINES)
            ids = {change.job_id for change in (*moved, *edited)}
            known = changes.heads(session, sorted(ids), owners=viewer.visible_names)
        last = {change.job_id: change for change in (*moved, *edited)}
        for lines, ids_seen, mark in ((moved, seen, moves), (edited, seen_edits, edits)):
            upto = _take_in([one for one in lines if last[one.job_id] is one], known, items, limit)
            read_on = mark.advance(ids_seen if upto is None else [one for one in ids_seen if one < upto])
            moves, edits = (read_on, edits) if lines is moved else (moves, read_on)
        if len(moved) < _LINES and len(edited) < _LINES:
            break
    return ChangePage(list(items.values()), _written(moves, edits))


def _take_in(
    lines: list[Change], known: dict[str, tuple[str, int]], items: dict[str, TakeChange], limit: int
) -> int | None:
    """Put the takes of these lines on the page; the id of the first that had no room, None: all had."""
    for change in lines:
        if change.job_id not in known:
            continue
        if change.job_id not in items and len(items) == limit:
            return change.id
        state, version = known[change.job_id]
        items[change.job_id] = TakeChange(change.job_id, API_STATUS[JobState(state)], state, version)
    return None


def _written(*marks: Mark) -> str:
    """Both marks as a text: the last id, and which of those before it are still to come."""
    return "-".join(f"{mark.last:x}.{sum(1 << (mark.last - gap) for gap in mark.gaps):x}" for mark in marks)


def _read(cursor: str) -> tuple[Mark, Mark]:
    try:
        moves, edits = (_mark(part) for part in cursor.split("-"))
    except ValueError:
        raise InvalidRequest({"after": "is no cursor of a page of changes"}) from None
    return moves, edits


def _mark(part: str) -> Mark:
    last, gaps = (int(number, 16) for number in part.split("."))
    if not (0 <= last < _HIGHEST and 0 <= gaps < 1 << BACK):
        raise ValueError(part)
    return Mark(last, frozenset(last - back for back in range(BACK) if gaps >> back & 1))
