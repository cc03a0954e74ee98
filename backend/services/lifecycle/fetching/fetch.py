"""Bring every file of a finished take home: one after the other, each kept as soon as it is whole."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlmodel import Session

from backend.domain import policy
from backend.domain.errors import (
    Interrupted,
    MediaBroken,
    MediaDenied,
    MediaError,
    MediaGone,
    ProviderBusy,
    ProviderForgot,
)
from backend.domain.output_files import OutputFile, main_first, without_inline
from backend.domain.states import JobEvent, JobState
from backend.domain.trouble import Charged, Trouble
from backend.media.decode import sandbox
from backend.models import Job, JobColumns, TakeFile, Video
from backend.providers.base import Finished
from backend.services.deps import Deps
from backend.services.gallery.take_files import LOST, FileOfTake, load_files, missing_files
from backend.services.lifecycle.claims import Claim
from backend.services.lifecycle.fetching.one_file import NotBelievedYet, bring_home
from backend.services.lifecycle.poll import request_ref
from backend.services.retry_write import retry_write
from backend.store.records import take_files, videos

log = logging.getLogger(__name__)

#: Faults after which the link itself is doubted and the provider is asked for the result again.
NEW_LINK_EVERY = 5
AGAIN_TEXT = "The provider has the file; fetching it is tried again by itself."
NEW_LINK_TEXT = "The link to the file is dead; the provider is asked for the result again by itself."


def fetch_files(deps: Deps, claim: Claim) -> None:
    """Fetch what a finished job's output names and is not ours yet, or has gone missing.

    Afterwards the job is `stored` with all of its files; or as before with those that came, due again
    after a back-off, with the reason on the row; or `failed` when the provider has lost what it made.
    """
    plan = files_of(deps, claim.job)
    ours = {file.row.position: file.video.id for file in plan if file.video is not None}
    left, failed = missing_files(plan), []
    try:
        for file in list(left):
            try:
                video = bring_home(deps, claim, file)
            except MediaError as error:
                log.warning(
                    "not fetched", extra={"job": claim.job.id, "role": file.wanted.role, "why": str(error)}
                )
                failed.append(_Failure(file, error))
            else:
                left.remove(file)
                _save(deps, claim, file, video, ours, last=not left)
    except Interrupted:
        claim.defer(due_in_s=0)
        return
    if failed:
        known = [file.row for file in plan if file.here]
        _try_later(deps, claim, failed, home=len(plan) - len(left), known=known)
    elif not plan:
        _try_later(deps, claim, [_no_link(claim)], home=0)
    elif claim.job.state == JobState.RENDERED:  # what was missing is done without
        claim.record(JobEvent.SAVED, due_in_s=0, video_id=ours[min(ours)] if ours else None)


def files_of(deps: Deps, job: Job) -> list[FileOfTake]:
    """Every file of a finished job, the main one first."""
    with deps.store.read() as session:
        video = videos.get(session, job.video_id) if job.video_id else None
        return load_files(deps, session, [(job, video)])[0]


@dataclass(frozen=True)
class _Failure:
    """A file that did not come, and why."""

    file: FileOfTake
    error: MediaError

    @property
    def in_a_row(self) -> int:
        """How often this very fault has come in a row, this time included."""
        before = self.file.trouble
        return 1 + (self.file.row.attempts if before is not None and before.code == self.error.code else 0)

    @property
    def attempts(self) -> int:
        """Faults in a row; a dead link counts by itself."""
        return self.in_a_row if isinstance(self.error, MediaGone) else self.file.row.attempts + 1

    def as_row(self, trouble: Trouble) -> TakeFile:
        """The row that says so."""
        values = self.file.row.model_dump() | {"attempts": self.attempts, "error": trouble.as_json()}
        if isinstance(self.error, NotBelievedYet):
            values["seen_sha256"] = self.error.sha256
        return TakeFile(**values)


def _no_link(claim: Claim) -> _Failure:
    wanted = OutputFile("video", None)
    row = TakeFile(job_id=claim.job.id, role=wanted.role, position=0, attempts=claim.job.attempts)
    return _Failure(FileOfTake(wanted, row, None), MediaGone("There is no link to the file."))


def _save(
    deps: Deps, claim: Claim, file: FileOfTake, video: Video, ours: dict[int, str], *, last: bool
) -> None:
    """Write down that a file is ours; with the last one the take is complete.

    ours: position -> id of those that were ours before; this one is among them afterwards. The first of them
    is the take's video: the main file, or where a person does without it the next.
    """
    values: JobColumns = {"fetched_bytes": video.size_bytes, "fetch_total_bytes": video.size_bytes}

    def keep(session: Session) -> JobColumns:
        kept = videos.insert_or_restore(session, video)
        row = file.row.model_dump() | {
            "video_id": kept.id, "attempts": 0, "error": None, "seen_sha256": None, "given_up_at": None,
        }  # fmt: skip
        take_files.put_rows(session, [TakeFile(**row)])
        ours[file.row.position] = kept.id
        return {"video_id": ours[min(ours)]} if last or file.row.position == 0 else {}

    if last and claim.job.outputs and any(kept.get("url") is None for kept in claim.job.outputs):
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


def _try_later(
    deps: Deps, claim: Claim, failed: list[_Failure], *, home: int, known: Sequence[TakeFile] = ()
) -> None:
    """Try again later, without a limit; now and then ask the provider for fresh links first.

    A file whose link is dead, and whose result is dead, too, is lost as far as anybody can tell. A take
    that has nothing else says so; one that has other files waits for a person, or for the link's return.
    What a program of the schema before had left at the provider is then done without.
    """
    gone = [each for each in failed if isinstance(each.error, MediaGone)]
    doubted = gone or any(
        isinstance(each.error, MediaBroken | MediaDenied) or each.attempts % NEW_LINK_EVERY == 0
        for each in failed
    )
    links = _fresh_links(deps, claim) if doubted else {}
    all_lost = len(gone) == len(failed) and all(each.in_a_row >= policy.LOST_AFTER for each in gone)
    if links is None and all_lost and not home and claim.job.state == JobState.RENDERED:
        _lost(deps, claim, gone[0].error)
        return
    if links is None and all_lost and _was_left(claim.job, failed):
        _do_without(deps, claim, failed)
        return
    troubles = [_trouble(claim, each) for each in failed]
    rows = [each.as_row(trouble) for each, trouble in zip(failed, troubles, strict=True)]
    soonest = min(rows, key=lambda row: row.attempts)

    def keep(session: Session) -> JobColumns:
        take_files.put_rows(session, [*rows, *known])  # an older program's have none, and links may change
        return links or {}

    shown = _of_several(troubles[0], failed, home) if home or len(failed) > 1 else troubles[0]
    claim.defer(
        due_in_s=policy.backoff_s(soonest.attempts),
        also=keep,
        attempts=rows[0].attempts,
        error=shown.as_json(),
    )


def _was_left(job: Job, failed: Sequence[_Failure]) -> bool:
    """Did a program that knew of one file a take leave these?"""
    return (
        job.state == JobState.STORED
        and job.outputs is None
        and all(each.file.video is None for each in failed)
    )


def _do_without(deps: Deps, claim: Claim, failed: Sequence[_Failure]) -> None:
    """It was stored without these, and nobody has them any more; a person can ask for them again."""
    now = deps.clock.now()
    message = "The provider has it no more; an older version of Dailies fetched the main file alone."
    trouble = Trouble(LOST, message, Charged.YES, "The take goes without it.", now)
    rows = [TakeFile(**(each.as_row(trouble).model_dump() | {"given_up_at": now})) for each in failed]

    def keep(session: Session) -> JobColumns:
        take_files.put_rows(session, rows)
        return {}

    claim.defer(due_in_s=0, also=keep, attempts=0, error=None)
    log.warning("done without", extra={"job": claim.job.id, "files": len(rows)})


def _trouble(claim: Claim, failure: _Failure) -> Trouble:
    next_step = NEW_LINK_TEXT if isinstance(failure.error, MediaGone) else AGAIN_TEXT
    return claim.trouble(failure.error, Charged.YES, next_step)


def _of_several(trouble: Trouble, failed: list[_Failure], home: int) -> Trouble:
    """The trouble of one file, with how many others there are."""
    number = home + len(failed)
    first = f"{home} of {number} files are here. {failed[0].file.wanted.role}: {trouble.message}"
    return replace(trouble, message=first)


def _fresh_links(deps: Deps, claim: Claim) -> JobColumns | None:
    """The result as the provider gives it now; {} when it can't be asked, None when it has none any more."""
    if claim.job.request_id is None:
        return None
    try:
        result = deps.get_provider(claim.job.provider).result(request_ref(claim.job))
    except ProviderBusy:
        return {}
    except ProviderForgot:
        return None
    if not isinstance(result, Finished):
        return None
    files = _renewed(claim.job, result.files)
    main = main_first(files)[0]
    return {
        "result_url": main.url,
        "result_size_bytes": main.size_bytes,
        "result": result.output,
        "outputs": [file.as_json() for file in files],
    }


def _renewed(job: Job, fresh: Sequence[OutputFile]) -> list[OutputFile]:
    """What was named before, with its new links, and what is named now besides: nothing paid is forgotten."""
    links = {file.role: file for file in fresh}
    before = [OutputFile.of(kept) for kept in job.outputs or []]
    known = {file.role for file in before}
    return [links.get(file.role, file) for file in before] + [one for one in fresh if one.role not in known]


def _lost(deps: Deps, claim: Claim, error: MediaError) -> None:
    trouble = Trouble(
        code=LOST,
        message="The video was made, and is lost: the provider has neither the file nor the result any more. "
        f"{error}",
        charged=Charged.YES,
        next_step="The provider is still asked now and then for a day. Should it bring it back, it is taken.",
        at=deps.clock.now(),
    )
    log.error("lost", extra={"job": claim.job.id, "request": claim.job.request_id})
    claim.record(
        JobEvent.LOST, due_in_s=policy.LATE_VIDEO_FIRST_S, error=trouble.as_json(), polls=0, attempts=0
    )


def warm_up_sandbox() -> None:
    """Have the process that checks files ready before the first file comes."""
    try:
        sandbox.warm_up()
    except MediaError as error:
        log.warning("files can't be checked yet", extra={"why": str(error)})
