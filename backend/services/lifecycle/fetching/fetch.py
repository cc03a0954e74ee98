"""Bring every file of a finished take home: one after the other, each kept as soon as it is whole."""

import logging
from collections.abc import Sequence

from sqlmodel import Session

from backend.domain.errors import Interrupted, MediaError
from backend.domain.output_files import without_inline
from backend.domain.states import JobEvent, JobState
from backend.media.decode import sandbox
from backend.models import Job, JobColumns, TakeFile, Video
from backend.services.deps import Deps
from backend.services.gallery.take_files import FileOfTake, load_files, missing_files
from backend.services.lifecycle.claims import Claim
from backend.services.lifecycle.fetching import no_media
from backend.services.lifecycle.fetching.one_file import bring_home
from backend.services.lifecycle.fetching.try_later import Failure, check_meant, no_link, try_later
from backend.services.retry_write import retry_write
from backend.store.records import take_files, videos

log = logging.getLogger(__name__)

#: A look that has lasted this long begins no further file: one takes an hour at the most (`DownloadLimits`),
#: and the claim is extended for two (`claims.STEP_MAX_S`).
LOOK_MAX_S = 1800.0


def fetch_files(deps: Deps, claim: Claim) -> None:
    """Fetch what a finished job's output names and is not ours yet, or has gone missing.

    Afterwards the job is `stored` with all of its files; or as before with those that came, due again
    after a back-off, with the reason on the row; or `failed` when the provider has lost what it made.
    Links beside a main file that is ours are given up by themselves when they lead to no file.
    """
    plan, begun_s = files_of(deps, claim.job), deps.clock.monotonic()
    ours = {file.row.position: file.video.id for file in plan if file.video is not None}
    left = sorted(missing_files(plan), key=lambda file: file.row.attempts)  # no slow one keeps others back
    at_home, failed = {file.wanted.role for file in plan if file.here}, list[Failure]()
    try:
        for file in list(left):
            if deps.stopping.is_set():
                raise Interrupted("the worker is stopping")
            if deps.clock.monotonic() - begun_s > LOOK_MAX_S:
                break
            try:
                video = bring_home(deps, claim, file)
            except MediaError as error:
                log.warning(
                    "not fetched", extra={"job": claim.job.id, "role": file.wanted.role, "why": str(error)}
                )
                failed.append(Failure(file, error))
            else:
                left.remove(file)
                at_home.add(file.wanted.role)
                _save(deps, claim, file, video, ours, left)
    except Interrupted:
        claim.defer(due_in_s=0)
        return
    nothing = [each for each in failed if no_media.is_no_media(each) and ours and plan[0] not in left]
    if nothing:
        no_media.give_up(claim, nothing)
        failed = [each for each in failed if each not in nothing]
        left = [file for file in left if file not in [each.file for each in nothing]]
    if failed:
        known = [file.row for file in plan if file.here]
        try_later(deps, claim, failed, at_home=at_home, known=known, untried=len(left) - len(failed))
    elif not plan:
        try_later(deps, claim, [no_link(claim)], at_home=set())
    elif left:
        claim.defer(due_in_s=0)
    elif claim.job.state == JobState.RENDERED:  # what was missing is done without
        note, main = no_media.note(nothing), ours[min(ours)] if ours else None
        claim.record(JobEvent.SAVED, due_in_s=0, note=note, video_id=main)
    elif nothing:
        claim.defer(due_in_s=0, attempts=0)


def files_of(deps: Deps, job: Job) -> list[FileOfTake]:
    """Every file of a finished job, the main one first."""
    with deps.store.read() as session:
        video = videos.get(session, job.video_id) if job.video_id else None
        return load_files(deps, session, [(job, video)])[0]


def _save(
    deps: Deps,
    claim: Claim,
    file: FileOfTake,
    video: Video,
    ours: dict[int, str],
    left: Sequence[FileOfTake],
) -> None:
    """Write down that a file is ours; with the last one the take is complete. left: those that are not yet.

    ours: position -> id of those that were ours before; this one is among them afterwards. The first of them
    is the take's video: the main file, or where a person does without it the next.
    """
    last = not left
    values: JobColumns = {"fetched_bytes": video.size_bytes, "fetch_total_bytes": video.size_bytes}

    def keep(session: Session) -> JobColumns:
        check_meant(session, claim)
        kept = videos.insert_or_restore(session, video)
        row = file.row.model_dump() | {
            "video_id": kept.id, "attempts": 0, "error": None, "seen_sha256": None, "given_up_at": None,
        }  # fmt: skip
        take_files.put_rows(session, [TakeFile(**row)])
        ours[file.row.position] = kept.id
        return {"video_id": ours[min(ours)]} if last or file.row.position == 0 else {}

    if file.wanted.url is None and all(other.wanted.url is not None for other in left):
        values["result"] = without_inline(claim.job.result)  # all of its data are files now

    def write() -> None:
        if not last:
            claim.update(keep, **values)
        elif claim.job.state == JobState.STORED:
            cleared: JobColumns = {"error": None, "attempts": 0, **values}
            claim.defer(due_in_s=0, also=keep, **cleared)
        else:
            claim.record(
                JobEvent.SAVED, due_in_s=0, also=keep, **values
            )  # its bill and its preview come next

    retry_write(deps, write)
    log.info("stored", extra={"job": claim.job.id, "role": file.wanted.role, "size_bytes": video.size_bytes})


def warm_up_sandbox() -> None:
    """Have the process that checks files ready before the first file comes."""
    try:
        sandbox.warm_up()
    except MediaError as error:
        log.warning("files can't be checked yet", extra={"why": str(error)})
