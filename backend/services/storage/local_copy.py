"""Stored files as files of this machine, for work that can't do without one."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from backend.media.partial.partial_file import CHUNK_BYTES, map_disk_errors
from backend.services.deps import Deps

#: What folders of such copies are called; the sweep removes those that a killed process left.
LOCAL_COPY_PREFIX = "local-"


@contextlib.contextmanager
def local_file(deps: Deps, key: str) -> Iterator[Path]:
    """The file on a local path: its own, or a copy beside the parts that is removed afterwards.

    Raises:
        FileNotFoundError: it is not there.
        StorageFull: it can't be read now, or there is no room for the copy.
    """
    path = deps.storage.local_path(key)
    if path is not None:
        yield path
        return
    with map_disk_errors():
        deps.settings.parts_dir.mkdir(parents=True, exist_ok=True, mode=0o750)
        folder = Path(tempfile.mkdtemp(prefix=LOCAL_COPY_PREFIX, dir=deps.settings.parts_dir))
    try:
        copy = folder / PurePosixPath(key).name
        _bring(deps, key, copy)
        yield copy
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _bring(deps: Deps, key: str, copy: Path) -> None:
    with deps.storage.open(key) as source:
        with map_disk_errors():
            target = copy.open("xb", buffering=0)
        with target:
            while chunk := source.read(CHUNK_BYTES):
                with map_disk_errors():
                    target.write(chunk)
