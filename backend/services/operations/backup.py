"""Back up while everything runs, and restore: the database first, then the files that it names.

Files are named by their content and never change, so copying them after the database leaves at most some
too many. A folder that holds an older backup is brought up to date: only new files are copied.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from backend.domain.errors import SettingsError, StoreUnavailable
from backend.domain.place import sqlite_url
from backend.media.partial.partial_file import CHUNK_BYTES
from backend.media.storage.base import Storage
from backend.media.storage.local import LocalStorage
from backend.services.deps import Deps
from backend.services.operations.watch.backups import record_backup
from backend.store.database.engine import Store
from backend.store.database.schema import copies
from backend.store.records import videos

DATABASE = "dailies.db"
KEY_FILE = "secret_key"
BATCH_SIZE = 500
_VIDEO = re.compile(r"([0-9a-f]{64})\.[a-z0-9]+")

OnProgress = Callable[[str], None]


@dataclass
class BackupResult:
    """What was done. problems: a line for each file that is missing or altered."""

    files: int = 0
    new_files: int = 0
    has_secret: bool = False
    problems: list[str] = field(default_factory=list)


def back_up(deps: Deps, folder: Path, *, on_progress: OnProgress) -> BackupResult:
    """Copy database, files and secret into a folder, while everything runs.

    Afterwards `folder` holds a whole backup: database and files as they were when it began, or newer
    files; everybody is told how old it is. If it is cut short, the folder's older backup is still whole.

    Raises:
        SettingsError: the database is a server's, or the folder can't be used.
    """
    copies.database_path(deps.store)
    began_at = deps.clock.now()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = folder / f".{DATABASE}.draft"
        copies.make_copy(deps.store, draft, at=deps.clock.now(), on_progress=on_progress)
        done = _copy_files(deps.storage, LocalStorage(folder / "media"), folder / "parts", on_progress)
        done.problems += _unkept(draft, LocalStorage(folder / "media"))
        done.has_secret = _copy_secret(deps.settings.data_dir / KEY_FILE, folder / KEY_FILE)
        _put(draft, folder / DATABASE)
    except OSError as error:
        raise SettingsError(f"The backup to {folder} failed: {error.strerror or error}") from error
    try:
        record_backup(deps, began_at=began_at, problems=len(done.problems), place=str(folder.resolve()))
    except StoreUnavailable as error:  # it is whole all the same
        on_progress(f"the backup is made, and Operations can't be told so: {error.why}")
    return done


def restore_backup(deps: Deps, folder: Path, *, on_progress: OnProgress) -> BackupResult:
    """Put a backup in the place of nothing: files first, so that a restored database finds them.

    Afterwards the database is there, and the first process that opens it holds what may have been sent
    since the backup (see `after_restore`).

    Raises:
        SettingsError: there is a database already, or no whole backup.
    """
    target = copies.database_path(deps.store)
    beside = [target.with_name(target.name + end) for end in ("", "-wal", "-shm", "-journal")]
    if there := [path.name for path in beside if path.exists()]:
        raise SettingsError(
            f"{' and '.join(there)} in {target.parent} is there already: stop everything, and move it away "
            "first. What ends in -wal and -shm is a part of the old database: move it with it."
        )
    if not (folder / DATABASE).is_file():
        raise SettingsError(f"{folder} holds no backup: there is no {DATABASE} in it.")
    try:
        storage = deps.open_storage(deps.settings.resolved_storage_url)
        done = _copy_files(LocalStorage(folder / "media"), storage, deps.settings.parts_dir, on_progress)
        done.has_secret = _restore_secret(deps, folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.draft")
        shutil.copyfile(folder / DATABASE, draft)
        _put(draft, target)
    except OSError as error:
        raise SettingsError(f"The restore from {folder} failed: {error.strerror or error}") from error
    return done


def _copy_files(source: Storage, target: Storage, parts: Path, on_progress: OnProgress) -> BackupResult:
    """Bring over what is not there yet; what is altered is left out."""
    done = BackupResult()
    parts.mkdir(parents=True, exist_ok=True, mode=0o750)
    for key in source.list_keys():
        done.files += 1
        size_bytes = source.size(key)
        if size_bytes is None or target.size(key) == size_bytes:
            continue
        part = parts / f"copy-{os.getpid()}"
        if not _copy_one(source, key, part):
            done.problems.append(f"{key} is altered; it was left out")
            part.unlink(missing_ok=True)
            continue
        target.put_file(part, key)
        done.new_files += 1
        on_progress(f"{done.files} files, {done.new_files} new")
    return done


def _copy_one(source: Storage, key: str, part: Path) -> bool:
    """Copy a file; is it what its name says?"""
    digest = hashlib.sha256()
    with source.open(key) as file, part.open("wb") as copy:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            copy.write(chunk)
    named = _VIDEO.fullmatch(key)
    return named is None or named[1] == digest.hexdigest()


def _unkept(database: Path, files: Storage) -> list[str]:
    """A line for each video that the copied database names and that was not to be had."""
    store, last_id, bad = Store(sqlite_url(database)), "", list[str]()
    try:
        while True:
            with store.read() as session:
                batch = videos.list_after(session, last_id, limit=BATCH_SIZE)
            if not batch:
                return bad
            bad += [f"{video.key} is missing" for video in batch if files.size(video.key) != video.size_bytes]
            last_id = batch[-1].id
    finally:
        store.close()


def _copy_secret(source: Path, target: Path) -> bool:
    """The secret that was made on first start; one that is given by the environment stays there."""
    if not source.is_file():
        return False
    draft = target.with_name(f".{target.name}.draft")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(source.read_bytes())
    _put(draft, target)
    return True


def _restore_secret(deps: Deps, folder: Path) -> bool:
    """Put the secret back, unless one is given: then links and webhook tokens are that one's."""
    ours = deps.settings.data_dir / KEY_FILE
    made = ours.is_file() and ours.read_text().strip() == deps.settings.secret_key.get_secret_value()
    return made and _copy_secret(folder / KEY_FILE, ours)


def _put(draft: Path, target: Path) -> None:
    """Give a finished file its name; after a power cut it is there whole, or the older one is."""
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(draft, target)
    handle = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
