"""One file that is still on its way: locked while it is written, hashed as it grows, resumed later.

Whoever writes a part holds its lock, so a runner that was frozen past its lease can neither lose its
file to another nor write into the other's. What a later try needs to go on lies beside it, in
`<part>.json`.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from backend.domain.errors import StaleState, StorageFull

#: One read or write of a file: at 64 KiB the calls themselves halve the speed.
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class ResumeInfo:
    """What a part was cut from, independent of the link: enough to go on with the rest of the same file.

    etag: strong, with its quotes. last_modified: an HTTP date. boot: after a crash of the machine a
    part may have holes, so it is only believed within the same boot.
    whole: the SHA-256 of the part and what it is all of; None: it is none, or nobody said so.
    """

    etag: str | None
    last_modified: str | None
    total_bytes: int | None
    content_type: str | None
    boot: str
    whole: str | None = None

    @property
    def if_range_value(self) -> str | None:
        """What `If-Range` is given."""
        return self.etag or self.last_modified


class PartialFile:
    """A part, open and locked. Use it as a context; leaving it closes and unlocks, and keeps the file.

    Attributes: `size_bytes` so far, `resume_info` when it can be resumed.

    Raises (all methods):
        StorageFull: our own disk will not take it.
    """

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self.size_bytes = 0
        self.resume_info: ResumeInfo | None = None
        self._handle = handle
        self._sha256 = hashlib.sha256()

    def __enter__(self) -> "PartialFile":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)

    @property
    def sha256(self) -> str:
        """Of all bytes so far, in hex."""
        return self._sha256.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Append and hash."""
        view = memoryview(chunk)
        with map_disk_errors():
            while view:
                view = view[os.write(self._handle, view) :]
        self._sha256.update(chunk)
        self.size_bytes += len(chunk)

    def start_over(self) -> None:
        """Forget everything that is there."""
        with map_disk_errors():
            os.ftruncate(self._handle, 0)
            os.lseek(self._handle, 0, os.SEEK_SET)
            note_path(self.path).unlink(missing_ok=True)
        self._sha256, self.size_bytes, self.resume_info = hashlib.sha256(), 0, None

    def save_resume_info(self, info: ResumeInfo) -> None:
        """Keep what a later try needs to go on from here; a half-written note counts as none."""
        self.resume_info = info
        _write_note(self.path, info)

    def is_whole(self, of: str) -> bool:
        """Is it all of the file that `of` names, as it was marked?"""
        return self.resume_info is not None and self.resume_info.whole == f"{self.sha256} {of}"

    def discard(self) -> None:
        """Remove the file and its note; nothing can be resumed afterwards."""
        remove_part(self.path)

    def resume_existing(self) -> None:
        """Take what is in the file as a beginning, if it can be told what it is the beginning of."""
        origin = _read_note(self.path)
        if origin is None or not (origin.if_range_value or origin.whole) or origin.boot != boot_id():
            return self.start_over()
        with map_disk_errors():
            while chunk := os.read(self._handle, CHUNK_BYTES):
                self._sha256.update(chunk)
                self.size_bytes += len(chunk)
        self.resume_info = origin


def open_part(path: Path, leftover: Path | None = None) -> PartialFile:
    """Open this part for writing, locked: what `leftover` (or an earlier try) left, else a new one.

    A leftover whose lock somebody still holds is left alone.

    Raises:
        StaleState: somebody else is writing this very part.
        StorageFull: our own disk will not take it.
    """
    with map_disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        old = open_locked(path)
        if old is None and leftover is not None and leftover != path:
            old = _move(leftover, path)
        part = PartialFile(path, _create(path) if old is None else old)
    try:
        if old is None:
            part.start_over()
        else:
            part.resume_existing()
    except BaseException:
        part.__exit__()
        raise
    return part


_OLD = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = _OLD | os.O_CREAT | os.O_EXCL


def _create(path: Path) -> int:
    """A new part, opened and locked; made once more when a sweep took it for a dead one in between."""
    os.close(os.open(path, _NEW, 0o600))
    handle = open_locked(path)
    if handle is None:
        os.close(os.open(path, _NEW, 0o600))
        handle = open_locked(path)
    if handle is None:
        raise StaleState(f"{path.name} was removed by somebody else.")
    return handle


def open_locked(path: Path) -> int | None:
    """An existing part, opened and locked; None: there is none. StaleState: somebody else holds it."""
    try:
        handle = os.open(path, _OLD)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(handle), os.stat(path, follow_symlinks=False)):
            raise BlockingIOError
    except FileNotFoundError:  # removed while we opened it
        os.close(handle)
        return None
    except BlockingIOError as error:
        os.close(handle)
        raise StaleState(f"{path.name} is being written by somebody else.") from error
    return handle


def _move(leftover: Path, path: Path) -> int | None:
    """A dead owner's part under our name, opened and locked; None: nothing that we may take."""
    try:
        handle = open_locked(leftover)
    except (StaleState, OSError):
        return None
    if handle is None:
        return None
    try:
        # The note goes first: a part without one is started anew, one with another's would be a mixture.
        with contextlib.suppress(FileNotFoundError):
            os.rename(note_path(leftover), note_path(path))
        os.rename(leftover, path)
    except BaseException:
        os.close(handle)
        raise
    return handle


def remove_part(path: Path) -> None:
    """Remove a part and its note, if they are there."""
    remove_quietly(note_path(path))
    remove_quietly(path)


def remove_quietly(path: Path) -> None:
    """Remove a file, if it is there and can be."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def note_path(path: Path) -> Path:
    """Where the note of a part lies."""
    return path.with_name(f"{path.name}.json")


@contextlib.contextmanager
def own_folder(parts: Path, prefix: str) -> Iterator[Path]:
    """A new folder among the parts, removed at the end; the sweep removes what a killed process left.

    Raises:
        StorageFull: our own disk will not take it.
    """
    with map_disk_errors(parts):
        parts.mkdir(parents=True, exist_ok=True, mode=0o750)
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parts))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def map_disk_errors(where: Path | None = None) -> Iterator[None]:
    """Whatever the operating system says in here, it says about our own disk. where: a folder on it."""
    try:
        yield
    except OSError as error:
        raise StorageFull(f"Our own storage will not take the file: {_reason(error, where)}.") from error


def _reason(error: OSError, where: Path | None) -> str:
    if error.errno == errno.ENOSPC and where is not None and _has_no_inode(where):
        return "the disk has room, and no inode left for one more file; remove files, however small"
    known = {
        errno.ENOSPC: "the disk is full; free some space",
        errno.EDQUOT: "the disk quota is used up; raise it or free some space",
        errno.EROFS: "the disk is read-only",
        errno.EACCES: "this user may not write there",
        errno.EFBIG: "the file is larger than this process may write",
    }
    return known.get(error.errno or 0, error.strerror or str(error))


def _has_no_inode(folder: Path) -> bool:
    """Is it the number of files that is used up? A file system that doesn't count them has none at all."""
    there = next((each for each in (folder, *folder.parents) if each.is_dir()), folder)
    with contextlib.suppress(OSError):
        found = os.statvfs(there)
        return found.f_files > 0 and found.f_favail == 0
    return False


def boot_id() -> str:
    """Which run of this machine this is; empty where that can't be told."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def mark_whole(path: Path, *, sha256: str, of: str) -> None:
    """Note that this part, which nobody writes to any more, is all of the file that `of` names.

    Raises:
        StorageFull: our own disk will not take the note.
    """
    known = _read_note(path) or ResumeInfo(None, None, None, None, boot_id())
    _write_note(path, replace(known, boot=boot_id(), whole=f"{sha256} {of}"))


def _write_note(path: Path, info: ResumeInfo) -> None:
    with map_disk_errors():
        note = note_path(path)
        note.unlink(missing_ok=True)
        handle = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(asdict(info), file)


def _read_note(path: Path) -> ResumeInfo | None:
    try:
        handle = os.open(note_path(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(handle) as file:
            note: dict[str, Any] = json.load(file)
        origin = ResumeInfo(**note)
    except (OSError, ValueError, TypeError):
        return None
    texts = (origin.etag, origin.last_modified, origin.content_type, origin.whole)
    sound = all(text is None or isinstance(text, str) for text in texts) and isinstance(origin.boot, str)
    return origin if sound and isinstance(origin.total_bytes, int | None) else None
