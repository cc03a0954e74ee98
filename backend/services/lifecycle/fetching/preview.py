"""What shows a stored video before and instead of it: made once each, after the video is safe."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.domain import policy
from backend.domain.errors import MediaError, StorageFull
from backend.domain.text import join_sentences
from backend.media.decode import inspect
from backend.media.decode.inspect import FileInfo
from backend.media.partial import folder
from backend.models import Job, Video
from backend.services.deps import Deps
from backend.services.gallery.take_files import (
    FileOfTake,
    check_unfinished,
    has_pictures,
    needs_copy,
    never_judged,
)
from backend.services.lifecycle.claims import Claim
from backend.services.storage.local_copy import local_file
from backend.store.records import videos
from backend.store.records.videos import VideoColumns

log = logging.getLogger(__name__)

#: After this many failures a video goes without; its poster is shown instead.
PREVIEW_TRIES_MAX = 3
#: A check that took too long or crashed is made again so often, after a minute first: within four hours.
RECHECKS_MAX = 8
RECHECK_FIRST_S = 60.0
RECHECK_CAP_S = 3600.0
#: A bucket that is down or a disk that is full is no failure of the video: looked for again after this.
STORAGE_RETRY_S = 60.0
#: Copies are made one at a time, since one takes two cores for seconds; the next one asks again after this.
COPY_RETRY_S = 5.0
_copying = threading.Lock()


@dataclass(frozen=True)
class _Drawing:
    """Something that is made or found out of a video. long: it takes seconds of all cores.

    ending: of what is kept in this folder, if it was made; "" where nothing is. note: what the row says
    then, of the video, the key and what `make` returned.
    """

    ending: str
    make: Callable[[Path, Path], Any]
    note: Callable[[Video, str, Any], VideoColumns]
    long: bool = False
    folder: str = "previews"


def _note_copy(video: Video, key: str, ends_at_s: float | None) -> VideoColumns:
    if ends_at_s is None:
        return {"player_key": key}
    seconds = f"its first {ends_at_s:.0f} of {video.duration_s:.0f} seconds"
    return {
        "player_key": key,
        "problem": join_sentences(video.problem, f"What plays is a copy of {seconds}."),
    }


def _note_check(video: Video, key: str, found: FileInfo) -> VideoColumns:
    if not found.checked:  # it was looked into to its end, and is kept as it came
        return {"problem": found.problem}
    return {
        "kind": found.kind, "checked": True, "problem": found.problem or "", "poster_key": key,
        "duration_s": found.duration_s or 0.0, "width": found.width or 0, "height": found.height or 0,
        "fps": found.fps, "codec": found.codec, "see_through": found.see_through, "preview_tries": 0,
    }  # fmt: skip


_SMALL = _Drawing("webm", inspect.make_preview, lambda _, key, __: {"preview_key": key})
_COPY = _Drawing("mp4", inspect.make_playable, _note_copy, long=True)
_JUDGED = _Drawing(
    "",
    lambda source, poster: inspect.inspect_video(source, poster=poster),
    lambda _, __, found: {"problem": found.unplayable or "", "see_through": found.see_through},
)
_CHECK = _Drawing(
    "webp",
    lambda source, poster: inspect.inspect_file(source, poster=poster, must_finish=True),
    _note_check,
    folder="posters",
)


def make_preview(deps: Deps, claim: Claim, files: Sequence[FileOfTake]) -> None:
    """Make the next of what a stored job's files lack; without it the take is just as safe.

    Its main video gets a small, mute preview; and each that browsers can't play a copy that they can. Of an
    older program's it is found out first whether they can. What could not be checked to its end is checked
    again, after all that.
    """
    lacking = [*_lacking(claim.job, files), *_to_check(files)]
    if not lacking:
        claim.defer(due_in_s=None)
        return
    (video, drawing), more = lacking[0], len(lacking) > 1
    with ExitStack() as stack:
        if drawing.long:
            if not _copying.acquire(blocking=False):
                claim.defer(due_in_s=COPY_RETRY_S)
                return
            stack.callback(_copying.release)
        _make(deps, claim, video, drawing, more=more)


def lacks_pictures(job: Job, files: Sequence[FileOfTake]) -> bool:
    """Is there something that `make_preview` would make?"""
    return any(True for _ in _lacking(job, files))


def _lacking(job: Job, files: Sequence[FileOfTake]) -> Iterator[tuple[Video, _Drawing]]:
    for video in (file.video for file in files if file.here):
        if video is None or not has_pictures(video) or video.preview_tries >= PREVIEW_TRIES_MAX:
            continue
        if video.id == job.video_id and video.preview_key is None:
            yield video, _SMALL
        if never_judged(video):
            yield video, _JUDGED
        if needs_copy(video) and video.player_key is None:
            yield video, _COPY


def _to_check(files: Sequence[FileOfTake]) -> Iterator[tuple[Video, _Drawing]]:
    for video in (file.video for file in files if file.here):
        if video is not None and check_unfinished(video) and video.preview_tries < RECHECKS_MAX:
            yield video, _CHECK


def _make(deps: Deps, claim: Claim, video: Video, drawing: _Drawing, *, more: bool) -> None:
    part = deps.settings.parts_dir / folder.part_name(f"{claim.job.id}--preview", claim.lease_token)
    key = f"{drawing.folder}/{video.sha256}.{drawing.ending}"
    try:
        with local_file(deps, video.key) as source:
            made = drawing.make(source, part)
        if drawing.ending and part.exists():
            deps.storage.put_file(part, key)
    except FileNotFoundError:  # the sweep will find that, too
        claim.defer(due_in_s=None)
    except StorageFull as error:
        log.warning("no preview yet", extra={"job": claim.job.id, "why": str(error)})
        claim.defer(due_in_s=STORAGE_RETRY_S)
    except MediaError as error:
        log.warning("no preview", extra={"job": claim.job.id, "why": str(error)})
        tries = video.preview_tries + 1
        with deps.store.begin() as session:
            videos.update_video(session, video.id, preview_tries=tries)
        claim.defer(due_in_s=_pause_s(drawing, tries, more=more))
    else:
        with deps.store.begin() as session:
            videos.update_video(session, video.id, **drawing.note(video, key, made))
        claim.defer(due_in_s=0 if more or drawing in (_JUDGED, _CHECK) else None)
    finally:
        part.unlink(missing_ok=True)


def _pause_s(drawing: _Drawing, tries: int, *, more: bool) -> float | None:
    """Seconds until it is tried again after so many tries that failed; None: never."""
    if drawing is not _CHECK:
        return policy.backoff_s(tries) if more or tries < PREVIEW_TRIES_MAX else None
    pause_s = policy.backoff_s(tries, first_s=RECHECK_FIRST_S, cap_s=RECHECK_CAP_S)
    return pause_s if more or tries < RECHECKS_MAX else None
