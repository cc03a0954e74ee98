"""Whole files in a local folder.

Source: for fsync of file, rename and fsync of folder, Pillai et al., "All File Systems Are Not
Created Equal", OSDI 2014.
"""

import contextlib
import errno
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from backend.media.partial.partial_file import CHUNK_BYTES, map_disk_errors
from backend.media.storage.base import DRAFT_MAX_AGE_S, READ_FLAGS, regular_size, valid_key

#: How files begin that are not whole yet; no key begins like this.
_DRAFT = ".draft-"

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class LocalStorage:
    """A folder on a disk of this machine. Files get mode 0640, folders 0750.

    Links that were planted inside are never followed: a folder or a file that is a link isn't there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def put_file(self, part: Path, key: str) -> None:
        """See `Storage`. A part on another file system is copied under a hidden name first."""
        folder, name = _split(key)
        with map_disk_errors(self.root), self._folder(folder, make=True) as where:
            try:
                handle = os.open(part, READ_FLAGS)
            except FileNotFoundError:
                if _size(name, where) is None:
                    raise
                return  # placed before, by a call that was cut short after it
            try:
                if _size(name, where) != regular_size(handle):
                    os.fchmod(handle, 0o640)
                    os.fsync(handle)
                    _bring_in(part, handle, name, where)
            finally:
                os.close(handle)
            os.fsync(where)
            part.unlink(missing_ok=True)

    def local_path(self, key: str) -> Path | None:
        """See `Storage`."""
        if self.size(key) is None:
            raise FileNotFoundError(errno.ENOENT, "no such file in storage", key)
        return self.root / key

    def open(self, key: str, *, start: int = 0) -> BinaryIO:
        """See `Storage`."""
        folder, name = _split(key)
        try:
            with self._folder(folder) as where:
                handle = os.open(name, READ_FLAGS, dir_fd=where)
        except OSError as error:
            if error.errno in _IS_LINK:
                raise FileNotFoundError(errno.ENOENT, "no such file in storage", key) from error
            raise
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise FileNotFoundError(errno.ENOENT, "no regular file in storage", key)
        file = os.fdopen(handle, "rb")
        file.seek(start)
        return file

    def size(self, key: str) -> int | None:
        """See `Storage`."""
        folder, name = _split(key)
        with contextlib.suppress(FileNotFoundError), self._folder(folder) as where:
            return _size(name, where)
        return None

    def remove(self, key: str) -> None:
        """See `Storage`."""
        folder, name = _split(key)
        with contextlib.suppress(FileNotFoundError), self._folder(folder) as where:
            os.unlink(name, dir_fd=where)
            os.fsync(where)

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """See `Storage`."""
        for folder in ("", *self._folders()):
            start = f"{folder}/" if folder else ""
            if start.startswith(prefix[: len(start)]):
                yield from (key for key in self._keys_in(folder, start) if key.startswith(prefix))

    def direct_link(
        self, key: str, *, expires_s: int, content_type: str | None = None, download_as: str | None = None
    ) -> str | None:
        """None: whoever has the root serves the bytes."""
        return None

    def link_origins(self) -> tuple[str, ...]:
        """None: it has no links."""
        return ()

    def free_bytes(self) -> int | None:
        """See `Storage`. A root that doesn't exist yet has room for nothing."""
        try:
            return shutil.disk_usage(self.root).free
        except OSError:
            return 0

    def check_answers(self) -> None:
        """See `Storage`."""
        self.check_writable()

    def check_writable(self) -> str:
        """See `Storage`: writes a small hidden file, and removes it."""
        with map_disk_errors(self.root), self._folder("", make=True) as where:
            name = f"{_DRAFT}{secrets.token_hex(8)}"
            handle = os.open(name, _DRAFT_FLAGS, 0o600, dir_fd=where)
            try:
                os.write(handle, bytes(4096))
                os.fsync(handle)
            finally:
                os.close(handle)
                os.unlink(name, dir_fd=where)
        return ""

    def remove_unfinished(self, *, older_than_s: float = DRAFT_MAX_AGE_S) -> int:
        """Remove drafts that a crash left behind; return how many."""
        removed = 0
        for folder in ("", *self._folders()):
            with contextlib.suppress(OSError), self._folder(folder) as where:
                for name in os.listdir(where):
                    if name.startswith(_DRAFT) and _age_s(name, where) >= older_than_s:
                        os.unlink(name, dir_fd=where)
                        removed += 1
        return removed

    @contextlib.contextmanager
    def _folder(self, name: str, *, make: bool = False) -> Iterator[int]:
        """A handle on the root, or on one folder in it that is no link. FileNotFoundError: not there."""
        if make:
            self.root.mkdir(mode=0o750, parents=True, exist_ok=True)
        root = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            handle = _enter(root, name, make=make) if name else os.dup(root)
        finally:
            os.close(root)
        try:
            yield handle
        finally:
            os.close(handle)

    def _folders(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError), os.scandir(self.root) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        return []

    def _keys_in(self, folder: str, start: str) -> Iterator[str]:
        with contextlib.suppress(FileNotFoundError), os.scandir(self.root / folder) as entries:
            for entry in entries:
                if valid_key(start + entry.name) and entry.is_file(follow_symlinks=False):
                    yield start + entry.name


#: What opening a link without following it gives.
_IS_LINK = frozenset({errno.ELOOP, errno.ENOTDIR})
_DRAFT_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def _split(key: str) -> tuple[str, str]:
    if not valid_key(key):
        raise ValueError(f"{key[:200]!r} is no key")
    folder, _, name = key.rpartition("/")
    return folder, name


def _enter(root: int, name: str, *, make: bool) -> int:
    """A handle on a folder in the root."""
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o750, dir_fd=root)
            os.fsync(root)
    try:
        return os.open(name, _FOLDER, dir_fd=root)
    except OSError as error:
        if make or error.errno not in _IS_LINK:
            raise
        raise FileNotFoundError(errno.ENOENT, "no such folder in storage", name) from error


def _size(name: str, where: int) -> int | None:
    """Bytes of a regular file; None: there is none, or something else by that name."""
    try:
        found = os.stat(name, dir_fd=where, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _age_s(name: str, where: int) -> float:
    return time.time() - os.stat(name, dir_fd=where, follow_symlinks=False).st_mtime


def _bring_in(part: Path, handle: int, name: str, where: int) -> None:
    """Give the synced part its final name; whatever was there by that name is replaced."""
    try:
        os.rename(part, name, dst_dir_fd=where)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_in(handle, name, where)


def _copy_in(source: int, name: str, where: int) -> None:
    draft = f"{_DRAFT}{secrets.token_hex(8)}"
    target = os.open(draft, _DRAFT_FLAGS, 0o640, dir_fd=where)
    try:
        with os.fdopen(target, "wb", buffering=0) as file:
            os.fchmod(target, 0o640)
            while chunk := os.read(source, CHUNK_BYTES):
                view = memoryview(chunk)
                while view:
                    view = view[file.write(view) :]
            os.fsync(target)
        os.rename(draft, name, src_dir_fd=where, dst_dir_fd=where)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft, dir_fd=where)
        raise
