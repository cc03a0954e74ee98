"""What a person decides about files that don't come home: try now, keep what there is, fetch after all."""

from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

from sqlmodel import Session

from backend.domain.errors import InvalidRequest, StateConflict
from backend.domain.links import named_role, normalize_link
from backend.domain.output_files import OutputFile
from backend.domain.states import ENDED_STATES, JobEvent, JobState
from backend.domain.text import clean_text
from backend.models import Job, JobColumns, TakeFile
from backend.providers.base import Finished
from backend.services.access import Viewer
from backend.services.audit.record import Action, record
from backend.services.deps import Deps
from backend.services.gallery.take_files import (
    FileOfTake,
    files_to_fetch,
    kept_output,
    load_files,
    missing_files,
    named_by_hand,
)
from backend.services.lifecycle import apply_result
from backend.services.takes.cancel import cancel_job
from backend.services.takes.held_choices import record_decision
from backend.services.takes.to_change import get_to_change
from backend.store.jobs import jobs
from backend.store.records import take_files, videos

NOTHING_MISSING = "Nothing of this take is missing."


#: A take in these states may lack files.
WITH_FILES = frozenset({JobState.RENDERED, JobState.STORED})


def try_now(deps: Deps, viewer: Viewer, job_id: str) -> Job:
    """Fetch what is missing right now, whatever its back-off says.

    Raises:
        NotFound, NotAllowed: not this viewer's to decide.
        StateConflict: nothing of it is missing (any more).
    """
    with deps.store.begin() as session:
        job = _job(session, viewer, job_id, WITH_FILES)
        if not missing_files(_files(deps, session, job)):
            raise StateConflict(NOTHING_MISSING)
        record_decision(deps, session, viewer, job.id, "try now")
        return deps.wake_job(session, job.id, at=deps.clock.now())


def keep_what_there_is(deps: Deps, viewer: Viewer, job_id: str) -> Job:
    """Do without the files that never came; keep those that came and can't be checked as they come next.

    Afterwards the take is stored with the files that are ours, or it is about to be.

    Raises:
        NotFound, NotAllowed: as `try_now`.
        StateConflict: nothing of it has come, or nothing is missing.
    """
    with deps.store.begin() as session:
        job = _job(session, viewer, job_id, WITH_FILES)
        files = _files(deps, session, job)
        missing, home = missing_files(files), [file for file in files if file.here]
        came = [file for file in missing if file.came and not file.row.keep_unchecked]
        if not missing and job.state == JobState.STORED:
            raise StateConflict(NOTHING_MISSING)
        if not came and not home:
            raise StateConflict("Nothing of this take has come yet, so there is nothing to keep.")
        record_decision(deps, session, viewer, job.id, "keep what there is")
        now = deps.clock.now()
        rows = [_changed(file, keep_unchecked=True) for file in came]
        rows += [_changed(file, given_up_at=now) for file in missing if file not in came]
        take_files.put_rows(session, rows)
        if came:
            return deps.wake_job(session, job.id, at=now)
        if job.state == JobState.STORED:
            return deps.wake_job(session, job.id, at=now, error=None, attempts=0)
        values: JobColumns = {"due_at": now, "video_id": home[0].video.id if home[0].video else None}
        note = f"without {', '.join(file.wanted.role for file in missing)}" if missing else None
        return jobs.advance(session, job.id, JobEvent.SAVED, at=now, by=viewer.name, note=note, **values)


def give_up_files(deps: Deps, viewer: Viewer, job_id: str) -> Job:
    """Fetch no more: a rendered take ends as one that was cancelled, a stored one goes without what it lacks.

    What it was paid for can be fetched later (`fetch_after_all`), while the provider has it.

    Raises:
        NotFound, NotAllowed: as `try_now`.
        StateConflict: nothing is being fetched (any more).
    """
    with deps.store.begin() as session:
        job = _job(session, viewer, job_id, WITH_FILES)
        if job.state == JobState.STORED:
            missing = missing_files(_files(deps, session, job))
            if not missing:
                raise StateConflict(NOTHING_MISSING)
            record_decision(deps, session, viewer, job.id, "give up its files")
            now = deps.clock.now()
            take_files.put_rows(session, [_changed(file, given_up_at=now) for file in missing])
            return deps.wake_job(session, job.id, at=now, error=None, attempts=0)
    return cancel_job(deps, viewer, job_id)


def fetch_after_all(deps: Deps, viewer: Viewer, job_id: str) -> Job:
    """Fetch the files that were given up: all of a take that has ended without, or those a stored one lacks.

    Raises:
        NotFound, NotAllowed: as `try_now`.
        StateConflict: it goes on by itself, or has no files that could be fetched.
    """
    with deps.store.begin() as session:
        job = _job(session, viewer, job_id, ENDED_STATES)
        record(
            session, deps, viewer, Action.TAKE_FETCHED_AFTER_ALL, object_type="take", object_id=job.id,
            changed={"state": (job.state, JobState.RENDERED)},
        )  # fmt: skip
        now = deps.clock.now()
        if job.state == JobState.STORED:
            given_up = [file for file in _files(deps, session, job) if not file.here and file.settled]
            if not given_up:
                raise StateConflict(NOTHING_MISSING)
            take_files.put_rows(session, [_anew(file) for file in given_up])
            return deps.wake_job(session, job.id, at=now, attempts=0)
        files = files_to_fetch(job)
        if not files:
            raise StateConflict("This take ended before it had any file.")
        again = [file for file in _files(deps, session, job) if not file.here]
        take_files.put_rows(session, [_anew(file) for file in again])
        _finish(deps, session, viewer, job, Finished(files, kept_output(job)))
        return jobs.get(session, job.id)


def name_link(deps: Deps, viewer: Viewer, job_id: str, link: str) -> Job:
    """Take this link for the file of a held take; it is fetched like any other.

    One that leads nowhere costs nothing: the take is held again, or before that another link is named. Where
    one led to another file than was meant, the next one's comes before it, until the provider itself has said
    what it made.

    Raises:
        NotFound, NotAllowed: as `try_now`.
        StateConflict: the take is not held (any more), and has files that the provider named.
        InvalidRequest: `link` is none, or its file is here.
    """
    url = normalize_link(clean_text(link))
    if url is None:
        raise InvalidRequest({"link": "is no link: it begins with https:// and names a file"})
    with deps.store.begin() as session:
        job = _job(session, viewer, job_id, {JobState.HELD, JobState.RENDERED, JobState.STORED})
        if job.state != JobState.HELD and not named_by_hand(job):
            raise StateConflict(f"This take is {job.state} now; there is nothing to decide.")
        ours = apply_result.named_and_ours(session, job)
        if any(file.url == url for file in ours):
            raise InvalidRequest({"link": "is the one whose file is here"})
        record(
            session, deps, viewer, Action.TAKE_NAMED_LINK, object_type="take", object_id=job.id,
            changed={"host": (None, urlsplit(url).hostname)},
        )  # fmt: skip
        role = named_role({file.role for file in ours})
        finished = Finished([OutputFile(role, url), *ours], job.result or {})
        take_files.put_rows(session, [TakeFile(job_id=job.id, role=role, position=0)])
        if job.state == JobState.HELD:
            _finish(deps, session, viewer, job, finished)
        else:
            now = deps.clock.now()
            values = apply_result.rendered_values(finished, at=now) | {"error": None, "attempts": 0}
            del values["due_at"]
            deps.wake_job(session, job.id, at=now, **values)
        return jobs.get(session, job.id)


def _finish(deps: Deps, session: Session, viewer: Viewer, job: Job, finished: Finished) -> None:
    now = deps.clock.now()
    apply_result.apply_outcome(session, job, finished, at=now, by=viewer.name, by_person=True)
    deps.wake_job(session, job.id, at=now)


def _job(session: Session, viewer: Viewer, job_id: str, states: Collection[JobState]) -> Job:
    job = get_to_change(session, viewer, job_id)
    if job.state not in states:
        raise StateConflict(f"This take is {job.state} now; there is nothing to decide.")
    if job.emptied_at is not None:
        raise StateConflict("Its files were deleted from the trash; they can't be fetched again.")
    return job


def _files(deps: Deps, session: Session, job: Job) -> Sequence[FileOfTake]:
    video = videos.get(session, job.video_id) if job.video_id else None
    return load_files(deps, session, [(job, video)])[0]


def _anew(file: FileOfTake) -> TakeFile:
    """Its row, as if it had not been tried yet."""
    return _changed(file, given_up_at=None, attempts=0, error=None)


def _changed(file: FileOfTake, **values: object) -> TakeFile:
    return TakeFile(**(file.row.model_dump() | values))
