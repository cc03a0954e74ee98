"""A local file into a bucket: in one request, or in numbered parts that become one object at the end.

Nothing is visible under the object's name before the last word; an upload that fails is aborted, so that
nobody pays for its parts.

Source: Amazon S3 API, "CompleteMultipartUpload" and "Multipart upload limits"; on `If-None-Match: *`,
"How to prevent object overwrites with conditional writes".
"""

import base64
import contextlib
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from backend.media.partial.partial_file import map_disk_errors

#: What is smaller travels in one request. Stores take parts from 5 MiB up.
PART_BYTES = 8 * 1024 * 1024
#: Stores take no more parts than this.
MAX_PARTS = 10_000
#: Parts on their way at once: with more, memory grows and the line is no wider.
PARALLEL_PARTS = 4


@dataclass(frozen=True)
class UploadSource:
    """What is brought. read: so many bytes from there on; sha256: hex, which is kept beside the object."""

    read: Callable[[int, int], bytes]
    size_bytes: int
    sha256: str
    content_type: str


@dataclass(frozen=True)
class WriteMode:
    """Which of S3's guards an upload asks for; not every store that speaks S3 knows them.

    checksums: the store compares every byte with a SHA-256 that goes along. conditions: whatever is there
    already stays, and the store answers 412.
    """

    checksums: bool = True
    conditions: bool = True


@dataclass(frozen=True)
class UploadTarget:
    """Where it goes, and with which guards. only_new: for an object that must not be there yet."""

    client: Any
    bucket: str
    name: str
    only_new: bool
    mode: WriteMode = WriteMode()

    @property
    def object_args(self) -> dict[str, Any]:
        return {"Bucket": self.bucket, "Key": self.name}

    @property
    def write_condition(self) -> dict[str, str]:
        return {"IfNoneMatch": "*"} if self.only_new and self.mode.conditions else {}

    def checksum(self, body: bytes) -> dict[str, str]:
        """What goes along with these bytes."""
        return {"ChecksumSHA256": _digest(body)} if self.mode.checksums else {}


def upload_object(content: UploadSource, target: UploadTarget, *, in_parts: bool) -> None:
    """Afterwards the object is there, as the store says.

    in_parts: what is larger than `PART_BYTES` has to be.

    Raises:
        ClientError, BotoCoreError: it is not, or nobody can tell; no part of it is left, if the store
            could still be told.
        StorageFull: the source itself can't be read.
    """
    if in_parts:
        _put_parts(content, target)
    else:
        _put(content, target)


def abort_uploads(client: Any, bucket: str, name: str) -> None:
    """Abort every unfinished upload of this very object: by now it is there, whole."""
    with contextlib.suppress(BotoCoreError, ClientError):
        found = client.list_multipart_uploads(Bucket=bucket, Prefix=name).get("Uploads", [])
        for one in found:
            if one["Key"] == name:
                client.abort_multipart_upload(Bucket=bucket, Key=name, UploadId=one["UploadId"])


def _kept(content: UploadSource) -> dict[str, Any]:
    return {"ContentType": content.content_type, "Metadata": {"sha256": content.sha256}}


def _put(content: UploadSource, target: UploadTarget) -> None:
    body = content.read(0, content.size_bytes)
    how = {**target.object_args, **target.write_condition, **target.checksum(body), **_kept(content)}
    target.client.put_object(**how, Body=body)


def _put_parts(content: UploadSource, target: UploadTarget) -> None:
    algorithm = {"ChecksumAlgorithm": "SHA256"} if target.mode.checksums else {}
    begun = target.client.create_multipart_upload(**target.object_args, **_kept(content), **algorithm)
    upload_id = begun["UploadId"]
    try:
        parts = _send_parts(content, target, upload_id)
        how = {**target.object_args, **target.write_condition}
        target.client.complete_multipart_upload(**how, UploadId=upload_id, MultipartUpload={"Parts": parts})
    except BaseException:
        # Had only the answer been lost, there is nothing left to abort, and this does no harm.
        with contextlib.suppress(BotoCoreError, ClientError):
            target.client.abort_multipart_upload(**target.object_args, UploadId=upload_id)
        raise


def _send_parts(content: UploadSource, target: UploadTarget, upload_id: str) -> list[dict[str, Any]]:
    step = max(PART_BYTES, -(-content.size_bytes // MAX_PARTS))

    def send(number: int) -> dict[str, Any]:
        body = content.read(number * step, step)
        checksum = target.checksum(body)
        answer = target.client.upload_part(
            **target.object_args, **checksum, UploadId=upload_id, PartNumber=number + 1, Body=body
        )
        return {"PartNumber": number + 1, "ETag": answer["ETag"], **checksum}

    pool = ThreadPoolExecutor(PARALLEL_PARTS, thread_name_prefix="upload")
    try:
        return list(pool.map(send, range(-(-content.size_bytes // step))))
    finally:
        pool.shutdown(cancel_futures=True)


def read_at(handle: int, start: int, size: int) -> bytes:
    """So many bytes of an open file from there on, or up to its end. Raises StorageFull: it can't be read."""
    pieces, left = [], size
    with map_disk_errors():
        while left and (piece := os.pread(handle, left, start + size - left)):
            pieces.append(piece)
            left -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _digest(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()
