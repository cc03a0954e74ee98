"""Takes that have been in the trash for long enough lose their files; their rows, ledger and history stay.

First a commit says that a take's files are no longer its own; then those that no other take has are removed;
then a commit says that they are. Whoever is stopped in between is gone on after by the next
sweep. A take that was brought back before the first commit keeps everything, and after it there is nothing
that could be brought back.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlmodel import Session

from backend.domain.access.actions import Action
from backend.domain.errors import MediaError
from backend.domain.states import ENDED_STATES
from backend.domain.trouble import Charged, Trouble
from backend.models import TakeFile, Video
from backend.services.audit.record import WORKER, record
from backend.services.deps import Deps
from backend.services.gallery.take_files import EMPTIED, load_files
from backend.services.operations.totals import forget_video
from backend.store.jobs import jobs
from backend.store.library import edits, trash, undo_steps
from backend.store.library.edits import HistoryLine, TakeHead
from backend.store.records import take_files, videos
from backend.store.records.facts import Fact

log = logging.getLogger(__name__)

#: Takes that are emptied in one sweep; and where each file is a request that somebody pays for.
BATCH, REMOTE_BATCH = 50, 10
#: Changes of many takes are remembered for as long as they can be taken back, and a little longer.
UNDO_KEPT_FOR = timedelta(hours=2)
#: In the history.
EMPTIED_EVENT, BY = "emptied", "a sweep"


@dataclass(frozen=True)
class FilesToRemove:
    """Stored files that a take gave up, by the ids of their rows; another one may have them."""

    at: datetime
    videos: list[str] = field(default_factory=list)


TO_REMOVE = Fact(FilesToRemove, "trash_files")


def empty_trash(deps: Deps) -> int:
    """Delete the files of the next takes that have been in the trash for `TRASH_DAYS`; returns how many."""
    now = deps.clock.now()
    with deps.store.read() as session:
        old = undo_steps.has_before(session, now - UNDO_KEPT_FOR)
        left = TO_REMOVE.read(session)
    if old:
        with deps.store.begin() as session:
            undo_steps.delete_before(session, now - UNDO_KEPT_FOR)
    try:
        remote = bool(deps.storage.link_origins())
        if left is not None:
            _remove_files(deps, left.videos)
        limit = REMOTE_BATCH if remote else BATCH
        with deps.store.read() as session:
            due = trash.list_due(session, before=_before(deps), limit=limit)
        emptied = sum(_empty(deps, job_id) for job_id in due)
        if emptied:
            with deps.store.read() as session:
                left = TO_REMOVE.read(session)
            _remove_files(deps, left.videos if left else [])
    except (MediaError, OSError) as error:  # it is gone on with when storage is there again
        log.warning("the trash can't be emptied now", extra={"why": str(error)})
        return 0
    return emptied


def _before(deps: Deps) -> datetime:
    return deps.clock.now() - timedelta(days=deps.settings.trash_days)


def _empty(deps: Deps, job_id: str) -> bool:
    """Say that this take's files are no longer its own, unless it was brought back or is at work."""
    now = deps.clock.now()
    with deps.store.begin() as session:
        heads = edits.lock_heads(session, [job_id])
        if not heads or not _is_due(heads[0], _before(deps), now):
            return False
        ids = _give_up_files(deps, session, job_id, now)
        trash.mark_emptied(session, job_id, at=now)
        if ids:
            known = TO_REMOVE.lock_and_read(session)
            TO_REMOVE.put(session, FilesToRemove(now, [*(known.videos if known else []), *sorted(ids)]))
        note = f"Deleted after {deps.settings.trash_days:g} days in the trash"
        line = HistoryLine(job_id, EMPTIED_EVENT, heads[0].state, note)
        edits.add_history(session, [line], by=BY, at=now)
        edits.note_edits(session, [job_id], at=now)
        changed = {"files": (len(ids), 0)}
        record(
            session, deps, WORKER, Action.TAKE_EMPTIED, object_type="take", object_id=job_id, changed=changed
        )
    return True


def _is_due(head: TakeHead, before: datetime, now: datetime) -> bool:
    """Is it still in the trash, for long enough, and in nobody's hands?"""
    at_work = head.claimed_until is not None and head.claimed_until > now
    waited = head.trashed_at is not None and head.trashed_at <= before
    return waited and head.emptied_at is None and head.state in ENDED_STATES and not at_work


def _give_up_files(deps: Deps, session: Session, job_id: str, now: datetime) -> set[str]:
    """Nothing of it is fetched again; returns the ids of the files that it had."""
    job = jobs.get(session, job_id)
    main = videos.get(session, job.video_id) if job.video_id else None
    (files,) = load_files(deps, session, [(job, main)])
    why = Trouble(
        EMPTIED, "It was deleted from the trash.", Charged.YES, "It can't be brought back.", now
    ).as_json()
    rows = {row.role: row for row, _ in take_files.of_jobs(session, [job_id]).get(job_id, ())}
    rows |= {file.row.role: file.row for file in files}
    had = {row.video_id for row in rows.values() if row.video_id} | ({main.id} if main else set())
    gone = {"video_id": None, "given_up_at": now, "error": why}
    take_files.put_rows(session, [TakeFile(**row.model_dump() | gone) for row in rows.values()])
    return had


def _remove_files(deps: Deps, video_ids: list[str]) -> None:
    """Remove stored files that no take has. One that a take has got since stays.

    Raises:
        MediaError, OSError: storage can't be asked.
    """
    for video_id in video_ids:
        with deps.store.read() as session:
            video = videos.find(session, video_id)
            shown = video is not None and videos.is_shown(session, video_id)
        if video is not None and not shown:
            keys = [key for key in (video.preview_key, video.player_key, video.poster_key, video.key) if key]
            for key in keys:
                deps.storage.remove(key)
            if any(deps.storage.size(key) is not None for key in keys):
                continue  # while files move, the place that they move from may hold it
        _forget(deps, video)
        with deps.store.begin() as session:
            left = TO_REMOVE.lock_and_read(session)
            kept = [one for one in (left.videos if left else []) if one != video_id]
            if kept:
                TO_REMOVE.put(session, FilesToRemove(deps.clock.now(), kept))
            else:
                TO_REMOVE.forget(session)


def _forget(deps: Deps, video: Video | None) -> None:
    """Delete the row of a file that was removed. Should a take have got the same one meanwhile, it is missing
    there, and fetched again: the provider has just had it.
    """
    if video is None:
        return
    now = deps.clock.now()
    with deps.store.begin() as session:
        if videos.lock_unshown(session, video.id):
            videos.delete_video(session, video.id)
            forget_video(session, video, at=now)
            return
    gone = deps.storage.size(video.key) is None
    if gone:
        with deps.store.begin() as session:
            videos.mark_missing(session, video.id, at=now)
            for job in videos.list_jobs(session, video.id)[:1]:
                deps.wake_job(session, job.id, at=now, attempts=0)
