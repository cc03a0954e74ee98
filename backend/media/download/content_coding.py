"""A body that comes coded, though it was asked for as it is: undone as browsers do, where it really is coded.

Object stores keep whatever label a file was given, and hand it out with bytes that are plain
("aws-chunked", "utf-8", "gzip"). So the bytes decide, and a label alone changes nothing.

Source: RFC 9110, section 8.4; RFC 1952 and 1950 (how the two begin).
"""

import zlib
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from backend.domain.errors import MediaUnreachable
from backend.media.partial.partial_file import CHUNK_BYTES

_GZIP_MAGIC = b"\x1f\x8b\x08"
GZIP, ZLIB = "gzip", "deflate"
#: zlib's own numbers for the two wrappings.
_BITS = {GZIP: 31, ZLIB: 15}


class MiscodedBody(Exception):
    """It begins as what it is labelled, and does not go on so: it is to be taken as it is."""


def find_coding(labels: Sequence[str] | None) -> str | None:
    """The coding that an answer's Content-Encoding names, of those that can be undone here."""
    names = [part.strip().lower() for label in labels or () for part in label.split(",")]
    return next(
        (GZIP if name == "x-gzip" else name for name in names if name in (GZIP, "x-gzip", ZLIB)), None
    )


def undo_coding(coding: str | None, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes of the file itself, in pieces of a bounded size.

    coding: what `find_coding` found.

    Raises:
        MiscodedBody: what comes can't be undone. MediaUnreachable: it ends in the middle.
    """
    begun = b""
    while len(begun) < len(_GZIP_MAGIC) and (chunk := next(chunks, b"")):
        begun += chunk
    if coding is None or not _begins_as(coding, begun):
        yield begun
        yield from chunks
        return
    inflate: Any = zlib.decompressobj(_BITS[coding])
    for chunk in chain([begun], chunks):
        rest = chunk
        while rest:
            if inflate.eof:
                if rest[0] != _GZIP_MAGIC[0]:  # padding
                    break
                inflate = zlib.decompressobj(_BITS[coding])
            try:
                yield inflate.decompress(rest, CHUNK_BYTES)
            except zlib.error as error:
                raise MiscodedBody(str(error)) from error
            rest = inflate.unconsumed_tail or inflate.unused_data
    yield inflate.flush()
    if not inflate.eof:
        raise MediaUnreachable("The connection ended before the file did.")


def _begins_as(coding: str, begun: bytes) -> bool:
    if coding == GZIP:
        return begun.startswith(_GZIP_MAGIC)
    return len(begun) > 1 and begun[0] & 0x0F == 8 and int.from_bytes(begun[:2]) % 31 == 0
