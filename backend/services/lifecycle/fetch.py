"""Bring a finished video home: stream, hash, judge, place, then the row."""

import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

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
    StorageFull,
    StoreUnavailable,
)
from backend.domain.states import JobEvent, JobState
from backend.domain.trouble import Charged, Trouble
from backend.media.decode import inspect, sandbox
from backend.media.decode.inspect import VideoInfo
from backend.media.download.download import DownloadedFile, download_file
from backend.media.partial import folder as parts_folder
from backend.media.partial.partial_file import remove_part
from backend.models import JobColumns, Video
from backend.providers.base import Finished
from backend.services.deps import Deps
from backend.services.lifecycle.claims import Claim
from backend.services.lifecycle.poll import request_ref
from backend.services.retry_write import retry_write
from backend.store.records import videos

log = logging.getLogger(__name__)

#: Progress is written to the row this often at the most, in seconds: a person looks, a disk writes.
PROGRESS_EVERY_S = 0.5
#: The size that the provider states is believed this often. Should it contradict the file's own lengths
#: for ever, a whole video that was paid for would never come home; then the check of the file decides.
SIZE_TRUSTED_TRIES = 5
#: Faults after which the link itself is doubted and the provider is asked for the result again.
NEW_LINK_EVERY = 5


def fetch_video(deps: Deps, claim: Claim) -> None:
    """Fetch one rendered job's file, or a stored job's file that has gone missing.

    Afterwards the job is `stored` with a whole, hashed file; or as before, due again after a
    back-off, with the reason on the row; or `failed` when the provider has lost what it made.
    """
    folder = deps.settings.parts_dir
    part = folder / parts_folder.part_name(claim.job.id, claim.lease_token)
    poster = folder / parts_folder.part_name(f"{claim.job.id}-poster", claim.lease_token)
    try:
        got = _download(deps, claim, part)
        probed = inspect.inspect_video(part, poster=poster)
        video = _place(deps, got, probed, part, poster)
        remove_part(part)
        retry_write(deps, lambda: _save(claim, video))
    except Interrupted:
        claim.defer(due_in_s=0)
    except MediaGone as error:
        _renew_link(deps, claim, error)
    except MediaError as error:
        if isinstance(error, MediaBroken):
            remove_part(part)
        _again(deps, claim, error)
    finally:
        poster.unlink(missing_ok=True)


def _download(deps: Deps, claim: Claim, part: Path) -> DownloadedFile:
    job = claim.job
    if not job.result_url:
        raise MediaGone("There is no link to the file.")
    try:
        deps.settings.parts_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFull(f"The data folder can't be written to ({error.strerror}).") from error
    return download_file(
        job.result_url,
        part,
        guard=deps.guard,
        limits=deps.limits,
        promised_bytes=job.result_size_bytes if job.attempts < SIZE_TRUSTED_TRIES else None,
        on_progress=_reporter(deps, claim),
        leftover=next(iter(parts_folder.find_leftovers(deps.settings.parts_dir, job.id)), None),
    )


def _reporter(deps: Deps, claim: Claim) -> Callable[[int, int | None], None]:
    """Puts bytes of bytes on the row now and then; stops the download when the worker or the claim ends."""
    last = deps.clock.monotonic()

    def report(done: int, total: int | None) -> None:
        nonlocal last
        if deps.stopping.is_set():
            raise Interrupted("the worker is stopping")
        if deps.clock.monotonic() - last < PROGRESS_EVERY_S:
            return
        last = deps.clock.monotonic()
        with suppress(StoreUnavailable):  # bytes come without it, too
            claim.update(fetched_bytes=done, fetch_total_bytes=total)

    return report


def _place(deps: Deps, got: DownloadedFile, probed: VideoInfo, part: Path, poster: Path) -> Video:
    """Move the file and its poster into storage; afterwards both are whole and durable there."""
    key = f"{got.sha256}.{probed.extension}"
    poster_key = f"posters/{got.sha256}.webp" if poster.exists() else None
    if poster_key:
        deps.storage.put_file(poster, poster_key)
    deps.storage.put_file(part, key)
    now = deps.clock.now()
    return Video(
        id=deps.clock.new_id(),
        sha256=got.sha256,
        key=key,
        content_type=probed.content_type,
        size_bytes=got.size_bytes,
        duration_s=probed.duration_s,
        width=probed.width,
        height=probed.height,
        fps=probed.fps,
        codec=probed.codec,
        poster_key=poster_key,
        created_at=now,
        checked_at=now,
    )


def _save(claim: Claim, video: Video) -> None:
    values: JobColumns = {"fetched_bytes": video.size_bytes, "fetch_total_bytes": video.size_bytes}

    def keep(session: Session) -> JobColumns:
        return {"video_id": videos.insert_or_restore(session, video).id}

    if claim.job.state == JobState.STORED:
        values |= {"error": None, "attempts": 0}
        claim.defer(due_in_s=0, also=keep, **values)
    else:
        claim.record(JobEvent.SAVED, due_in_s=0, also=keep, **values)  # its bill and its preview come next
    log.info("stored", extra={"job": claim.job.id, "size_bytes": video.size_bytes})


def _again(deps: Deps, claim: Claim, error: MediaError) -> None:
    """Try again later, without a limit; now and then ask the provider for a fresh link first."""
    attempts = claim.job.attempts + 1
    next_step = "The provider has the video; fetching it is tried again by itself."
    trouble = claim.trouble(error, Charged.YES, next_step)
    changes: JobColumns = {"attempts": attempts, "error": trouble.as_json()}
    if isinstance(error, MediaBroken | MediaDenied) or attempts % NEW_LINK_EVERY == 0:
        changes |= _fresh_link(deps, claim) or {}
    log.warning("not fetched", extra={"job": claim.job.id, "why": str(error), "attempts": attempts})
    claim.defer(due_in_s=policy.backoff_s(attempts), **changes)


def _renew_link(deps: Deps, claim: Claim, error: MediaGone) -> None:
    """The link is dead: take the provider's new one; when that is gone too, say loudly that it is lost."""
    seen = claim.faults_in_a_row(error.code)
    new_link = _fresh_link(deps, claim)
    if new_link is None and seen >= policy.LOST_AFTER and claim.job.state == JobState.RENDERED:
        _lost(deps, claim, error)
        return
    next_step = "The link to the file is dead; the provider is asked for the result again by itself."
    trouble = claim.trouble(error, Charged.YES, next_step)
    changes: JobColumns = {"attempts": seen, "error": trouble.as_json(), **(new_link or {})}
    claim.defer(due_in_s=policy.backoff_s(seen), **changes)


def _fresh_link(deps: Deps, claim: Claim) -> JobColumns | None:
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
    return {"result_url": result.url, "result_size_bytes": result.size_bytes}


def _lost(deps: Deps, claim: Claim, error: MediaGone) -> None:
    trouble = Trouble(
        code="lost",
        message="The video was made, and is lost: the provider has neither the file nor the result any more. "
        f"{error}",
        charged=Charged.YES,
        next_step="The provider is still asked now and then for a day. Should it bring it back, it is taken.",
        at=deps.clock.now(),
    )
    log.error("lost", extra={"job": claim.job.id, "request": claim.job.request_id})
    values: JobColumns = {"error": trouble.as_json(), "polls": 0, "attempts": 0}
    claim.record(JobEvent.LOST, due_in_s=policy.LATE_VIDEO_FIRST_S, **values)


def warm_up_sandbox() -> None:
    """Have the process that checks files ready before the first file comes."""
    try:
        sandbox.warm_up()
    except MediaError as error:
        log.warning("files can't be checked yet", extra={"why": str(error)})
