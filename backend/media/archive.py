"""Files as one ZIP that is made while it is sent: nothing deflated, its size known before its first byte.

What is packed is video, audio and pictures, which don't get smaller. Sizes behind the content, and Zip64
where a file or the whole passes 4 GB, are the library's.
"""

import io
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, Self

import zipstream.ng
from isal import isal_zlib
from zipstream import ZIP_STORED, ZipStream

from backend.domain.errors import MediaBroken

#: So much of a file is in memory at a time. Smaller pieces cost servers more than reading does.
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Packed:
    """A file to go into a ZIP. open: its bytes, of which there must be `size_bytes`."""

    name: str
    size_bytes: int
    open: Callable[[], BinaryIO]

    @classmethod
    def of_bytes(cls, name: str, content: bytes) -> Self:
        """A file that is made here."""
        return cls(name, len(content), lambda: io.BytesIO(content))

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
    archive = _new_archive(sized=True)
    for file in files:
        archive.add(file, file.name, size=file.size_bytes)
    return len(archive), begun(iter(archive))


def stream_files(files: Iterable[Packed]) -> Iterator[bytes]:
    """The bytes of a ZIP of files that are asked for one by one, each once the one before is sent.

    Raises as `stream_zip` does, and whatever the files do.
    """
    archive = _new_archive()
    for file in files:
        archive.add(file, file.name, size=file.size_bytes)
        yield from archive.file()
    yield from archive.footer()


def zip_size(files: Iterable[Packed]) -> int:
    """How many bytes a ZIP of these files has. None of them is opened."""
    archive = _new_archive(sized=True)
    for file in files:
        archive.add(file, file.name, size=file.size_bytes)
    return len(archive)


def begun(chunks: Iterator[bytes]) -> Generator[bytes]:
    """The same chunks, of which the first two are there: of a ZIP a header, and first bytes of a file.

    So what is wrong from the start is told in words, and not by an answer that breaks off.
    """
    return _go_on(list(islice(chunks, 2)), chunks)


def _go_on(first: list[bytes], chunks: Iterator[bytes]) -> Generator[bytes]:
    yield from first
    yield from chunks


def _new_archive(*, sized: bool = False) -> ZipStream:
    """An empty one. Check sums by ISA-L: by zlib they take as long as all else together."""
    zipstream.ng.crc32 = isal_zlib.crc32
    return ZipStream(compress_type=ZIP_STORED, sized=sized)
