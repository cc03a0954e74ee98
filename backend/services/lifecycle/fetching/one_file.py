"""One file's way home: stream or decode it, hash it, judge it, place it."""

import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from backend.domain.errors import (
    CheckUnfinished,
    Interrupted,
    MediaBroken,
    MediaGone,
    StorageFull,
    StoreUnavailable,
)
from backend.domain.links import file_identity
from backend.domain.output_files import read_inline
from backend.media.decode import inspect
from backend.media.decode.inspect import FileInfo
from backend.media.download.download import DownloadedFile, download_file
from backend.media.partial import folder as parts_folder
from backend.media.partial.partial_file import mark_whole, open_part, remove_part
from backend.models import Video
from backend.services.deps import Deps
from backend.services.gallery.take_files import FileOfTake
from backend.services.lifecycle.claims import Claim

log = logging.getLogger(__name__)

#: Progress is written to the row this often at the most, in seconds: a person looks, a disk writes.
PROGRESS_EVERY_S = 0.5
#: The size that the provider states is believed this often. Should it contradict the file's own lengths
#: for ever, a whole video that was paid for would never come home; then the check of the file decides.
SIZE_TRUSTED_TRIES = 5


#: A check that takes too long or crashes is begun anew so often, half a minute of pauses in all, before the
#: file counts as one that can't be checked: other work may have had the machine.
CHECK_TRIES = 5


class NotBelievedYet(MediaBroken):
    """It came whole, as far as lengths tell, and can't be checked: kept once the same bytes come again."""

    def __init__(self, message: str, sha256: str) -> None:
        super().__init__(message)
        self.sha256 = sha256


def bring_home(deps: Deps, claim: Claim, file: FileOfTake) -> Video:
    """Fetch one file and place it in storage, whole and durable; returns its row, which is not written yet.

    Raises:
        Interrupted: this worker is stopping.
        NotBelievedYet, MediaError: it did not come home; what can be gone on from stays.
    """
    name = claim.job.id if file.row.position == 0 else f"{claim.job.id}--{file.row.position}"
    folder = deps.settings.parts_dir
    part = folder / parts_folder.part_name(name, claim.lease_token)
    poster = folder / parts_folder.part_name(
        f"{name}-poster" if "--" in name else f"{name}--poster", claim.lease_token
    )
    try:
        got = _download(deps, claim, file, name, part)
        found = inspect.inspect_file(
            part,
            poster=poster,
            source=file.wanted.url,
            said=file.wanted.content_type,
            must_finish=_checks_again(file, got),
        )
        _believe(file, got, found)
        video = _place(deps, got, found, part, poster)
    except MediaBroken:
        remove_part(part)
        raise
    except CheckUnfinished:
        if file.wanted.url is None:  # its bytes are on the row
            remove_part(part)
        else:
            mark_whole(part, sha256=got.sha256, of=file_identity(file.wanted.url))
        raise
    finally:
        poster.unlink(missing_ok=True)
    remove_part(part)
    return video


def _checks_again(file: FileOfTake, got: DownloadedFile) -> bool:
    """Is a check that did not end begun anew? Not of what a person wants kept, nor of what came so twice."""
    settled = file.row.keep_unchecked or got.sha256 == file.row.seen_sha256
    return not settled and file.times_in_a_row(CheckUnfinished.code) < CHECK_TRIES


def _download(deps: Deps, claim: Claim, file: FileOfTake, name: str, part: Path) -> DownloadedFile:
    try:
        deps.settings.parts_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFull(f"The data folder can't be written to ({error.strerror}).") from error
    wanted, tries = file.wanted, file.row.attempts
    if wanted.url is None:
        return _write_inline(read_inline(claim.job.result, wanted.role), part)
    return download_file(
        wanted.url,
        part,
        guard=deps.guard,
        limits=deps.limits,
        promised_bytes=wanted.size_bytes if tries < SIZE_TRUSTED_TRIES else None,
        on_progress=_reporter(deps, claim),
        leftover=next(iter(parts_folder.find_leftovers(deps.settings.parts_dir, name)), None),
    )


def _write_inline(content: bytes, part: Path) -> DownloadedFile:
    """A file that stands in the output itself."""
    if not content:
        raise MediaGone("There is no link to the file.")
    with open_part(part, None) as file:
        file.write(content)
    return DownloadedFile(part, hashlib.sha256(content).hexdigest(), len(content), None)


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


def _believe(file: FileOfTake, got: DownloadedFile, found: FileInfo) -> None:
    """A file that can't be checked is kept when a person says so, or when the same bytes came twice.

    Raises:
        NotBelievedYet: neither is so. MediaBroken: a page came in place of a file.
    """
    if found.checked or file.row.keep_unchecked:
        return
    if found.in_place_of_a_file:
        raise MediaBroken(f"What arrived is no file of the take: {found.problem}.")
    if got.sha256 != file.row.seen_sha256 and file.wanted.url is not None:
        raise NotBelievedYet(f"What arrived is no whole video: {found.problem}.", got.sha256)


def _place(deps: Deps, got: DownloadedFile, found: FileInfo, part: Path, poster: Path) -> Video:
    """Move the file and its poster into storage; afterwards both are whole and durable there."""
    key = f"{got.sha256}.{found.extension}"
    poster_key = f"posters/{got.sha256}.webp" if poster.exists() else None
    if poster_key:
        deps.storage.put_file(poster, poster_key)
    deps.storage.put_file(part, key)
    now = deps.clock.now()
    return Video(
        id=deps.clock.new_id(),
        sha256=got.sha256,
        key=key,
        content_type=found.content_type,
        size_bytes=got.size_bytes,
        duration_s=found.duration_s or 0.0,
        width=found.width or 0,
        height=found.height or 0,
        fps=found.fps,
        codec=found.codec,
        poster_key=poster_key,
        created_at=now,
        checked_at=now,
        kind=found.kind,
        checked=found.checked,
        problem=found.problem or "",
        see_through=found.see_through,
    )
