"""A photo as people upload it, made safe to keep and to send: checked, turned upright, its metadata gone.

The picture is drawn anew from its pixels, so what else was in the file (where it was taken, with
which phone, a second picture, a script) is not in ours. A child process does it.
"""

import hashlib
import io
import math
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from backend.domain.errors import InvalidRequest, PayloadTooLarge
from backend.media.decode import sandbox
from backend.media.partial.partial_file import CHUNK_BYTES, map_disk_errors, remove_quietly

#: A 100-megapixel JPEG of a good camera has 20 to 30 MiB.
MAX_BYTES = 32 * 1024 * 1024
#: Phones make 12 by default and up to 50 with effort, cameras up to 102; models look at 1 to 4.
MAX_PIXELS = 150_000_000
#: A photo of more pixels is kept as one of so many.
KEPT_PIXELS = 40_000_000
#: The largest photo takes about five seconds of one core; more is for machines that do much else.
CLEAN_TIMEOUT_S = 90.0
#: Address space for a photo. Of 150 megapixels a JPEG takes 1.3 GiB (progressive 1.7), a PNG with alpha 1.9,
#: a HEIC 1.4, an AVIF 1.6, a WebP 2.5 (with alpha 3.1); of 48 megapixels a JPEG takes 0.8.
MEMORY_MAX_BYTES = 3328 * 1024**2
#: While one is drawn the others wait: two of the largest would not fit on a small machine.
PHOTOS_AT_ONCE = 1
#: What a person can do about a photo that is too large.
SAVE_SMALLER = "Save it smaller, for example as a JPEG at half its width and height, and choose that."

_turnstile = threading.BoundedSemaphore(PHOTOS_AT_ONCE)


@dataclass(frozen=True)
class CleanPhoto:
    """A photo of ours. `path` is the part that it was given.

    scaled_from: the width and height that it had, when it was larger than what is kept.
    notes: what was done to it that one would want to know, for people.
    """

    path: Path
    sha256: str
    extension: str  #: jpg, or png where something is see-through
    content_type: str
    size_bytes: int
    width: int
    height: int
    scaled_from: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()


def clean_photo(
    source: IO[bytes] | bytes,
    part: Path,
    *,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
    kept_pixels: int = KEPT_PIXELS,
    on_progress: Callable[[float], None] | None = None,
) -> CleanPhoto:
    """Draw an uploaded photo anew into `part` (mode 0600, replaced when it is there).

    source: JPEG, PNG, WebP, HEIC, AVIF or GIF, told by content; of a moving one the first picture. The
    result is upright, in sRGB, without metadata, and has at most `kept_pixels`.
    on_progress: is called with the share of the work that is done.

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
        found = _run(
            "clean_upload", raw, part, max_pixels=max_pixels, kept_pixels=kept_pixels, on_progress=on_progress
        )
        return _described(part, found, *_what_was_done(found))
    except BaseException as error:
        remove_quietly(part)
        if isinstance(error, sandbox.RejectedFile):
            way_out = f". {SAVE_SMALLER}" if str(error) in (sandbox.TOO_LONG, sandbox.TOO_MUCH_MEMORY) else ""
            raise InvalidRequest({"file": _fault(str(error)) + way_out}) from error
        raise
    finally:
        remove_quietly(raw)


def _fault(reason: str) -> str:
    """Why a photo is not taken, as what is said of a field: it follows the field's name, or "It"."""
    return reason.removeprefix("it ") if reason.startswith("it ") else f"can't be read: {reason}"


def draw_smaller(source: Path, part: Path, width: int, height: int) -> CleanPhoto:
    """Draw a photo of ours anew into `part`, in a smaller size.

    Raises:
        RejectedFile: it is not what was kept. StorageFull, MediaUnreachable: not now.
    """
    return _described(part, _run("draw_smaller", source, part, width=width, height=height))


def _run(function: str, source: Path, part: Path, **arguments: Any) -> dict[str, Any]:
    """What a child process made of a picture; others may have to be through first."""
    task = f"{sandbox.CHILD_PACKAGE}.photo:{function}"
    with _turnstile:
        found: dict[str, Any] = sandbox.run_task(
            task,
            CLEAN_TIMEOUT_S,
            memory_bytes=MEMORY_MAX_BYTES,
            source=str(source),
            target=str(part),
            **arguments,
        )
    return found


def _what_was_done(found: dict[str, Any]) -> tuple[tuple[int, int] | None, tuple[str, ...]]:
    """From which size it was scaled, and what people are told."""
    was_wide, was_tall = found["found_size"]
    width, height = found["width"], found["height"]
    scaled = (was_wide, was_tall) != (width, height)
    notes = []
    if scaled:
        notes.append(
            f"Scaled from {was_wide} × {was_tall} px ({was_wide * was_tall / 1e6:.0f} megapixels) to "
            f"{width} × {height} px: at most {KEPT_PIXELS / 1e6:.0f} megapixels are kept."
        )
    if found["moving"]:
        notes.append("It is a moving picture; its first frame was taken.")
    return (was_wide, was_tall) if scaled else None, tuple(notes)


def _described(
    part: Path,
    found: dict[str, Any],
    scaled_from: tuple[int, int] | None = None,
    notes: tuple[str, ...] = (),
) -> CleanPhoto:
    with map_disk_errors(), open(part, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return CleanPhoto(
            path=part,
            sha256=sha256,
            extension=found["extension"],
            content_type=found["content_type"],
            size_bytes=file.tell(),
            width=found["width"],
            height=found["height"],
            scaled_from=scaled_from,
            notes=notes,
        )


def too_many_bytes(size_bytes: int | None, max_bytes: int = MAX_BYTES) -> PayloadTooLarge:
    """The refusal of an upload of so many bytes; None: nobody knows how many."""
    most = f"{max_bytes / 1024**2:.0f} MiB"
    if size_bytes is None:
        return PayloadTooLarge(f"The photo is larger than {most}, the most that is taken. {SAVE_SMALLER}")
    has = math.ceil(size_bytes / 1024**2 * 10) / 10
    return PayloadTooLarge(f"The photo has {has:g} MiB; at most {most} are taken. {SAVE_SMALLER}")


def _keep(source: IO[bytes], raw: Path, max_bytes: int) -> None:
    """Copy the upload to a file, as long as it stays within the limit."""
    handle = os.open(raw, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    taken = 0
    with os.fdopen(handle, "wb") as file:
        while chunk := source.read(CHUNK_BYTES):
            taken += len(chunk)
            if taken > max_bytes:
                raise too_many_bytes(source.seek(0, os.SEEK_END) if source.seekable() else None, max_bytes)
            file.write(chunk)
    if not taken:
        raise InvalidRequest({"file": "The file is empty; choose a photo."})
