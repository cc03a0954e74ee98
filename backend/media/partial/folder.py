"""The folder of files on their way: what they are called, what a dead runner left, what may go.

A part is called `<job id>.<owner token>.part`, with a note beside it while it can be resumed.
"""

import contextlib
import os
import re
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from backend.domain.errors import StaleState
from backend.media.partial.partial_file import open_locked, remove_part

#: A part this young is left alone by a sweep: its claim may be newer than the list of live ones.
MIN_AGE_S = 60.0

_NAME = re.compile(r"(?P<job>[A-Za-z0-9_-]{1,64})\.(?P<owner>[A-Za-z0-9_-]{1,128})\.part")


def part_name(job_id: str, lease_token: str) -> str:
    """The name of the part that this owner of this job writes; ValueError: an id can't be part of one."""
    made = f"{job_id}.{lease_token}.part"
    if not _NAME.fullmatch(made):
        raise ValueError(f"{made[:80]!r} can't be the name of a part")
    return made


def find_leftovers(folder: Path, job_id: str) -> list[Path]:
    """Parts of this job, largest first: the first one is the best to go on from."""
    found = []
    for path, job, _ in _parts(folder):
        with contextlib.suppress(FileNotFoundError):  # its runner ended meanwhile
            if job == job_id:
                found.append((path.lstat().st_size, path))
    return [path for _, path in sorted(found, key=lambda item: item[0], reverse=True)]


def list_claims(folder: Path) -> list[tuple[str, str]]:
    """(job id, owner) of every part."""
    return [(job, owner) for _, job, owner in _parts(folder)]


def remove_dead(
    folder: Path, live_claims: Collection[tuple[str, str]], *, older_than_s: float = MIN_AGE_S
) -> list[str]:
    """Remove every part whose (job id, owner) is not live and whose lock nobody holds; return their names.

    live_claims: those whose lease has not run out. older_than_s: since the file was last written to.
    """
    removed = []
    for path, job, owner in _parts(folder):
        with contextlib.suppress(StaleState, OSError):
            dead = (job, owner) not in live_claims and time.time() - path.lstat().st_mtime >= older_than_s
            handle = open_locked(path) if dead else None
            if handle is not None:
                remove_part(path)
                os.close(handle)
                removed.append(path.name)
    for note in folder.glob("*.part.json"):
        with contextlib.suppress(OSError):
            aged = time.time() - note.lstat().st_mtime >= older_than_s
            if aged and not note.with_suffix("").exists():
                note.unlink()
    return removed


def _parts(folder: Path) -> Iterator[tuple[Path, str, str]]:
    for path in sorted(folder.glob("*.part")):
        match = _NAME.fullmatch(path.name)
        if match:
            yield path, match["job"], match["owner"]
