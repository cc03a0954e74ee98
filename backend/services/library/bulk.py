"""Many takes are changed at once, and for an hour that can be taken back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta

from backend.domain.access.roles import Do
from backend.domain.errors import InvalidRequest, NotFound, RequestError, StateConflict
from backend.domain.library.marks import OPINIONS, TRASHED, undone_marks
from backend.domain.library.review import ReviewState
from backend.domain.states import ENDED_STATES
from backend.domain.take_filter import TakeFilter
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import choices
from backend.services.gallery.takes import visible
from backend.services.library import marking
from backend.services.library.changes import (
    NO_TAKE,
    TAGS_MAX,
    BulkChanges,
    Difference,
    TakeChanges,
    changed_by,
    clean_changes,
    differences_by_id,
    must_change,
    refusal_of,
    too_many_tags,
)
from backend.services.takes.cancel import cancel_job
from backend.services.takes.retry import retry_job
from backend.store.library import edits, undo_steps
from backend.store.library.edits import MarkedTake, TakeHead
from backend.store.search import pages
from backend.store.search.query import TakeQuery

#: So many takes are changed by one call.
TAKES_MAX = 10_000
#: And so many in one transaction: others write in between.
BATCH = 500
_OF_SET = frozenset(one.name for one in fields(TakeChanges))
#: So long it can be taken back.
UNDO_FOR = timedelta(hours=1)


@dataclass(frozen=True)
class Skipped:
    """A take that was left as it is, and why."""

    id: str
    why: str


@dataclass(frozen=True)
class BulkResult:
    """What became of it. matched: takes that were found. changed: those that are not as they were.

    undo: what `undo` takes; None: there is nothing to take back.
    """

    matched: int = 0
    changed: int = 0
    skipped: tuple[Skipped, ...] = ()
    undo: str | None = None

    def plus(self, more: "BulkResult") -> "BulkResult":
        """Both together."""
        return BulkResult(
            self.matched + more.matched,
            self.changed + more.changed,
            (*self.skipped, *more.skipped),
            self.undo or more.undo,
        )


def edit_many(
    deps: Deps, viewer: Viewer, which: Sequence[str] | TakeFilter, changes: BulkChanges
) -> BulkResult:
    """Change takes, given by their ids or by a filter; what can't be done with one of them is skipped.

    Each take changes as a whole or not at all; others may see some of them changed before the rest.

    Raises:
        NotAllowed: the viewer may do this with no take at all.
        InvalidRequest: more than `TAKES_MAX` takes are meant, nothing is to be changed, or a field is at
            fault; nothing was changed.
    """
    if changes == BulkChanges():
        raise InvalidRequest({"set": "is missing, like all else that could be changed"})
    changes, faults = clean_changes(changes)
    must_change(viewer, changes)
    _check(deps, changes, faults)
    ids = _ids(deps, viewer, which)
    undo_id, result = deps.clock.new_id(), BulkResult()
    for number, batch in enumerate(_batches(ids)):
        result = result.plus(_change_batch(deps, viewer, batch, changes, f"{undo_id}.{number:03}"))
    return replace(result, undo=undo_id if result.undo else None)


def undo(deps: Deps, viewer: Viewer, undo_id: str) -> BulkResult:
    """Take back what a bulk of this viewer's changed: once, within an hour.

    Only what still is as that bulk made it becomes what it was before; what somebody else has changed since
    stays.

    Raises:
        NotFound: there is nothing of that name to be taken back (any more).
        StateConflict: it was done more than an hour ago.
    """
    viewer.must(Do.RATE)
    with deps.store.read() as session:
        steps = undo_steps.list_steps(session, undo_id, by=viewer.name)
    if not steps:
        raise NotFound("There is nothing to undo by that id: it was undone, or never done by you.")
    if deps.clock.now() - min(step.at for step in steps) > UNDO_FOR:
        raise StateConflict("That was done more than an hour ago; it can't be undone any more.")
    result = BulkResult()
    for step_id in [step.id for step in steps]:
        result = result.plus(_undo_step(deps, viewer, step_id))
    return result


def _ids(deps: Deps, viewer: Viewer, which: Sequence[str] | TakeFilter) -> Sequence[str]:
    """Ids of the takes that are meant, each once."""
    if not isinstance(which, TakeFilter):
        field, does, ids = "ids", "names", list(dict.fromkeys(which))
    else:
        field, does, ids, seen = "filter", "finds", [], visible(viewer, which)
        if seen is not None:
            with deps.store.read() as session:
                known = choices.known(deps, session, seen)
                ids = list(pages.find_ids(session, TakeQuery(seen, TAKES_MAX + 1, known=known)))
    if len(ids) > TAKES_MAX:
        raise InvalidRequest({field: f"{does} more than {TAKES_MAX:,} takes; nothing was changed"})
    return ids


def _check(deps: Deps, changes: BulkChanges, faults: Mapping[str, str]) -> None:
    """Before anything is changed: is nothing at fault? What stands in `set` is named so."""
    try:
        with deps.store.begin() as session:
            marking.check_groups(session, changes, faults)
    except InvalidRequest as error:
        named = {f"set.{name}" if name in _OF_SET else name: why for name, why in error.fields.items()}
        raise InvalidRequest(named) from error


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def _change_batch(
    deps: Deps, viewer: Viewer, ids: Sequence[str], changes: BulkChanges, step_id: str
) -> BulkResult:
    now, changed, skipped = deps.clock.now(), dict[str, Difference](), list[Skipped]()
    with deps.store.begin() as session:
        marking.check_groups(session, changes)
        takes = edits.lock_takes(session, ids, viewer.name)
        seen = [take for take in takes if viewer.may_see(take.head.owner)]
        unknown = set(ids) - {take.head.id for take in seen}
        for take in seen:
            if why := _why_not(viewer, take, changes):
                skipped.append(Skipped(take.head.id, why))
                continue
            difference = changed_by(take, changes, by=viewer.name, at=now)
            if too_many_tags(take, difference):
                skipped.append(Skipped(take.head.id, f"A take has at most {TAGS_MAX} tags."))
            elif difference:
                changed[take.head.id] = difference
        marking.write_marks(session, viewer, seen, changed, at=now)
        marking.record_bulk(session, deps, viewer, changed, how="changed")
        if changed:
            undo_steps.add_step(session, step_id, by=viewer.name, at=now, changes=changed)
    done, left = set(changed), {one.id for one in skipped}
    for head in [take.head for take in seen if changes.acts and take.head.id not in left]:
        if why := _act(deps, viewer, head, changes):
            skipped.append(Skipped(head.id, why))
        else:
            done.add(head.id)
    skipped += [Skipped(job_id, NO_TAKE) for job_id in ids if job_id in unknown]
    return BulkResult(len(seen), len(done), tuple(skipped), step_id if changed else None)


def _why_not(viewer: Viewer, take: MarkedTake, changes: BulkChanges) -> str | None:
    refused = refusal_of(viewer, take, changes)
    return str(refused) if refused else None


def _act(deps: Deps, viewer: Viewer, head: TakeHead, changes: BulkChanges) -> str | None:
    """Cancel or retry a take; returns why that could not be done, None: it was."""
    if changes.cancel and head.state in ENDED_STATES:
        return "This take has ended; there is nothing to cancel."
    try:
        if changes.cancel:
            cancel_job(deps, viewer, head.id)
        if changes.retry:
            retry_job(deps, viewer, head.id)
    except RequestError as refused:
        return str(refused)
    return None


def _undo_step(deps: Deps, viewer: Viewer, step_id: str) -> BulkResult:
    now, undone, skipped = deps.clock.now(), dict[str, Difference](), list[Skipped]()
    with deps.store.begin() as session:
        step = undo_steps.take_step(session, step_id)
        if step is None:  # somebody was first
            return BulkResult()
        changed = differences_by_id(step.changes)
        gone = marking.gone_groups(session, changed)
        takes = edits.lock_takes(session, list(changed), step.by)
        for take in takes:
            back = undone_marks(take.marks, changed[take.head.id])
            back = {key: pair for key, pair in back.items() if not marking.leads_to(gone, key, pair[1])}
            if why := _why_not(viewer, take, _like(back)):
                skipped.append(Skipped(take.head.id, why))
            elif back:
                undone[take.head.id] = back
            else:
                skipped.append(Skipped(take.head.id, "It was changed since; it stays as it is."))
        marking.write_marks(session, viewer, takes, undone, at=now)
        marking.record_bulk(session, deps, viewer, undone, how="undone")
    return BulkResult(len(takes), len(undone), tuple(skipped))


def _like(back: Difference) -> BulkChanges:
    """What somebody would have to ask for to have this changed, as far as it matters who that is."""
    others = back.keys() - OPINIONS
    trashed = back.get(TRASHED)
    return BulkChanges(
        set=TakeChanges(review=ReviewState.NONE) if others else TakeChanges(favourite=False),
        trash=trashed is not None and trashed[1] is not None,
        restore=trashed is not None and trashed[1] is None,
    )
