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


def whole(exchange):
    """Answer as an object store does."""
    exchange.offer(BODY, ETag=ETAG)


def chunked(exchange, body):
    """Answer with a file of unknown length."""
    exchange.answer("200 OK", Content_Length=None, Transfer_Encoding="chunked")
    for at in range(0, len(body), 100_000):
        piece = body[at : at + 100_000]
        exchange.send(b"%x\r\n%s\r\n" % (len(piece), piece))
    exchange.send(b"0\r\n\r\n")


@dataclass
class Fetch:
    """Downloads into `part` what the server in `media` answers; an earlier try of it went to `leftover`."""

    media: Any
    part: Path
    leftover: Path

    def __call__(self, does=whole, *, at="/v", to=None, **options) -> DownloadedFile:
        return download_file(self.media.at(at, does), to or self.part, **{"guard": HERE, **options})

    def succeeds(self, does=whole, body=BODY, **options) -> DownloadedFile:
        """The file is there, and is what is told of it."""
        got = self(does, **options)
        assert self.part.read_bytes() == body
        assert (got.path, got.size_bytes) == (self.part, len(body))
        assert got.sha256 == hashlib.sha256(body).hexdigest()
        return got

    def goes_on(self, does=whole, body=BODY, **options) -> DownloadedFile:
        """The same, with what the earlier try left."""
        return self.succeeds(does, body, leftover=self.leftover, **options)

    def fails(self, error, does=whole, why=None, **options):
        """It ends with exactly this error, and leaves nothing."""
        with pytest.raises(error, match=why) as caught:
            self(does, **options)
        assert type(caught.value) is error
        assert list(self.part.parent.iterdir()) == []

    def is_cut(self, does, why=None, **options):
        """It is to be tried again later."""
        with pytest.raises(MediaUnreachable, match=why):
            self(does, **options)

    def begins(self, to=None, **validator):
        """An earlier try, of which 5,000 bytes came."""
        offer = validator or {"ETag": ETAG}
        self.is_cut(lambda e: e.offer(BODY, upto=5000, **offer), to=to or self.leftover)

    def asked_range(self) -> Any:
        """What part of the file the second request was about; None: all of it."""
        return self.media.requests[1].header("Range")
