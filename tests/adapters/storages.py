"""What the tests of storage share: a file that is to be kept, its keys, and a storage in a bucket."""

import hashlib
from pathlib import Path
from typing import Any

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
