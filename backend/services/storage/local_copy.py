"""Stored files as files of this machine, for work that can't do without one."""

import contextlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from backend.media.partial.partial_file import own_folder
from backend.services.deps import Deps
from backend.services.storage.copy_verified import copy_bytes

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
    with own_folder(deps.settings.parts_dir, LOCAL_COPY_PREFIX) as folder:
        copy = folder / PurePosixPath(key).name
        copy_bytes(deps.storage, key, copy)
        yield copy
