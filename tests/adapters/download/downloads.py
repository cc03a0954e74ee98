"""What the tests of downloads share."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from backend.domain.errors import MediaUnreachable
from backend.media.download.address_guard import AddressGuard
from backend.media.download.download import DownloadedFile, download_file

HERE = AddressGuard(["127.0.0.1/32"])
BODY = bytes(range(256)) * 4096 * 3  # 3 MiB
ETAG = '"abc123"'


def note(part: Path) -> Path:
    """What a part is resumed by."""
    return part.with_name(part.name + ".json")


def cut_at(url: str, path: Path, **options: Any) -> None:
    """A try that is cut short."""
    with pytest.raises(MediaUnreachable):
        download_file(url, path, guard=HERE, **options)


def assert_whole(got: DownloadedFile, part: Path, body: bytes = BODY) -> None:
    """The file is there, and is what was told of it."""
    assert part.read_bytes() == body
    assert (got.path, got.size_bytes) == (part, len(body))
    assert got.sha256 == hashlib.sha256(body).hexdigest()


def cut_short(media: Any, path: Path, **validator: Any) -> None:
    """A try of which 5,000 bytes came."""
    cut_at(media.at("/v", lambda e: e.offer(BODY, upto=5000, **(validator or {"ETag": ETAG}))), path)


def chunked(exchange: Any, body: bytes, *, size: int = 10**9) -> None:
    """Answer with a file of unknown length, in chunks of so many bytes."""
    exchange.answer("200 OK", Content_Length=None, Transfer_Encoding="chunked")
    for at in range(0, len(body), size):
        piece = body[at : at + size]
        exchange.send(b"%x\r\n%s\r\n" % (len(piece), piece))
    exchange.send(b"0\r\n\r\n")
