"""Files as one ZIP that is made while it is sent: nothing deflated, its size known before its first byte.

What is packed is video, audio and pictures, which don't get smaller. Sizes behind the content, and Zip64
where a file or the whole passes 4 GB, are the library's.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from zipstream import ZIP_STORED, ZipStream

from backend.domain.errors import MediaBroken

#: So much of a file is in memory at a time.
CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True)
class Packed:
    """A file to go into a ZIP. open: its bytes, of which there must be `size_bytes`."""

    name: str
    size_bytes: int
    open: Callable[[], BinaryIO]

    def __iter__(self) -> Iterator[bytes]:
        left = self.size_bytes
        with self.open() as file:
            while left >= 0 and (chunk := file.read(CHUNK_BYTES)):
                left -= len(chunk)
                yield chunk
        if left:
            raise MediaBroken(f"The file {self.name} is not as long as it should be.")


def stream_zip(files: Iterable[Packed]) -> tuple[int, Iterator[bytes]]:
    """How many bytes the ZIP of these files has, and those bytes, piece by piece; one file at least.

    The first file is opened at once. Where a later one can't be read, or is shorter or longer than it
    should be, the bytes end in an exception: whoever sends them breaks off, and nobody takes the rest for
    a whole ZIP.

    Raises:
        MediaError, FileNotFoundError: the first file can't be read; also while the bytes are taken.
    """
    archive = ZipStream(compress_type=ZIP_STORED, sized=True)
    for file in files:
        archive.add(file, file.name, size=file.size_bytes)
    chunks = iter(archive)
    first = [next(chunks), next(chunks)]  # its header, and its first bytes
    return len(archive), _go_on(first, chunks)


def _go_on(first: list[bytes], chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield from first
    yield from chunks
