"""One take is rated, reviewed, tagged, moved to the trash: by a person, on its own."""

from collections.abc import Mapping, Sequence

from backend.domain.errors import InvalidRequest, NotFound
from backend.services.access import Viewer
from backend.services.deps import Deps
from backend.services.gallery import takes as gallery
from backend.services.gallery.takes import Take
from backend.services.library import marking
from backend.services.library.changes import (
    NO_TAKE,
    TAGS_MAX,
    BulkChanges,
    TakeChanges,
    changed_by,
    clean_changes,
    must_change,
    refusal_of,
    too_many_tags,
)
from backend.store.jobs import jobs
from backend.store.library import edits


def edit_take(
    deps: Deps, viewer: Viewer, job_id: str, changes: TakeChanges, faults: Mapping[str, str] | None = None
) -> Take:
    """Change what is named of a take; returns it as it is then.

    Rating and favourite are the viewer's own. Of two people who change different things at once both are
    kept; `tags` are all that it is to have, so the later of two lists stays. faults: what is at fault
    besides, by field: it is told together with all else, and nothing is changed.

    Raises:
        NotFound: there is none that this viewer may see. NotAllowed: it is not theirs to change so.
        InvalidRequest: names every field at fault.
    """
    return _change_one(deps, viewer, job_id, BulkChanges(set=changes), faults)


def tag_take(
    deps: Deps, viewer: Viewer, job_id: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()
) -> Take:
    """Give a take these tags and take those away; what others gave or took meanwhile stays so.

    Raises:
        NotFound, NotAllowed: not this viewer's to change. InvalidRequest: a tag that can't be kept.
    """
    return _change_one(deps, viewer, job_id, BulkChanges(add_tags=tuple(add), remove_tags=tuple(remove)))


def trash_take(deps: Deps, viewer: Viewer, job_id: str) -> Take:
    """Move a take that has ended to the trash; one that is there stays as it is.

    Raises:
        NotFound, NotAllowed: not this viewer's to change.
        StateConflict: it moves, or waits for a decision.
    """
    return _change_one(deps, viewer, job_id, BulkChanges(trash=True))


def restore_take(deps: Deps, viewer: Viewer, job_id: str) -> Take:
    """Bring a take back from the trash; one that is not there stays as it is.

    Raises:
        NotFound, NotAllowed: not this viewer's to change.
        StateConflict: its files are deleted.
    """
    return _change_one(deps, viewer, job_id, BulkChanges(restore=True))


def _change_one(
    deps: Deps, viewer: Viewer, job_id: str, asked: BulkChanges, more: Mapping[str, str] | None = None
) -> Take:
    (changes, faults), now = clean_changes(asked), deps.clock.now()
    must_change(viewer, changes)
    with deps.store.begin() as session:
        marking.check_groups(session, changes, {**faults, **(more or {})})
        takes = edits.lock_takes(session, [job_id], viewer.name)
        if not takes:
            raise NotFound(NO_TAKE)
        if refused := refusal_of(viewer, takes[0], changes):
            raise refused
        difference = changed_by(takes[0], changes, by=viewer.name, at=now)
        if too_many_tags(takes[0], difference):
            raise InvalidRequest({"tags": f"a take has at most {TAGS_MAX} tags"})
        marking.write_marks(session, viewer, takes, {job_id: difference}, at=now)
        marking.record_edit(session, deps, viewer, job_id, difference)
        job = jobs.get(session, job_id)
    return gallery.take_of(deps, job)
