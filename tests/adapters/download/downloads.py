"""What the tests of downloads share."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backend.domain.errors import MediaUnreachable
from backend.media.download.address_guard import AddressGuard
from backend.media.download.download import DownloadedFile, download_file

HERE = AddressGuard(["127.0.0.1/32"])
BODY = bytes(range(256)) * 4096 * 3  # 3 MiB
ETAG = '"abc123"'


def whole(exchange: Any) -> None:
    """Answer as an object store does."""
    exchange.offer(BODY, ETag=ETAG)


def chunked(exchange: Any, body: bytes, *, size: int = 10**9) -> None:
    """Answer with a file of unknown length, in chunks of so many bytes."""
    exchange.answer("200 OK", Content_Length=None, Transfer_Encoding="chunked")
    for at in range(0, len(body), size):
        piece = body[at : at + size]
        exchange.send(b"%x\r\n%s\r\n" % (len(piece), piece))
    exchange.send(b"0\r\n\r\n")


@dataclass
class Fetch:
    """Downloads into `part` what the server in `media` answers; an earlier try of it went to `leftover`."""

    media: Any
    part: Path
    leftover: Path

    def __call__(
        self, does: Any = whole, *, at: str = "/v", to: Path | None = None, **options: Any
    ) -> DownloadedFile:
        return download_file(self.media.at(at, does), to or self.part, **{"guard": HERE, **options})

    def succeeds(self, does: Any = whole, body: bytes = BODY, **options: Any) -> DownloadedFile:
        """The file is there, and is what is told of it."""
        got = self(does, **options)
        assert self.part.read_bytes() == body
        assert (got.path, got.size_bytes) == (self.part, len(body))
        assert got.sha256 == hashlib.sha256(body).hexdigest()
        return got

    def goes_on(self, does: Any = whole, body: bytes = BODY, **options: Any) -> DownloadedFile:
        """The same, with what the earlier try left."""
        return self.succeeds(does, body, leftover=self.leftover, **options)

    def fails(
        self, error: type[Exception], does: Any = whole, why: str | None = None, **options: Any
    ) -> None:
        """It ends with exactly this error, and leaves nothing."""
        with pytest.raises(error, match=why) as caught:
            self(does, **options)
        assert type(caught.value) is error
        assert list(self.part.parent.iterdir()) == []

    def is_cut(self, does: Any, why: str | None = None, **options: Any) -> None:
        """It is to be tried again later."""
        with pytest.raises(MediaUnreachable, match=why):
            self(does, **options)

    def begins(self, to: Path | None = None, **validator: str) -> None:
        """An earlier try, of which 5,000 bytes came."""
        offer = validator or {"ETag": ETAG}
        self.is_cut(lambda e: e.offer(BODY, upto=5000, **offer), to=to or self.leftover)

    def asked_range(self) -> str | None:
        """What part of the file the second request was about; None: all of it."""
        header: str | None = self.media.requests[1].header("Range")
        return header
