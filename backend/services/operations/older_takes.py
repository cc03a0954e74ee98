"""Takes that an older program left without what takes have today: found by a walk, a few at a time.

It had fetched the main file alone, had not asked whether browsers play it, and had called an output of an
unusual shape a failure. A walk goes over all stored and failed takes, has those looked at that lack
something, and rests when it is through; older programs may still run
beside this one and store more, so it begins anew now and then, and finds nothing where nothing is lacking.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from backend.domain.errors import MediaError, StoreUnavailable
from backend.domain.states import JobState
from backend.domain.take_filter import TakeFilter
from backend.domain.trouble import Trouble
from backend.models import Job
from backend.providers.base import Finished
from backend.services.deps import Deps
from backend.services.gallery.take_files import (
    NO_VIDEO,
    FileOfTake,
    files_to_fetch,
    kept_output,
    load_files,
    missing_files,
    needs_copy,
    never_judged,
)
from backend.services.gallery.takes import Take
from backend.services.lifecycle import apply_result
from backend.services.lifecycle.fetching.preview import lacks_pictures
from backend.store.jobs import claims, jobs
from backend.store.records.facts import Fact
from backend.store.search import pages
from backend.store.search.query import TakeQuery

#: Takes read in one sweep: 45 ms of a core; a million in seven hours of sweeps.
WALK_BATCH = 200
#: So many at work at a time: each may be a download, or two cores for two minutes.
AT_WORK_MAX = 10
#: A round begins this long after the one before it began.
ROUND_EVERY = timedelta(hours=1)
#: By these alone nobody can tell that browsers can't play a video.
OFTEN_PLAYED = frozenset({"h264", "vp8", "vp9", "av1"})


@dataclass(frozen=True)
class OlderWalk:
    """How far a round has come. at: when it began."""

    at: datetime
    last_id: str = ""
    over: bool = False


#: Who brings a failed take back, in its history.
BY = "a sweep"
ENDED = TakeFilter(states=frozenset({str(JobState.STORED), str(JobState.FAILED)}))
WALK = Fact(OlderWalk, "older_takes")


def wake_older(deps: Deps) -> int:
    """Have the next takes looked at that lack something nobody is about to bring; returns how many."""
    now = deps.clock.now()
    try:
        remote = bool(deps.storage.link_origins())
    except MediaError:  # a bucket whose keys this process never got: it can't complete anything
        return 0
    walk = WALK.query(deps.store)
    if walk is None or (walk.over and not timedelta(0) <= now - walk.at < ROUND_EVERY):
        walk = OlderWalk(now)
    if walk.over:
        return 0
    with deps.store.read() as session:
        room = AT_WORK_MAX - claims.count_stored_at_work(session, now=now)
        if room <= 0:
            return 0
        after = TakeQuery(ENDED, WALK_BATCH, after=walk.last_id)
        rows = pages.find_page(session, after).items
        files = load_files(deps, session, rows)
    lacking = [job for (job, _), its in zip(rows, files, strict=True) if lacks_something(job, its, remote)]
    found = lacking[:room]
    walk = replace(walk, last_id=rows[-1][0].id if rows else "", over=len(rows) < WALK_BATCH)
    if len(lacking) > room:
        walk = replace(walk, last_id=found[-1].id, over=False)
    with deps.store.begin() as session:
        WALK.put(session, walk)
        for job in found:
            locked = jobs.get(session, job.id)
            if job.state == locked.state == JobState.FAILED:
                finished = Finished(files_to_fetch(job), kept_output(job))
                apply_result.apply_outcome(session, locked, finished, at=now, by=BY)
            deps.wake_job(session, job.id, at=now, attempts=0)
    return len(found)


def complete_take(deps: Deps, take: Take) -> None:
    """Have a take looked at now that somebody looks at, if it is stored and lacks something."""
    if take.job.state == JobState.STORED and lacks_something(take.job, take.files, remote=False):
        with suppress(StoreUnavailable), deps.store.begin() as session:  # a page is read without it, too
            deps.wake_job(session, take.job.id, at=deps.clock.now(), attempts=0)


def lacks_something(job: Job, files: Sequence[FileOfTake], remote: bool) -> bool:
    """Does a take lack a file, a judgement or a copy, without being due for it?

    remote: its files are in a bucket, of which every byte that is read may cost money: what is only doubted
    waits until somebody looks at the take.
    """
    if job.due_at is not None or job.trashed_at is not None:
        return False
    if job.state == JobState.FAILED:
        trouble = Trouble.of(job.error)
        return trouble is not None and trouble.code == NO_VIDEO and bool(files_to_fetch(job))
    if missing_files(files):
        return True
    return lacks_pictures(job, files) and (not remote or any(_surely_unplayable(file) for file in files))


def _surely_unplayable(file: FileOfTake) -> bool:
    video = file.video
    if video is None or not file.here:
        return False
    return needs_copy(video) or (never_judged(video) and video.codec not in OFTEN_PLAYED)
