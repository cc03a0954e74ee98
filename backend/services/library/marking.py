"""Changes of what people made of takes, written: with the history, the audit and what open pages are told."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from backend.domain.access.actions import Action
from backend.domain.errors import InvalidRequest
from backend.domain.library.marks import IN, NOTE, OPINIONS, PROJECT, REVIEW, TAG, TRASHED, Difference
from backend.domain.library.review import ReviewState
from backend.models import Collection, Project
from backend.services.access import Viewer
from backend.services.audit.record import record
from backend.services.deps import Deps
from backend.services.library.changes import BulkChanges
from backend.store.library import edits, groups
from backend.store.library.edits import HistoryLine, MarkedTake

#: review -> what the history says, before "by NAME".
REVIEWED = {
    ReviewState.NONE: "Review taken back",
    ReviewState.SELECTED: "Selected",
    ReviewState.APPROVED: "Approved",
    ReviewState.REJECTED: "Rejected",
    ReviewState.TO_EDIT: "Marked to edit",
}
NO_FAULTS: Mapping[str, str] = {}
#: Events of the history that are no move of a state; no state's own events are called so.
REVIEW_EVENT, TRASH_EVENT, UNTRASH_EVENT = "reviewed", "trashed", "untrashed"


def check_groups(session: Session, changes: BulkChanges, faults: Mapping[str, str] = NO_FAULTS) -> None:
    """Whether the project and the collections are there, which then stay until the transaction ends.

    faults: what else is at fault, by field.

    Raises:
        InvalidRequest: names each field at fault.
    """
    faults = dict(faults)
    project = changes.set.project
    if isinstance(project, str) and groups.find_unknown(session, Project, [project]):
        faults["project"] = "is no project's id"
    for field, ids in (("collect", changes.collect), ("uncollect", changes.uncollect)):
        if ids and (unknown := groups.find_unknown(session, Collection, ids)):
            faults[field] = f"{', '.join(unknown)[:200]} is no collection's id"
    if faults:
        raise InvalidRequest(faults)


def gone_groups(session: Session, changed: Mapping[str, Difference]) -> set[str]:
    """Of the projects and collections in which takes were before: those that were deleted meanwhile."""
    pairs = [(key, before) for one in changed.values() for key, (before, _) in one.items() if before]
    projects = {before for key, before in pairs if key == PROJECT}
    collections = {key.removeprefix(IN) for key, _ in pairs if key.startswith(IN)}
    found = groups.find_unknown(session, Project, projects)
    return {*found, *groups.find_unknown(session, Collection, collections)}


def leads_to(gone: set[str], key: str, after: Any) -> bool:
    """Would this put a take into one that is gone?"""
    return after is not None and (after if key == PROJECT else key.removeprefix(IN)) in gone


def write_marks(
    session: Session,
    viewer: Viewer,
    takes: Sequence[MarkedTake],
    changed: Mapping[str, Difference],
    *,
    at: datetime,
) -> None:
    """Write what changed of takes that are locked, and what their histories say of it."""
    lines = [line for take in takes for line in _history(take, changed.get(take.head.id) or {}, viewer.name)]
    edits.write_differences(session, takes, changed, person=viewer.name, at=at, history=lines)


def record_edit(session: Session, deps: Deps, viewer: Viewer, job_id: str, difference: Difference) -> None:
    """Write down what was changed of one take; opinions are nobody else's affair."""
    for action, changed in _deeds(difference).items():
        record(session, deps, viewer, action, object_type="take", object_id=job_id, changed=changed)


def record_bulk(
    session: Session, deps: Deps, viewer: Viewer, changed: Mapping[str, Difference], *, how: str
) -> None:
    """Write down what was changed of many takes: their number, and what. how: "changed" or "undone".

    Of what all have at once, a review, a project and the trash, also what they had and have: one value, or
    several.
    """
    keys = {_kind(key) for one in changed.values() for key in one} - OPINIONS
    number = sum(1 for one in changed.values() if one.keys() - OPINIONS)
    if keys:
        said: dict[str, tuple[Any, Any]] = {"takes": (None, number), how: (None, sorted(keys))}
        for key in (REVIEW, PROJECT, TRASHED):
            if pairs := [_told(key, *one[key]) for one in changed.values() if key in one]:
                befores, afters = (list(dict.fromkeys(side)) for side in zip(*pairs, strict=True))
                said[key] = _one_or_all(befores), _one_or_all(afters)
        record(session, deps, viewer, Action.TAKES_EDITED, object_type="take", changed=said)


def _one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values


def _deeds(difference: Difference) -> dict[Action, dict[str, tuple[Any, Any]]]:
    """Action -> what it changed."""
    deeds: dict[Action, dict[str, tuple[Any, Any]]] = {}
    for key, (before, after) in difference.items():
        if key in OPINIONS:
            continue
        action = Action.TAKE_EDITED
        if key == TRASHED:
            action = Action.TAKE_TRASHED if after else Action.TAKE_RESTORED
        elif key == REVIEW:
            action = Action.TAKE_REVIEWED
        deeds.setdefault(action, {})[key] = _told(key, before, after)
    return deeds


def _told(key: str, before: Any, after: Any) -> tuple[Any, Any]:
    """A change as the audit tells it. Of a note only whether there is one."""
    if key in (TRASHED, NOTE):
        return bool(before), bool(after)
    if key == REVIEW:
        return _state(before), _state(after)
    return (before and before[0], after and after[0]) if key.startswith(TAG) else (before, after)


def _history(take: MarkedTake, difference: Difference, by: str) -> list[HistoryLine]:
    lines = []
    if REVIEW in difference:
        words = REVIEWED[ReviewState(_state(difference[REVIEW][1]))]
        lines.append((REVIEW_EVENT, f"{words} by {by}"))
    if TRASHED in difference:
        gone = difference[TRASHED][1] is not None
        lines.append(
            (TRASH_EVENT, f"Moved to the trash by {by}")
            if gone
            else (UNTRASH_EVENT, f"Brought back from the trash by {by}")
        )
    return [HistoryLine(take.head.id, event, take.head.state, note) for event, note in lines]


def _state(review: Any) -> str:
    return str((review or [None])[0] or ReviewState.NONE)


def _kind(key: str) -> str:
    """A key as a bulk's row of the audit tells it: not each tag and each collection."""
    return "tags" if key.startswith(TAG) else "collections" if key.startswith(IN) else key
