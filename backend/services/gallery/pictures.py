"""How a take's files are shown: what plays, which picture stands for one, how long it is."""

from math import gcd

from backend.domain.output_files import FileKind
from backend.models import Job, Video
from backend.services.gallery.figures import clock
from backend.services.gallery.take_files import needs_copy, playing_key

#: kind -> its icon
ICONS: dict[FileKind, str] = {
    FileKind.VIDEO: "movie",
    FileKind.IMAGE: "image",
    FileKind.AUDIO: "graphic_eq",
    FileKind.OTHER: "draft",
}
#: Pictures that browsers draw, by their ending, though nothing here has decoded them.
DRAWN_ENDINGS = frozenset({"gif", "png", "jpg", "webp", "avif"})
#: A file whose sides are nearly of one of these shapes has it: codecs round sides to whole blocks.
RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9", "9:21", "4:5", "5:4")
_NEARLY = 0.02


def poster_key(video: Video) -> str | None:
    """A picture of a stored file: its poster, or itself where it is one that browsers draw."""
    return video.poster_key or (video.key if is_drawn(video) else None)


def is_drawn(video: Video) -> bool:
    """Is it a picture that browsers draw?"""
    return video.kind == FileKind.IMAGE and file_ending(video) in DRAWN_ENDINGS


def shown_as(video: Video) -> tuple[str, str | None]:
    """video, image or audio where browsers play it, none where it can only be saved; and the key of what."""
    playing = playing_key(video)
    if playing is not None:
        return "video", playing
    if needs_copy(video) and video.poster_key is not None:
        return "image", video.poster_key
    if is_drawn(video):
        return "image", video.key
    return ("audio", video.key) if video.kind == FileKind.AUDIO else ("none", None)


def length_words(video: Video | None) -> str:
    """How long a file plays, or in which kind of file a still picture or anything else comes."""
    if video is None:
        return ""
    return clock(video.duration_s) if video.duration_s else file_ending(video).upper()


def file_ending(video: Video) -> str:
    """The ending of its name, in lower case."""
    return video.key.rsplit(".", 1)[-1]


def ratio_of(job: Job, video: Video | None) -> str | None:
    """Width to height: as asked for, else of the file; None: nobody knows yet."""
    asked = job.params.get("aspect_ratio")
    if isinstance(asked, str) and ":" in asked:
        return asked
    if video is None or not video.width or not video.height:
        return None
    shape = video.width / video.height
    for ratio in RATIOS:
        wide, high = map(int, ratio.split(":"))
        if abs(shape * high / wide - 1) < _NEARLY:
            return ratio
    whole = gcd(video.width, video.height)
    return f"{video.width // whole}:{video.height // whole}"
