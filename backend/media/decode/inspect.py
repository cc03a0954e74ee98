"""Is this file a whole video? Its length, size, poster and preview, found out in a child process."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.domain.errors import CheckUnfinished, MediaBroken
from backend.domain.output_files import FileKind
from backend.media.decode import file_types, sandbox
from backend.media.decode.sandbox import NO_VIDEO
from backend.media.partial.partial_file import remove_quietly

#: Pictures that are decoded whole.
STILLS = frozenset({"png", "jpg", "webp"})
#: Reading all packets of a 50 MB file takes 0.15 s, of a 4 GB one from a slow disk about 20 s.
INSPECT_TIMEOUT_S = 30.0
#: It ends by itself after 140 s; what a machine that does other things needs to end it comes on top.
PLAYABLE_TIMEOUT_S = 180.0
#: As many seconds of a copy as no model makes.
PLAYABLE_LONGEST_S = 120.0
#: Three seconds of 4K decode in about five on one busy core.
PREVIEW_TIMEOUT_S = 20.0
#: Five seconds of 720p take 0.4 s of a core; a minute of 4K on a busy one most of this.
MEASURE_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class VideoInfo:
    """A whole video. Pixels are as they are shown, a turned phone's video included."""

    extension: str  #: mp4, webm, mkv or mov, by content
    content_type: str
    duration_s: float
    width: int
    height: int
    fps: float | None
    codec: str
    has_audio: bool
    see_through: bool  #: as far as its poster shows; False without one
    unplayable: str | None  #: why browsers can't play it, in a sentence


def inspect_video(
    path: Path, *, poster: Path | None = None, timeout_s: float = INSPECT_TIMEOUT_S
) -> VideoInfo:
    """Judge a file that came home; every packet is read, the first and last pictures are decoded.

    poster: where to draw a picture of it, as WebP and at most 640 pixels wide; replaced when it is there.

    Raises:
        MediaBroken: it is no whole video; the message says why.
        StorageFull: the poster can't be written.
        CheckUnfinished: that took too long, or crashed. MediaUnreachable: no child can be started now.
    """
    made = [poster] if poster else []
    found = _run(
        "examine_video", "video", made, timeout_s, path=str(path), poster=str(poster) if poster else None
    )
    return VideoInfo(**found)


@dataclass(frozen=True)
class FileInfo:
    """What came home, whatever it is. Sizes and lengths are None where a file has none, or nobody knows.

    checked: decoded to its end (a still picture, too); else `problem` says why not. A checked video with a
    problem is one that browsers can't play. in_place_of_a_file: it is a page or the like, where something
    else was to come.
    """

    kind: FileKind
    checked: bool
    problem: str | None
    extension: str
    content_type: str
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    codec: str | None = None
    see_through: bool = False
    in_place_of_a_file: bool = False


def inspect_file(
    path: Path,
    *,
    poster: Path,
    source: str | None = None,
    said: str | None = None,
    must_finish: bool = False,
    timeout_s: float = INSPECT_TIMEOUT_S,
) -> FileInfo:
    """Find out what came home; a whole video gets a poster as by `inspect_video`.

    source: the link that it came from. said: the content type that the output states for it.
    must_finish: what can't be checked to its end is not called unchecked.

    Raises:
        StorageFull, MediaUnreachable: as `inspect_video`. CheckUnfinished: so it is, and `must_finish`.
    """
    with open(path, "rb") as file:
        head = file.read(file_types.HEAD_BYTES)
    still = file_types.read_type(head)
    if still.kind == FileKind.IMAGE and still.extension in STILLS:
        return _inspect_still(path, still, poster, timeout_s, must_finish=must_finish)
    try:
        video = inspect_video(path, poster=poster, timeout_s=timeout_s)
    except (MediaBroken, CheckUnfinished) as error:
        if must_finish and isinstance(error, CheckUnfinished):
            raise
        return _unchecked(head, str(error.__cause__ or error), source, said)
    return FileInfo(
        FileKind.VIDEO, True, video.unplayable, video.extension, video.content_type, video.duration_s,
        video.width, video.height, video.fps, video.codec, video.see_through,
    )  # fmt: skip


def _inspect_still(
    path: Path, kind: file_types.FileType, poster: Path, timeout_s: float, *, must_finish: bool
) -> FileInfo:
    """A picture: decoded whole, its poster drawn; one that can't be is kept as it came."""
    try:
        found = _run("examine_still", "photo", [poster], timeout_s, path=str(path), poster=str(poster))
    except (MediaBroken, CheckUnfinished) as error:
        if must_finish and isinstance(error, CheckUnfinished):
            raise
        problem = f"It is {kind.what} that can't be read: {error.__cause__}."
        return FileInfo(kind.kind, False, problem, kind.extension, kind.content_type)
    return FileInfo(kind.kind, True, None, kind.extension, kind.content_type, **found)


def _unchecked(head: bytes, why: str, source: str | None, said: str | None) -> FileInfo:
    found = file_types.read_type(head, link=source, without_pictures=why == NO_VIDEO)
    problem = f"It is {found.what}, kept as it came: {why}."
    page = found.page and not file_types.is_text_type(said)
    return FileInfo(found.kind, False, problem, found.extension, found.content_type, in_place_of_a_file=page)


def make_preview(path: Path, preview: Path, *, timeout_s: float = PREVIEW_TIMEOUT_S) -> None:
    """Draw the first three seconds as a small mute WebM, over what is there. Raises as `inspect_video`."""
    _run("draw_preview", "preview", [preview], timeout_s, path=str(path), preview=str(preview))


def make_playable(
    path: Path,
    playable: Path,
    *,
    longest_s: float = PLAYABLE_LONGEST_S,
    timeout_s: float = PLAYABLE_TIMEOUT_S,
) -> float | None:
    """Write a video that no browser plays as H.264 in MP4, over what is there, with HD's pixels at the most.

    Returns where the copy ends, in seconds, if that is before the video does. Raises as `inspect_video`.
    """
    ends_at: float | None = _run(
        "draw_playable", "playable", [playable], timeout_s,
        path=str(path), target=str(playable), longest_s=longest_s,
    )  # fmt: skip
    return ends_at


def save_frame(path: Path, photo: Path, *, last: bool, timeout_s: float = PREVIEW_TIMEOUT_S) -> None:
    """Write the first or the last picture as a PNG, over what is there. Raises as `inspect_video` does."""
    _run("save_frame_png", "frames", [photo], timeout_s, path=str(path), photo=str(photo), last=last)


def measure_video(path: Path, *, timeout_s: float = MEASURE_TIMEOUT_S) -> dict[str, float]:
    """frozen_s, black_s, flicker, sharpness of a whole video. Raises as `inspect_video`, but StorageFull."""
    found: dict[str, float] = _run("measure_video", "measure", [], timeout_s, path=str(path))
    return found


def _run(function: str, module: str, made: list[Path], timeout_s: float, **arguments: Any) -> Any:
    """Call a function in a child; when it fails, what it may have begun to write is removed."""
    try:
        return sandbox.run_task(f"{sandbox.CHILD_PACKAGE}.{module}:{function}", timeout_s, **arguments)
    except BaseException as error:
        for path in made:
            remove_quietly(path)
        if isinstance(error, sandbox.UnfinishedTask):
            raise CheckUnfinished(f"All of it came, and could not be checked: {error}.") from error
        if isinstance(error, sandbox.RejectedFile):
            raise MediaBroken(f"What arrived is no whole video: {error}.") from error
        raise
