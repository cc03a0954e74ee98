"""A photo as people upload it, made safe to keep and to send: checked, turned upright, its metadata gone.

The picture is drawn anew from its pixels, so what else was in the file (where it was taken, with
which phone, a second picture, a script) is not in ours. A child process does it.
"""

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from backend.domain.errors import InvalidRequest, PayloadTooLarge
from backend.media.decode import sandbox
from backend.media.partial.partial_file import CHUNK_BYTES, map_disk_errors, remove_quietly

#: A 40-megapixel JPEG of a good camera has 15 to 25 MiB.
MAX_BYTES = 32 * 1024 * 1024
#: Phones make up to 50 with effort and 12 by default; models look at 1 to 4.
MAX_PIXELS = 40_000_000
#: The largest photo takes about four seconds on one busy core.
CLEAN_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class CleanPhoto:
    """A photo of ours. `path` is the part that it was given."""

    path: Path
    sha256: str
    extension: str  #: jpg, or png where something is see-through
    content_type: str
    size_bytes: int
    width: int
    height: int


def clean_photo(
    source: IO[bytes] | bytes, part: Path, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS
) -> CleanPhoto:
    """Draw an uploaded photo anew into `part` (mode 0600, replaced when it is there).

    source: JPEG, PNG or WebP, told by content. The result is upright, in sRGB, without metadata.

    Raises:
        PayloadTooLarge: more than `max_bytes`.
        InvalidRequest: `file` is at fault; the message says what to do. Nothing is left behind.
        StorageFull: our own disk will not take it.
    """
    raw = part.with_name(f"{part.name}.raw")
    try:
        with map_disk_errors():
            part.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            raw.unlink(missing_ok=True)
            _keep(io.BytesIO(source) if isinstance(source, bytes) else source, raw, max_bytes)
        return _redrawn(raw, part, max_pixels)
    except BaseException as error:
        remove_quietly(part)
        if isinstance(error, sandbox.RejectedFile):
            raise InvalidRequest({"file": f"This photo can't be used: {error}."}) from error
        raise
    finally:
        remove_quietly(raw)


def _redrawn(raw: Path, part: Path, max_pixels: int) -> CleanPhoto:
    found = sandbox.run_task(
        f"{sandbox.CHILD_PACKAGE}.picture:clean_upload",
        CLEAN_TIMEOUT_S,
        source=str(raw),
        target=str(part),
        max_pixels=max_pixels,
    )
    with map_disk_errors(), open(part, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return CleanPhoto(path=part, sha256=sha256, size_bytes=file.tell(), **found)


def _keep(source: IO[bytes], raw: Path, max_bytes: int) -> None:
    """Copy the upload to a file, as long as it stays within the limit."""
    handle = os.open(raw, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    taken = 0
    with os.fdopen(handle, "wb") as file:
        while chunk := source.read(CHUNK_BYTES):
            taken += len(chunk)
            if taken > max_bytes:
                limit = f"{max_bytes / 1024**2:.0f} MiB"
                raise PayloadTooLarge(f"The photo is larger than {limit}; make it smaller.")
            file.write(chunk)
    if not taken:
        raise InvalidRequest({"file": "The file is empty; choose a JPEG, PNG or WebP photo."})
