"""One stored file from one store into another, read back there and compared."""

import hashlib
import io
import re
from pathlib import Path, PurePosixPath
from typing import cast

from backend.media.partial.partial_file import CHUNK_BYTES, map_disk_errors, own_folder
from backend.media.storage.base import Storage

#: What folders of copies on their way are called; the sweep removes those that a killed process left.
COPY_PREFIX = "carry-"

_SHA256 = re.compile(r"[0-9a-f]{64}")


class ChecksumMismatch(Exception):
    """A file is not what its name says."""


def file_sha256(storage: Storage, key: str) -> str:
    """The SHA-256 of a stored file's bytes, as they are read now.

    Raises:
        FileNotFoundError: it is not there.
        StorageFull: it can't be read now.
    """
    with storage.open(key) as file:
        return hashlib.file_digest(cast(io.BufferedReader, file), "sha256").hexdigest()


def copy_file(source: Storage, target: Storage, key: str, parts: Path) -> int:
    """Have a stored file in another store as well, compared by its hash; returns the bytes that were copied.

    What is there by that name and is something else is replaced: the source's is proven.

    Raises:
        ChecksumMismatch: the source's file is not what its name says, or did not arrive as it was sent.
        FileNotFoundError: the source has none.
        StorageFull: the source can't be read, or the target will not take it, now.
    """
    if target.size(key) == source.size(key):
        sha256 = file_sha256(source, key)
        _prove(key, sha256)
        if file_sha256(target, key) == sha256:
            return 0
    with own_folder(parts, COPY_PREFIX) as folder:
        copy = folder / PurePosixPath(key).name
        sha256 = copy_bytes(source, key, copy)
        _prove(key, sha256)
        size_bytes = copy.stat().st_size
        if target.size(key) is not None and file_sha256(target, key) != sha256:
            target.remove(key)
        target.put_file(copy, key)
    if file_sha256(target, key) != sha256:
        target.remove(key)
        raise ChecksumMismatch(f"{key} did not arrive as it was sent; it was taken away again")
    return size_bytes


def _prove(key: str, sha256: str) -> None:
    """Videos and photos are named by their own contents, posters and previews by their video's."""
    path = PurePosixPath(key)
    by_own = str(path.parent) in (".", "uploads") and _SHA256.fullmatch(path.stem)
    if by_own and path.stem != sha256:
        raise ChecksumMismatch(f"{key} is not what its name says")


def copy_bytes(storage: Storage, key: str, copy: Path) -> str:
    """Write a stored file's bytes to a new local file; returns their SHA-256. Raises as `copy_file` does."""
    digest = hashlib.sha256()
    with storage.open(key) as source:
        with map_disk_errors():
            target = copy.open("xb", buffering=0)
        with target:
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                with map_disk_errors():
                    target.write(chunk)
    return digest.hexdigest()
