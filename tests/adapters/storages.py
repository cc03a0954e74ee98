"""What the tests of storage share: a file that is to be kept, its keys, and a storage in a bucket."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from backend.media.storage import s3, s3_client
from backend.media.storage.s3 import S3Storage
from backend.media.storage.s3_client import Bucket
from tests import bucket

CONTENT, SHA = b"video", "ab" * 32
POSTER, PREVIEW = f"posters/{SHA}.webp", f"previews/{SHA}.webm"


def key_of(content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()}.mp4"


VIDEO = key_of(CONTENT)


def part(folder: Path, content: bytes = CONTENT) -> Path:
    """A finished file on its way."""
    path = folder / "job.owner.part"
    path.write_bytes(content)
    return path


def bucket_storage(url: str, name: str, **more: Any) -> S3Storage:
    how = {"prefix": "films", "access_key": bucket.KEY, "secret_key": bucket.SECRET, **more}
    return S3Storage(Bucket(**{"name": name, **how}, endpoint=url))


def share_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client serves every bucket of its server: made once of each kind, which takes a tenth of a second."""

    def make_client(asked: Bucket, *, quick: bool = False) -> Any:
        return _client(asked.endpoint, asked.access_key, asked.secret_key, quick, *_patience())

    monkeypatch.setattr(s3, "make_client", make_client)


def _patience() -> tuple[Any, ...]:
    """All that a test may change of how long a client waits."""
    return s3_client.READ_S, s3_client.CALL_S, s3_client.CHECK_CALL_S, s3_client.MAX_ATTEMPTS


@cache
def _client(endpoint: str, access_key: str, secret_key: str, quick: bool, *_patience: Any) -> Any:
    one = Bucket("films", endpoint=endpoint, access_key=access_key, secret_key=secret_key)
    return s3_client.make_client(one, quick=quick)
