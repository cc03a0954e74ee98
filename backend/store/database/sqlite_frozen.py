"""A database file on a disk that takes nothing more, because it is full or mounted read-only: still read.

Whoever opens a database in WAL mode first makes two small files beside it, and can't there. Nobody else can
have it open then, nor write to it, so it is read as a file that never changes, for as long as this lasts.

Source: sqlite.org/wal.html, "Read-Only Databases".
"""

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Dialect, Engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

#: With less room nobody opens a database to write: its index of the log alone takes 32 KiB.
_LEAST_BYTES = 64 * 1024


def listen_to(engine: Engine) -> None:
    """Have this engine open such files, and let go of them when their disk can be written to again."""
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "checkout", _check)


def is_frozen(info: Mapping[str, Any]) -> bool:
    """Is what the pool knows of a connection that its file was frozen when it was opened?"""
    return "frozen" in info


def _connect(_dialect: Dialect, record: ConnectionPoolEntry, args: tuple[Any, ...], more: Any) -> Any:
    """A connection to a frozen file; None: to any other, as usual."""
    record.info.pop("frozen", None)
    path = Path(args[0]).resolve()
    if not _is_frozen(path):
        return None
    record.info["frozen"] = path
    return sqlite3.connect(f"file:{quote(str(path))}?immutable=1", uri=True, **more)


def _check(_connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    path = record.info.get("frozen")
    if path is not None and not _is_frozen(path):
        raise InvalidatePoolError


def _is_frozen(path: Path) -> bool:
    """Can nobody write to this file, and is all that was written in it? A log beside it would have more."""
    if path.with_name(f"{path.name}-wal").exists():
        return False
    try:
        disk = os.statvfs(path)
    except OSError:
        return False
    no_inode = disk.f_files > 0 and disk.f_favail == 0
    return bool(disk.f_flag & os.ST_RDONLY) or no_inode or disk.f_bavail * disk.f_frsize < _LEAST_BYTES
