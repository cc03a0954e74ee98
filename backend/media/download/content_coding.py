"""A body that comes coded, though it was asked for as it is: undone as browsers do, where it really is coded.

Object stores keep whatever label a file was given, and hand it out with bytes that are plain
("aws-chunked", "utf-8", "gzip"). So the bytes decide, and a label alone changes nothing.

Source: RFC 9110, section 8.4; RFC 1952, 1950, 7932 and 8878 (gzip, zlib, Brotli, Zstandard).
"""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import brotli
from backports import zstd

from backend.media.partial.partial_file import CHUNK_BYTES

#: So much of a body that is none of its label's shows that it isn't.
_HEAD_BYTES = 1024


class MiscodedBody(Exception):
    """It begins as what it is labelled, and does not go on so: it is to be taken as it is."""


class CutBody(MiscodedBody):
    """It goes on as what it is labelled, and ends in the middle."""


class _Decoder(ABC):
    """Undoes one coding. begins: how every body of it begins. ended: nothing more belongs to it.

    hungry: nothing more comes out of it without more going in. rest: what came behind its end.
    """

    begins: bytes = b""
    ended = False
    hungry = True
    rest = b""

    @abstractmethod
    def step(self, data: bytes) -> bytes:
        """The next `CHUNK_BYTES` at the most; what they took no notice of is kept. Raises `_ERRORS`."""


class _Zlib(_Decoder):
    def __init__(self, bits: int, begins: bytes = b"") -> None:
        self.begins, self._zlib = begins, zlib.decompressobj(bits)

    def step(self, data: bytes) -> bytes:
        piece = self._zlib.decompress(self._zlib.unconsumed_tail + data, CHUNK_BYTES)
        self.ended, self.rest = self._zlib.eof, self._zlib.unused_data
        self.hungry = not self._zlib.unconsumed_tail
        return piece


class _Zstd(_Decoder):
    begins = b"\x28\xb5\x2f\xfd"

    def __init__(self) -> None:
        self._zstd: Any = zstd.ZstdDecompressor()

    def step(self, data: bytes) -> bytes:
        piece: bytes = self._zstd.decompress(data, CHUNK_BYTES)
        self.ended, self.rest = self._zstd.eof, self._zstd.unused_data
        self.hungry = self.ended or self._zstd.needs_input
        return piece


class _Brotli(_Decoder):
    def __init__(self) -> None:
        self._brotli: Any = brotli.Decompressor()

    def step(self, data: bytes) -> bytes:
        piece: bytes = self._brotli.process(data, output_buffer_limit=CHUNK_BYTES)
        self.ended = self._brotli.is_finished()
        self.hungry = self.ended or self._brotli.can_accept_more_data()
        return piece


_ERRORS = (zlib.error, zstd.ZstdError, brotli.error)
#: zlib's own numbers stand for its two wrappings.
_DECODERS: dict[str, Callable[[], _Decoder]] = {
    "gzip": lambda: _Zlib(31, b"\x1f\x8b\x08"),
    "x-gzip": lambda: _Zlib(31, b"\x1f\x8b\x08"),
    "deflate": lambda: _Zlib(15),
    "br": _Brotli,
    "zstd": _Zstd,
}


def find_codings(labels: Sequence[str] | None) -> tuple[str, ...]:
    """The codings that an answer's Content-Encoding names, of those that are known here, the last first."""
    names = [part.strip().lower() for label in labels or () for part in label.split(",")]
    return tuple(name for name in reversed(names) if name in _DECODERS)


def undo_codings(codings: Sequence[str], chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes of the file itself, in pieces of a bounded size.

    codings: what `find_codings` found.

    Raises:
        MiscodedBody: what comes can't be undone. CutBody: it ends in the middle.
    """
    for coding in codings:
        chunks = _undo(_DECODERS[coding], chunks)
    yield from chunks


def _undo(make: Callable[[], _Decoder], chunks: Iterator[bytes]) -> Iterator[bytes]:
    begun = b""
    while len(begun) < _HEAD_BYTES and (chunk := next(chunks, b"")):
        begun += chunk
    decoder = make()
    try:
        first = decoder.step(begun) if begun.startswith(decoder.begins) else None
    except _ERRORS:
        first = None
    if first is None:  # plain, whatever its label says
        yield begun
        yield from chunks
        return
    yield first
    for chunk in chain([decoder.rest], chunks):
        rest = chunk
        while rest or not decoder.hungry:
            if decoder.ended:
                if not decoder.begins or rest[:1] != decoder.begins[:1]:  # padding
                    break
                decoder = make()
            try:
                yield decoder.step(rest)
            except _ERRORS as error:
                raise MiscodedBody(str(error)) from error
            rest = decoder.rest
    while not decoder.ended and (piece := decoder.step(b"")):
        yield piece
    if not decoder.ended:
        raise CutBody("it ends in the middle")
