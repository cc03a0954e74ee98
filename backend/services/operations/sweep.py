"""One pass over due and odd rows, and over what lies on disk. The webhook is fast; this is the promise."""

import logging
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from backend.domain.errors import MediaError
from backend.domain.states import JobState
from backend.media.partial import folder as parts_folder
from backend.models import Job
from backend.services.deps import Deps
from backend.services.lifecycle.claims import Claims
from backend.services.lifecycle.dispatch import step
from backend.services.operations import totals
from backend.services.storage.copy_verified import CARRIED
from backend.services.storage.local_copy import COPIES
from backend.store.jobs import jobs
from backend.store.records import key_values, sweep_log, videos
from backend.store.search import text_index

log = logging.getLogger(__name__)

#: The fact that says when the last sweep ran and what it did.
LAST = "sweep"
#: The fact that says how far the walk over stored files has come.
WALK = "walk"
#: The fact that says since when storage has held nothing at all: {"since": moment}.
EMPTY = "storage_empty"
#: The fact that says when storage was last tidied, and how often that is done.
TIDIED = "tidied"
TIDY_EVERY = timedelta(hours=1)
#: Stored files looked for at a time, so many at the most in every sweep where there are no more than these;
#: where there are, the walk over them has its own pace, for a sweep must not cost more because much is
#: stored: 120,000 an hour.
FILES_AT_A_TIME = 500
WALK_EVERY = timedelta(seconds=15)
#: The same in a bucket, where each is a request that somebody pays for: 100,000 within a day.
OBJECTS_AT_A_TIME = 18
#: Storage that holds nothing at all is believed to be empty, and not away, after this.
EMPTY_BELIEVED = timedelta(minutes=2)
#: Uploads that were cut off leave a folder; it is removed after this.
UPLOAD_LIFE_S = 3600.0
#: What sweeps did is remembered this long.
REMEMBERED = timedelta(days=14)
#: Takes read into the index of words in one transaction: some 20 ms.
WORDS_BATCH = 200
#: How many due jobs are read at a time.
BATCH = 200


def sweep(deps: Deps, *, by: str, look: Callable[[], int]) -> dict[str, Any]:
    """Repair what is odd, then have everything due looked at; returns what was done.

    by: whose sweep it is.
    look: has due jobs looked at, here or elsewhere; returns how many.
    """
    started_at, begun = deps.clock.now(), deps.clock.monotonic()
    read_words(deps)
    totals.keep(deps)
    did = Counter(repair(deps))
    did["looks"] = look()
    took_s = deps.clock.monotonic() - begun
    done = {name: number for name, number in did.items() if number}
    with deps.store.begin() as session:
        key_values.keep(session, LAST, {"did": done, "took_s": round(took_s, 3), "by": by}, at=started_at)
        if done:
            sweep_log.keep(session, started_at=started_at, took_s=took_s, did=done)
            sweep_log.forget_before(session, started_at - REMEMBERED)
    return done


def sweep_now(deps: Deps, *, told: Callable[[str], None]) -> dict[str, Any]:
    """One full sweep in this process: every due job is looked at once, one after the other."""
    claims = Claims(deps)

    def look() -> int:
        done = 0
        for job_id in _all_due(deps):
            told(f"looking at {job_id}")
            done += step(deps, claims, job_id)
        return done

    return sweep(deps, by="a command", look=look)


def repair(deps: Deps) -> dict[str, int]:
    """Mend what no event will mend: rows that wait for nothing, missing files, forgotten leftovers."""
    return {
        "woken": _wake_forgotten(deps),
        "missing_files": _find_missing(deps),
        "leftovers_removed": remove_leftovers(deps),
    }


def read_words(deps: Deps) -> int:
    """Read new takes into the index of words, so that searches need not look at their rows; returns how many.

    In small transactions: others write in between. It is no repair, and no sweep is remembered for it.
    """
    total = 0
    while not deps.stopping.is_set():
        with deps.store.begin() as session:
            number = text_index.read(session, limit=WORDS_BATCH)
        total += number
        if number < WORDS_BATCH:
            break
    return total


def _all_due(deps: Deps) -> list[str]:
    with deps.store.read() as session:
        return jobs.due(session, now=deps.clock.now(), states=list(JobState), limit=100_000)


def _wake_forgotten(deps: Deps) -> int:
    """A job that should be moving and is due at no time would wait for ever."""
    now = deps.clock.now()
    with deps.store.read() as session:
        asleep = jobs.asleep(session, limit=BATCH)
    if not asleep:
        return 0
    with deps.store.begin() as session:
        for job_id in asleep:
            jobs.wake(session, job_id, at=now)
            deps.carrier.wake(session, job_id)
    return len(asleep)


def _find_missing(deps: Deps) -> int:
    """Look for the next stored files; one that is gone or of another size is fetched again."""
    now = deps.clock.now()
    try:
        remote = bool(deps.storage.origins())  # of a bucket whose keys this process never got: refused
        most = OBJECTS_AT_A_TIME if remote else FILES_AT_A_TIME
        with deps.store.read() as session:
            walk = key_values.get(session, WALK)
            last_id = walk.value["last_id"] if walk else ""
            if walk and (last_id or remote) and timedelta(0) <= now - walk.at < WALK_EVERY:
                return 0
            batch = videos.files_after(session, last_id, limit=most)
            noted = key_values.value_of(session, EMPTY)
        there = {file.id: deps.storage.size(file.key) for file in batch}
        odd = [file for file in batch if not file.missing and there[file.id] != file.size_bytes]
        back = [file for file in batch if file.missing and there[file.id] == file.size_bytes]
        if (odd or noted) and looks_away(deps):
            return 0
        for file in odd:
            if there[file.id] is not None:
                deps.storage.remove(file.key)  # makes room for the right one
                there[file.id] = deps.storage.size(file.key)  # which the place it moves from may hold
        odd = [file for file in odd if there[file.id] != file.size_bytes]
    except (MediaError, OSError) as error:  # what can't be asked is not gone
        log.warning("stored files can't be looked for now", extra={"why": str(error)})
        return 0
    reached = batch[-1].id if len(batch) == most else ""
    if odd or back or reached != last_id or (remote and batch):
        with deps.store.begin() as session:
            key_values.keep(session, WALK, {"last_id": reached}, at=now)
            for file in odd:
                mark_missing(deps, session, file.id)
            for file in back:
                _look_at(deps, session, file.id)
    return len(odd)


def looks_away(deps: Deps) -> bool:
    """Does storage hold nothing at all? It is away (a folder that is not mounted), or somebody emptied it.

    An emptied one is believed after a while, in which it held nothing whenever somebody asked: by then the
    provider may still have what it made.

    Raises:
        MediaError, OSError: it can't be asked.
    """
    holds = next(iter(deps.storage.keys()), None) is not None
    now = deps.clock.now()
    with deps.store.read() as session:
        noted = key_values.value_of(session, EMPTY)
    if holds:
        if noted:
            with deps.store.begin() as session:
                key_values.forget(session, EMPTY)
        return False
    since = datetime.fromisoformat(noted["since"]) if noted else now
    if now - since >= EMPTY_BELIEVED:
        return False
    log.warning("storage holds nothing at all: is its folder mounted, its bucket the right one?")
    if not noted:
        with deps.store.begin() as session:
            key_values.keep(session, EMPTY, {"since": since.isoformat()}, at=now)
    return True


def mark_missing(deps: Deps, session: Any, video_id: str) -> None:
    """This stored file is gone or altered: have it fetched again, by the newest job that shows it."""
    now = deps.clock.now()
    videos.mark_missing(session, video_id, at=now)
    for job in _look_at(deps, session, video_id):
        log.error("a stored file is missing", extra={"job": job.id, "video": video_id})


def _look_at(deps: Deps, session: Any, video_id: str) -> Sequence[Job]:
    """Have the newest job that shows this video looked at now; returns it."""
    newest = videos.jobs_of(session, video_id)[:1]
    for job in newest:
        jobs.wake(session, job.id, at=deps.clock.now(), attempts=0)
        deps.carrier.wake(session, job.id)
    return newest


def _tidy_storage(deps: Deps) -> int:
    """Have storage remove what a killed process left half-placed; it looks through all of it, so seldom."""
    now = deps.clock.now()
    with deps.store.read() as session:
        last = key_values.get(session, TIDIED)
    if last is not None and timedelta(0) <= now - last.at < TIDY_EVERY:
        return 0
    with deps.store.begin() as session:
        key_values.keep(session, TIDIED, {}, at=now)
    try:
        return deps.storage.tidy()
    except MediaError as error:
        log.warning("storage can't be tidied now", extra={"why": str(error)})
        return 0


def remove_leftovers(deps: Deps) -> int:
    """Remove this host's temp files that no live claim writes and no waiting job will go on with."""
    folder = deps.settings.parts_dir
    with deps.store.read() as session:
        live = jobs.held_claims(session, now=deps.clock.now())
        wanted = jobs.fetching(session)
    # What a waiting job will go on with is as good as claimed.
    live |= {(job_id, owner) for job_id, owner in parts_folder.owners(folder) if job_id in wanted}
    removed = len(parts_folder.remove_dead(folder, live)) + _tidy_storage(deps)
    for left in [*folder.glob("upload-*"), *folder.glob(f"{COPIES}*"), *folder.glob(f"{CARRIED}*")]:
        with suppress(FileNotFoundError):  # it went by itself meanwhile
            if time.time() - left.stat().st_mtime > UPLOAD_LIFE_S:
                shutil.rmtree(left, ignore_errors=True)
                removed += 1
    return removed
