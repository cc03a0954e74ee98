"""Where whole files lie: one small interface, whatever is behind it.

Only whole files ever lie there under a key, each with its final name; what is on its way lies
elsewhere. A key is `<sha256>.mp4`, or that in one folder: `posters/<sha256>.webp`.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

#: A folder, lower case, at most one; then a name that starts with a letter or digit; then an ending.
_KEY = re.compile(r"(?:[a-z0-9][a-z0-9_-]{0,31}/)?[A-Za-z0-9][A-Za-z0-9_-]{0,127}\.[a-z0-9]{1,8}")
#: A draft this old belongs to nobody: copying the largest file takes minutes.
DRAFT_MAX_AGE_S = 24 * 3600.0

#: A part is read, a file is served: never through a link, never waiting for a pipe.
READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Storage(Protocol):
    """A place for whole files, by key. Where it can't be asked now, every method raises a `MediaError`.

    Every method raises ValueError for a key that `valid_key` refuses: keys are ours, so that is a bug.
    """

    def put_file(self, part: Path, key: str) -> None:
        """Move a finished local file in. Afterwards it is whole, durable, and `part` is gone.

        Where the key is there already with the same size, that file stays: keys name contents.

        Raises:
            StorageFull: it can't be taken now; `part` stays.
        """

    def local_path(self, key: str) -> Path | None:
        """A local path to serve from; None: it is remote. Raises FileNotFoundError: no regular file there."""

    def open(self, key: str, *, start: int = 0) -> BinaryIO:
        """The bytes from there on; FileNotFoundError as for `local_path`."""

    def size(self, key: str) -> int | None:
        """Bytes; None: not there."""

    def remove(self, key: str) -> None:
        """Afterwards it is not there, whether it was or not."""

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Every key that begins like this, in no order."""

    def direct_link(
        self, key: str, *, expires_s: int, content_type: str | None = None, download_as: str | None = None
    ) -> str | None:
        """A link that the store itself answers, for so long; None: serve the bytes yourself.

        download_as: the name under which a browser saves it instead of showing it.
        """

    def link_origins(self) -> tuple[str, ...]:
        """Where its links lead (scheme, host, port), for pages that load from there; empty: nowhere."""

    def free_bytes(self) -> int | None:
        """How much more fits; None: nobody can tell."""

    def remove_unfinished(self) -> int:
        """Remove what killed processes left half-placed; return how many."""

    def check_answers(self) -> None:
        """Is it there now? Asked more often than the next. Raises StorageFull: no; says what to do."""

    def check_writable(self) -> str:
        """Can it be written to now, as the work does it? What else a person should know of it, or nothing.

        Raises:
            StorageFull: no; the message says what to do.
        """


def valid_key(key: str) -> bool:
    """Could this be a key? Nothing hidden, absolute, above the root, over-long or oddly spelt is."""
    return _KEY.fullmatch(key) is not None


def regular_size(handle: int) -> int:
    """Bytes of an open file. Raises OSError: it is a folder, a pipe or the like."""
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "the part is no regular file")
    return found.st_size
