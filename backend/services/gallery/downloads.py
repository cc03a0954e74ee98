"""What people save of a take: a file under a name that says what it is, and all of its files as one ZIP."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from backend.domain.errors import NotFound
from backend.media.archive import Packed, stream_zip
from backend.media.file_names import slug, unique_names
from backend.models import Job, Video
from backend.services.deps import Deps
from backend.services.gallery.take_files import FileOfTake, load_files
from backend.store.jobs import jobs
from backend.store.records import videos

#: A take with fewer files has nothing to be put together.
FILES_MIN = 2
#: How much of prompt and role stands in a name.
PROMPT_MAX_BYTES, ROLE_MAX_BYTES = 100, 60


@dataclass(frozen=True)
class Archive:
    """A ZIP on its way. size_bytes: so many bytes will come; `chunks` raises where one can't be had."""

    name: str
    size_bytes: int
    chunks: Iterator[bytes]


def whole_files(files: Sequence[FileOfTake]) -> list[tuple[FileOfTake, Video]]:
    """The files of a take that are ours and whole, the main one first."""
    return [(file, file.video) for file in files if file.video and file.video.missing_at is None]


def download_name(job: Job, file: FileOfTake, video: Video) -> str:
    """What a file of this take is saved as; what it is within the output stands in it, the main one aside."""
    role = "" if file.row.position == 0 else slug(file.wanted.role, ROLE_MAX_BYTES)
    return f"{_name(job, role)}.{video.key.rsplit('.', 1)[-1]}"


def open_archive(deps: Deps, job_id: str) -> Archive:
    """All files of a take that are here, as they are, as a ZIP.

    Raises:
        NotFound: there is no such take, or nothing of it is here. MediaError: storage can't be asked now.
    """
    with deps.store.read() as session:
        job = jobs.get(session, job_id)
        main = videos.get(session, job.video_id) if job.video_id else None
        (files,) = load_files(deps, session, [(job, main)])
    here = whole_files(files)
    if not here:
        raise NotFound("No file of this take is here.")
    names = unique_names([download_name(job, file, video) for file, video in here])
    packed = [
        Packed(name, video.size_bytes, partial(deps.storage.open, video.key))
        for name, (_, video) in zip(names, here, strict=True)
    ]
    try:
        size_bytes, chunks = stream_zip(packed)
    except FileNotFoundError:
        raise NotFound("A file of this take is not there. It is being fetched again.") from None
    return Archive(f"{_name(job, 'all')}.zip", size_bytes, chunks)


def _name(job: Job, part: str) -> str:
    words = [slug(job.prompt, PROMPT_MAX_BYTES) or "take", part, job.id[-6:]]
    return "-".join(word for word in words if word)
