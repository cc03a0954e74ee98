"""Is this file a whole video? Its length, size, poster and preview, found out in a child process."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.domain.errors import MediaBroken
from backend.media.decode import sandbox
from backend.media.partial.partial_file import remove_quietly

#: Reading all packets of a 50 MB file takes 0.15 s, of a 4 GB one from a slow disk about 20 s.
INSPECT_TIMEOUT_S = 30.0
#: Three seconds of 4K decode in about five on one busy core.
PREVIEW_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class VideoInfo:
    """A whole video. Pixels are as they are shown, a turned phone's video included."""

    extension: str  #: mp4, webm or mov, by content
    content_type: str
    duration_s: float
    width: int
    height: int
    fps: float | None
    codec: str
    has_audio: bool


def inspect_video(
    path: Path, *, poster: Path | None = None, timeout_s: float = INSPECT_TIMEOUT_S
) -> VideoInfo:
    """Judge a file that came home; every packet is read, the first and last pictures are decoded.

    poster: where to draw a picture of it, as WebP and at most 640 pixels wide; replaced when it is there.

    Raises:
        MediaBroken: it is no whole video; the message says why.
        StorageFull: the poster can't be written.
        MediaUnreachable: it can't be checked on this machine now.
    """
    made = [poster] if poster else []
    found = _run(
        "examine_video", "video", made, timeout_s, path=str(path), poster=str(poster) if poster else None
    )
    return VideoInfo(**found)


def make_preview(path: Path, preview: Path, *, timeout_s: float = PREVIEW_TIMEOUT_S) -> None:
    """Draw the first three seconds as a small mute WebM, over what is there. Raises as `inspect_video`."""
    _run("draw_preview", "preview", [preview], timeout_s, path=str(path), preview=str(preview))


def save_frame(path: Path, photo: Path, *, last: bool, timeout_s: float = PREVIEW_TIMEOUT_S) -> None:
    """Write the first or the last picture as a PNG, over what is there. Raises as `inspect_video` does."""
    _run("save_frame_png", "frames", [photo], timeout_s, path=str(path), photo=str(photo), last=last)


def _run(function: str, module: str, made: list[Path], timeout_s: float, **arguments: Any) -> Any:
    """Call a function in a child; when it fails, what it may have begun to write is removed."""
    try:
        return sandbox.run_task(f"{sandbox.CHILD_PACKAGE}.{module}:{function}", timeout_s, **arguments)
    except BaseException as error:
        for path in made:
            remove_quietly(path)
        if isinstance(error, sandbox.RejectedFile):
            raise MediaBroken(f"What arrived is no whole video: {error}.") from error
        raise
