"""One pass over due and odd rows, and over what lies on disk. The webhook is fast; this is the promise."""

import logging
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from backend.domain.errors import MediaError
from backend.domain.states import JobState
from backend.media.partial import folder as parts_folder
from backend.media.storage.local import LocalStorage
from backend.models import Job
from backend.services.audit.purge import purge_old
from backend.services.deps import Deps
from backend.services.lifecycle.claims import Claims
from backend.services.lifecycle.dispatch import run_step
from backend.services.operations import older_takes, readiness, totals
from backend.services.operations.account.odd_bills import find_odd_bills
from backend.services.operations.emptying.empty_trash import empty_trash
from backend.services.operations.verify_money import check_money
from backend.services.storage.copy_verified import COPY_PREFIX
from backend.services.storage.local_copy import LOCAL_COPY_PREFIX
from backend.services.takes.photos import UPLOAD_PREFIX
from backend.store.jobs import claims, jobs
from backend.store.records import sweep_log, videos
from backend.store.records.facts import Fact
from backend.store.search.index import merging, take_index

log = logging.getLogger(__name__)

#: How often storage is tidied.
TIDY_EVERY = timedelta(hours=1)
#: Stored files looked for at a time, so many at the most in every sweep where there are no more than these;
#: where there are, the walk over them has its own pace, for a sweep must not cost more because much is
#: stored: 120,000 an hour.
FILES_BATCH = 500
WALK_EVERY = timedelta(seconds=15)
#: The same in a bucket, where each is a request that somebody pays for: 100,000 within a day.
OBJECTS_BATCH = 18
#: Storage that holds nothing at all is believed to be empty, and not away, after this.
EMPTY_BELIEVED_AFTER = timedelta(minutes=2)
#: Uploads that were cut off leave a folder; it is removed after this.
UPLOAD_LIFE_S = 3600.0
#: What sweeps did is remembered this long.
SWEEPS_KEPT_FOR = timedelta(days=14)
#: Takes read into the index in one transaction: some 100 ms.
INDEX_BATCH = 200
#: How many due jobs are read at a time.
WAKE_BATCH = 200


@dataclass(frozen=True)
class LastSweep:
    """When the last sweep began, whose it was, and what it did."""

    at: datetime
    by: str = ""
    did: dict[str, int] = field(default_factory=dict)
    took_s: float = 0.0


@dataclass(frozen=True)
class FileWalk:
    """How far the walk over stored files has come. last_id: "" at its start."""

    at: datetime
    last_id: str


@dataclass(frozen=True)
class EmptyStorage:
    """Storage has held nothing at all."""

    at: datetime
    since: datetime


@dataclass(frozen=True)
class StorageTidied:
    """When storage was last tidied."""

    at: datetime


LAST_SWEEP, FILE_WALK = Fact(LastSweep, "sweep"), Fact(FileWalk, "walk")
EMPTY_STORAGE, TIDIED = Fact(EmptyStorage, "storage_empty"), Fact(StorageTidied, "tidied")


def run_sweep(deps: Deps, *, by: str, run_due: Callable[[], int]) -> dict[str, Any]:
    """Repair what is odd, then have everything due looked at; returns what was done.

    by: whose sweep it is. run_due: has due jobs looked at, here or elsewhere; returns how many.
    """
    started_at, begun = deps.clock.now(), deps.clock.monotonic()
    index_new_takes(deps)
    totals.update_totals(deps)
    did = Counter(repair_all(deps))
    did["looks"] = run_due()
    took_s = deps.clock.monotonic() - begun
    done = {name: number for name, number in did.items() if number}
    with deps.store.begin() as session:
        LAST_SWEEP.put(session, LastSweep(started_at, by, done, round(took_s, 3)))
        if done:
            sweep_log.record_sweep(session, started_at=started_at, took_s=took_s, did=done)
            sweep_log.delete_before(session, started_at - SWEEPS_KEPT_FOR)
    return done


def sweep_now(deps: Deps, *, on_progress: Callable[[str], None]) -> dict[str, Any]:
    """One full sweep in this process: every due job is looked at once, one after the other."""
    in_hand = Claims(deps)

    def look() -> int:
        with deps.store.read() as session:
            due = claims.list_due(session, now=deps.clock.now(), states=list(JobState), limit=100_000)
        done = 0
        for job_id in due:
            on_progress(f"looking at {job_id}")
            done += run_step(deps, in_hand, job_id)
        return done

    return run_sweep(deps, by="a command", run_due=look)


def repair_all(deps: Deps) -> dict[str, int]:
    """Mend what no event will mend: rows that wait for nothing, missing files, forgotten leftovers."""
    return {
        "woken": _wake_forgotten(deps),
        "missing_files": _find_missing(deps),
        "older_takes": older_takes.wake_older(deps),
        "leftovers_removed": remove_leftovers(deps),
        "trash_emptied": empty_trash(deps),
        "money_differences": check_money(deps),
        "odd_bills": find_odd_bills(deps),
        "audit_purged": purge_old(deps),
    }


def index_new_takes(deps: Deps) -> int:
    """Read new and changed takes into the index, so that nobody need look at their rows; returns how many.

    In small transactions: others write in between. It is no repair, and no sweep is remembered for it.
    """
    total = 0
    while not deps.stopping.is_set():
        with deps.store.begin() as session:
            number = take_index.index_pending(session, limit=INDEX_BATCH)
        total += number
        if number < INDEX_BATCH:
            break
    if total:
        merging.merge_next(deps.store)
    return total


def _wake_forgotten(deps: Deps) -> int:
    """A job that should be moving and is due at no time would wait for ever."""
    now = deps.clock.now()
    with deps.store.read() as session:
        asleep = claims.stranded(session, limit=WAKE_BATCH)
    if not asleep:
        return 0
    with deps.store.begin() as session:
        for job_id in asleep:
            deps.wake_job(session, job_id, at=now)
    return len(asleep)


def _find_missing(deps: Deps) -> int:
    """Look for the next stored files; one that is gone or of another size is fetched again."""
    now = deps.clock.now()
    try:
        remote = bool(deps.storage.link_origins())  # of a bucket whose keys this process never got: refused
        limit = OBJECTS_BATCH if remote else FILES_BATCH
        with deps.store.read() as session:
            walk = FILE_WALK.read(session)
            last_id = walk.last_id if walk else ""
            if walk and (last_id or remote) and timedelta(0) <= now - walk.at < WALK_EVERY:
                return 0
            batch = videos.list_files_after(session, last_id, limit=limit)
            noted = EMPTY_STORAGE.read(session)
        there = {file.id: deps.storage.size(file.key) for file in batch}
        odd = [file for file in batch if not file.missing and there[file.id] != file.size_bytes]
        back = [file for file in batch if file.missing and there[file.id] == file.size_bytes]
        if (odd or noted) and storage_looks_unmounted(deps):
            return 0
        for file in odd:
            if there[file.id] is not None:
                deps.storage.remove(file.key)  # makes room for the right one
                there[file.id] = deps.storage.size(file.key)  # which the place it moves from may hold
        odd = [file for file in odd if there[file.id] != file.size_bytes]
    except (MediaError, OSError) as error:  # what can't be asked is not gone
        log.warning("stored files can't be looked for now", extra={"why": str(error)})
        return 0
    reached = batch[-1].id if len(batch) == limit else ""
    if odd or back or reached != last_id or (remote and batch):
        with deps.store.begin() as session:
            FILE_WALK.put(session, FileWalk(now, reached))
            for file in odd:
                mark_missing(deps, session, file.id)
            for file in back:
                look_at(deps, session, file.id)
    return len(odd)


def storage_looks_unmounted(deps: Deps) -> bool:
    """Does storage hold nothing at all? It is away (a folder that is not mounted), or somebody emptied it.

    An emptied one is believed after a while, in which it held nothing whenever somebody asked: by then the
    provider may still have what it made.

    Raises:
        MediaError, OSError: it can't be asked.
    """
    holds = next(iter(deps.storage.list_keys()), None) is not None
    now = deps.clock.now()
    with deps.store.read() as session:
        noted = EMPTY_STORAGE.read(session)
    if holds:
        if noted:
            with deps.store.begin() as session:
                EMPTY_STORAGE.forget(session)
        return False
    since = noted.since if noted else now
    if now - since >= EMPTY_BELIEVED_AFTER:
        return False
    log.warning("storage holds nothing at all: is its folder mounted, its bucket the right one?")
    if not noted:
        with deps.store.begin() as session:
            EMPTY_STORAGE.put(session, EmptyStorage(now, since))
    return True


def mark_missing(deps: Deps, session: Any, video_id: str) -> None:
    """This stored file is gone or altered: have it fetched again, by the newest job that shows it."""
    now = deps.clock.now()
    videos.mark_missing(session, video_id, at=now)
    for job in look_at(deps, session, video_id):
        log.error("a stored file is missing", extra={"job": job.id, "video": video_id})


def look_at(deps: Deps, session: Any, video_id: str) -> Sequence[Job]:
    """Have the newest job that shows this video looked at now; returns it."""
    newest = videos.list_jobs(session, video_id)[:1]
    for job in newest:
        deps.wake_job(session, job.id, at=deps.clock.now(), attempts=0)
    return newest


def _tidy_storage(deps: Deps) -> int:
    """Have storage remove what a killed process left half-placed; it looks through all of it, so seldom."""
    now = deps.clock.now()
    last = TIDIED.query(deps.store)
    if last is not None and timedelta(0) <= now - last.at < TIDY_EVERY:
        return 0
    with deps.store.begin() as session:
        TIDIED.put(session, StorageTidied(now))
    try:
        return deps.storage.remove_unfinished()
    except MediaError as error:
        log.warning("storage can't be tidied now", extra={"why": error.in_full})
        return 0


def remove_leftovers(deps: Deps) -> int:
    """Remove this host's temp files that no live claim writes and no waiting job will go on with."""
    folder = deps.settings.parts_dir
    with deps.store.read() as session:
        live = claims.live_claims(session, now=deps.clock.now())
        wanted = jobs.ids_to_fetch(session)
    # What a waiting job will go on with is as good as claimed.
    live |= {(job_id, owner) for job_id, owner in parts_folder.list_claims(folder) if job_id in wanted}
    removed = len(parts_folder.remove_dead(folder, live)) + _tidy_storage(deps)
    removed += sum(LocalStorage(each).remove_unfinished() for each in readiness.data_folders(deps))
    prefixes = (UPLOAD_PREFIX, LOCAL_COPY_PREFIX, COPY_PREFIX)
    for left in [left for prefix in prefixes for left in folder.glob(f"{prefix}*")]:
        with suppress(FileNotFoundError):  # it went by itself meanwhile
            if time.time() - left.stat().st_mtime > UPLOAD_LIFE_S:
                shutil.rmtree(left, ignore_errors=True)
                removed += 1
    return removed
