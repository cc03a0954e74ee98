"""What somebody wants changed of takes: values, who may want it, and what each take then has."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import Enum, auto
from typing import Any

from backend.domain.access.roles import Do
from backend.domain.errors import DailiesError, NotAllowed, NotFound, StateConflict
from backend.domain.library.marks import (
    FAVOURITE,
    IN,
    NOTE,
    OPINIONS,
    PROJECT,
    RATING,
    REVIEW,
    TAG,
    TRASHED,
    changed_marks,
    fold_name,
)
from backend.domain.library.marks import Difference as Difference
from backend.domain.library.review import ReviewState
from backend.domain.states import ENDED_STATES, JobState
from backend.domain.text import clean_text, fault_in
from backend.services.access import Viewer
from backend.store.library.edits import MarkedTake

#: Of a rating.
RATING_MIN, RATING_MAX = 1, 5
#: A tag is read on a card; a take has no more than these.
TAG_MAX_CHARS, TAGS_MAX = 60, 50
NOTE_MAX_CHARS = 5000
NO_TAKE = "There is no take with that id."


class Unset(Enum):
    """It is left as it is."""

    UNSET = auto()


UNSET = Unset.UNSET


@dataclass(frozen=True)
class TakeChanges:
    """What one take is to have; what is UNSET stays. None: no rating, no note, no project.

    rating, favourite: the viewer's own. tags: all that it is to have. project: its id.
    """

    rating: int | Unset | None = UNSET
    favourite: bool | Unset = UNSET
    review: ReviewState | Unset = UNSET
    tags: tuple[str, ...] | Unset = UNSET
    note: str | Unset | None = UNSET
    project: str | Unset | None = UNSET

    @property
    def named(self) -> frozenset[str]:
        """The fields that are to change."""
        return frozenset(one.name for one in fields(self) if getattr(self, one.name) is not UNSET)


@dataclass(frozen=True)
class BulkChanges:
    """What is to become of many takes. collect, uncollect: ids of collections.

    leave_project: those that are in this one are in none afterwards. cancel, retry: as a person asks for
    each; neither can be undone.
    """

    set: TakeChanges = TakeChanges()
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    collect: tuple[str, ...] = ()
    uncollect: tuple[str, ...] = ()
    leave_project: str | None = None
    trash: bool = False
    restore: bool = False
    cancel: bool = False
    retry: bool = False

    @property
    def opines_alone(self) -> bool:
        """Is it about the viewer's own opinions, and about nothing else?"""
        return self.set.named <= OPINIONS and not self.acts and not self.marks_more

    @property
    def marks_more(self) -> bool:
        """Does it change marks beside those of `set`?"""
        given = self.add_tags, self.remove_tags, self.collect, self.uncollect, self.leave_project
        return any(given) or self.trash or self.restore

    @property
    def acts(self) -> bool:
        """Does it ask for more than marks?"""
        return self.cancel or self.retry


def clean_changes(changes: BulkChanges) -> tuple[BulkChanges, dict[str, str]]:
    """The same with clean texts; and what is at fault, by field."""
    faults: dict[str, str] = {}
    wanted = changes.set
    tags = wanted.tags if isinstance(wanted.tags, Unset) else _clean_tags("tags", wanted.tags, faults)
    note = wanted.note if isinstance(wanted.note, Unset) else _clean_note(wanted.note, faults)
    rating = wanted.rating
    if isinstance(rating, int) and not RATING_MIN <= rating <= RATING_MAX:
        faults["rating"] = f"must be from {RATING_MIN} to {RATING_MAX}, or null for none"
    if changes.trash and changes.restore:
        faults["restore"] = "can't be asked for together with trash"
    if changes.cancel and changes.retry:
        faults["retry"] = "can't be asked for together with cancel"
    added = _clean_tags("add_tags", changes.add_tags, faults)
    removed = _clean_tags("remove_tags", changes.remove_tags, faults)
    cleaned = TakeChanges(rating, wanted.favourite, wanted.review, tags, note, wanted.project)
    return replace(changes, set=cleaned, add_tags=added, remove_tags=removed), faults


def must_change(viewer: Viewer, changes: BulkChanges) -> None:
    """Refuse whoever may do this with no take at all. Raises NotAllowed."""
    if changes.set.named & OPINIONS or changes.opines_alone:
        viewer.must(Do.RATE)
    if not changes.opines_alone:
        viewer.must(Do.CHANGE_OWN)
    if changes.set.review is ReviewState.APPROVED:
        viewer.must(Do.APPROVE)
    if changes.retry:
        viewer.must(Do.START)


def refusal_of(viewer: Viewer, take: MarkedTake, changes: BulkChanges) -> DailiesError | None:
    """Why this viewer can't have this done with this take now; None: they can."""
    head = take.head
    if not viewer.may_see(head.owner):
        return NotFound(NO_TAKE)
    if not changes.opines_alone:
        try:
            viewer.must_change(head.owner)
        except NotAllowed as refused:
            return refused
    if changes.trash and head.state not in ENDED_STATES:
        if head.state == JobState.HELD:
            return StateConflict("This take needs a decision first; then it can be moved to the trash.")
        return StateConflict("This take is in progress; cancel it first, or wait until it has ended.")
    if changes.restore and head.trashed_at is None and head.state not in ENDED_STATES:
        return StateConflict("This take isn't in the trash.")
    if changes.restore and head.is_gone:
        return StateConflict("Its files were deleted from the trash; they can't be brought back.")
    return None


def changed_by(take: MarkedTake, changes: BulkChanges, *, by: str, at: datetime) -> Difference:
    """What this changes of a take: nothing where it is so already."""
    wanted, made = _wanted_of_set(take, changes.set, by, at), [by, at.isoformat()]
    wanted |= {f"{TAG}{fold_name(tag)}": [tag, *made] for tag in changes.add_tags}
    wanted |= {f"{TAG}{fold_name(tag)}": None for tag in changes.remove_tags}
    wanted |= {f"{IN}{its}": made for its in changes.collect}
    wanted |= {f"{IN}{its}": None for its in changes.uncollect}
    if changes.leave_project is not None and take.marks.get(PROJECT) == changes.leave_project:
        wanted[PROJECT] = None
    if changes.trash or changes.restore:
        wanted[TRASHED] = made if changes.trash else None
    return changed_marks(take.marks, wanted)


def too_many_tags(take: MarkedTake, difference: Difference) -> bool:
    """Would it have more tags than fit?"""
    now = {key for key, value in take.marks.items() if key.startswith(TAG) and value is not None}
    new = {key for key, (_, after) in difference.items() if key.startswith(TAG) and after is not None}
    gone = {key for key, (_, after) in difference.items() if after is None}
    return bool(new) and len((now | new) - gone) > TAGS_MAX


def _wanted_of_set(take: MarkedTake, asked: TakeChanges, by: str, at: datetime) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    made = [by, at.isoformat()]
    for key, value in ((RATING, asked.rating), (NOTE, asked.note), (PROJECT, asked.project)):
        if value is not UNSET:
            wanted[key] = value
    if asked.favourite is not UNSET:
        wanted[FAVOURITE] = bool(asked.favourite) or None
    if not isinstance(asked.review, Unset):
        wanted[REVIEW] = [None if asked.review is ReviewState.NONE else str(asked.review), *made]
    if not isinstance(asked.tags, Unset):
        wanted |= dict.fromkeys((key for key in take.marks if key.startswith(TAG)), None)
        wanted |= {f"{TAG}{fold_name(tag)}": [tag, *made] for tag in asked.tags}
    return wanted


def _clean_tags(field: str, tags: tuple[str, ...], faults: dict[str, str]) -> tuple[str, ...]:
    cleaned: dict[str, str] = {}
    for tag in tags:
        text = " ".join(clean_text(tag).split())
        if not text:
            faults[field] = "holds an empty tag"
        elif len(text) > TAG_MAX_CHARS:
            faults[field] = f"holds a tag of {len(text)} characters; at most {TAG_MAX_CHARS} fit"
        elif fault := fault_in(text):
            faults[field] = f"holds a tag that {fault}"
        cleaned.setdefault(fold_name(text), text)
    if len(cleaned) > TAGS_MAX:
        faults[field] = f"holds {len(cleaned)} tags; at most {TAGS_MAX} fit"
    return tuple(cleaned.values())


def _clean_note(note: str | None, faults: dict[str, str]) -> str | None:
    text = clean_text(note or "").strip()
    if len(text) > NOTE_MAX_CHARS:
        faults["note"] = f"has {len(text):,} characters; at most {NOTE_MAX_CHARS:,} fit"
    elif fault := fault_in(text):
        faults["note"] = fault
    return text or None


def differences_by_id(changed: Mapping[str, Any]) -> dict[str, Difference]:
    """Differences as they were kept, as JSON."""
    return {its: {key: (pair[0], pair[1]) for key, pair in one.items()} for its, one in changed.items()}
