"""Hash stored files against the database; what is missing or altered is fetched again."""

import contextlib
import errno
from collections.abc import Callable
from dataclasses import dataclass, field

from backend.domain.errors import MediaError, StorageDown
from backend.models import Video
from backend.services.deps import Deps
from backend.services.gallery.take_files import check_unfinished
from backend.services.operations.sweep import look_at, mark_missing, storage_looks_unmounted
from backend.services.storage.copy_verified import file_sha256
from backend.store.records import videos

BATCH_SIZE = 100
#: What is said of storage without a single file, until that is believed.
NOTHING_STORED_TEXT = (
    "Storage holds nothing at all, though the database knows of stored videos. If somebody emptied it, wait "
    "two minutes: by then that is believed, and what is missing is fetched again."
)
NOTHING_STORED_REMEDY = "Mount its folder, or put STORAGE_URL right."


@dataclass
class VerifyResult:
    """What was found. problems: a line for each file that is missing, altered or can't be read."""

    checked: int = 0
    whole: int = 0
    problems: list[str] = field(default_factory=list)


def verify_all(deps: Deps, *, on_progress: Callable[[str], None]) -> VerifyResult:
    """Hash every stored video. Afterwards each bad one is marked missing and its take is due for a fetch.

    Raises:
        StorageDown, StorageMisconfigured: storage can't be asked, or holds nothing at all and may be away:
            no file is called missing for that. The message says how far it came, and what to do.
    """
    found = VerifyResult()
    try:
        _verify_each(deps, found, on_progress)
    except MediaError as error:
        raise type(error)(_stopped(error.in_full, found)) from error
    except OSError as error:
        why = f"Storage can't be read ({error.strerror}): is its folder mounted, and may this user read it?"
        raise StorageDown(_stopped(why, found)) from error
    return found


def _verify_each(deps: Deps, found: VerifyResult, on_progress: Callable[[str], None]) -> None:
    last_id = ""
    while True:
        with deps.store.read() as session:
            batch = videos.list_after(session, last_id, limit=BATCH_SIZE)
        if not batch:
            return
        if not last_id:
            _not_away(deps)
        for video in batch:
            _verify(deps, video, found)
            on_progress(f"{found.checked} files, {len(found.problems)} bad")
        last_id = batch[-1].id


def _verify(deps: Deps, video: Video, found: VerifyResult) -> None:
    try:
        sha256 = _sha256(deps, video.key)
    except OSError as error:
        if error.errno != errno.EIO:  # that one says something about this file alone
            raise
        found.checked += 1
        found.problems.append(f"{video.key} can't be read ({error.strerror}); it stays: see to its disk")
        return
    altered = sha256 not in (None, video.sha256)
    if altered:
        deps.storage.remove(video.key)  # makes room for the right one
        sha256 = _sha256(deps, video.key)  # which the place it moves from may hold
    if sha256 == video.sha256:
        found.checked, found.whole = found.checked + 1, found.whole + 1
        with deps.store.begin() as session:
            videos.update_video(session, video.id, checked_at=deps.clock.now(), missing_at=None)
            if check_unfinished(video):
                videos.update_video(session, video.id, preview_tries=0)
                look_at(deps, session, video.id)
        return
    if not altered:
        _not_away(deps)
    found.checked += 1
    what = "is altered" if altered else "is missing"
    found.problems.append(f"{video.key} {what}; it is fetched again while the provider has it")
    with deps.store.begin() as session:
        mark_missing(deps, session, video.id)


def _not_away(deps: Deps) -> None:
    """StorageDown while storage holds nothing at all and that is not believed yet."""
    if storage_looks_unmounted(deps):
        raise StorageDown(NOTHING_STORED_TEXT).for_operators(NOTHING_STORED_REMEDY)


def _sha256(deps: Deps, key: str) -> str | None:
    """The hash of what lies there; None: nothing does."""
    with contextlib.suppress(FileNotFoundError):
        return file_sha256(deps.storage, key)
    return None


def _stopped(why: str, found: VerifyResult) -> str:
    """What happened, what it changed and cost, what to do."""
    if not found.checked:
        return f"Nothing was verified, changed or charged. {why}\nThen run this again."
    bad = "".join(f"\n  {line}" for line in found.problems)
    return (
        f"Stopped after {found.checked} files: {found.whole} whole, {len(found.problems)} bad. Of the others "
        f"nothing was changed, and nothing was charged. {why}\nThen run this again.{bad}"
    )
