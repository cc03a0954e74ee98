"""Whole files in a bucket of S3 or a compatible store, behind the same interface as a local folder.

An object appears whole or not at all, and carries its SHA-256 with it. Where an answer was lost, the
bucket is asked what is there before anything is called a failure.
"""

import contextlib
import hashlib
import mimetypes
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from backend.domain.errors import MediaError, StorageDown, StorageFull
from backend.media.file_names import content_disposition
from backend.media.partial.partial_file import CHUNK_BYTES, map_disk_errors
from backend.media.storage import s3_upload
from backend.media.storage.base import DRAFT_MAX_AGE_S, READ_FLAGS, regular_size, valid_key
from backend.media.storage.s3_check import (
    CHECK_NAME,
    CHECK_START,
    check_answers,
    check_writes,
    new_check_name,
)
from backend.media.storage.s3_client import Bucket, make_client, map_bucket_errors
from backend.media.storage.s3_upload import UploadSource
from backend.media.storage.s3_writer import BucketWriter, hash_object, open_object

#: How long it is believed that the bucket can be written to, in seconds: trying it costs a dozen requests,
#: and leaves old versions in a bucket that keeps them. A write of the work that fails ends it.
WRITES_TTL_S = 300.0
#: How everything is named that we keep.
_SHA256 = re.compile(r"[0-9a-f]{64}")
#: What is named by its own content; posters and previews are named by their video.
_OF_CONTENT = re.compile(r"(uploads/)?[0-9a-f]{64}\.\w+")


class S3Storage:
    """A prefix of a bucket. Objects that are no keys of ours are left alone. Nothing is asked on creation.

    patient: no page and no sweep waits for it; so questions, too, wait long and are asked again, and no
    slow moment of the bucket's ends a command that runs for hours.

    Raises (all methods, besides what `Storage` says):
        StorageMisconfigured: settings or rights are wrong.
        StorageDown: the bucket doesn't answer as it should now.
    """

    def __init__(self, bucket: Bucket, *, patient: bool = False) -> None:
        self.bucket, self._patient = bucket, patient
        self._start = f"{bucket.prefix}/" if bucket.prefix else ""
        self._lock = threading.Lock()
        self._writer = BucketWriter(bucket)
        self._check_name = self._start + new_check_name()
        self._writes_known_until: float | None = None

    @cached_property
    def client(self) -> Any:
        """Made on first use: that takes a tenth of a second."""
        with map_bucket_errors(self.bucket):
            return make_client(self.bucket)

    @cached_property
    def _quick(self) -> Any:
        """A client for what people and sweeps wait for: one try, and short time-outs."""
        with map_bucket_errors(self.bucket):
            return make_client(self.bucket, quick=not self._patient)

    @cached_property
    def _links(self) -> Any:
        """What signs links: with the address that browsers use, as that is signed, too."""
        public = self.bucket.public_endpoint
        return make_client(replace(self.bucket, endpoint=public)) if public else self.client

    def put_file(self, part: Path, key: str) -> None:
        """See `Storage`.

        Raises:
            StorageFull: the bucket will not take it now, or holds something else under the name of this
                very content; `part` stays.
        """
        name = self._name(key)
        with map_disk_errors():
            try:
                handle = os.open(part, READ_FLAGS)
            except FileNotFoundError:
                if self.size(key) is None:
                    raise
                return  # placed before, by a call that was cut short after it
        try:
            with map_disk_errors():
                read, size = partial(s3_upload.read_at, handle), regular_size(handle)
                content = UploadSource(read, size, _sha256_of(handle), _type_of(key))
            named = PurePosixPath(key).stem == content.sha256
            if not named and _OF_CONTENT.fullmatch(key):  # another worker, or the disk, altered it
                where = self.bucket.display_name
                raise StorageFull(f"The file changed while it was being sent to the {where}.")
            self._bring_in(content, name, named_by_content=named)
        except MediaError:
            self._writes_known_until = None  # the next check writes, whatever was known
            raise
        finally:
            os.close(handle)
        with map_disk_errors():
            part.unlink(missing_ok=True)

    def local_path(self, key: str) -> Path | None:
        """None: there is no local path; whether the object is there is not asked."""
        self._name(key)
        return None

    def open(self, key: str, *, start: int = 0) -> BinaryIO:
        """See `Storage`: the bytes as they come."""
        name = self._name(key)
        with map_bucket_errors(self.bucket, for_object=True):
            return open_object(self.client, self.bucket, name, start)

    def size(self, key: str) -> int | None:
        """See `Storage`. Asked once, quickly: pages and sweeps ask, and can ask again."""
        found = self._head(self._name(key), self._quick)
        return None if found is None else int(found["ContentLength"])

    def remove(self, key: str) -> None:
        """See `Storage`. With versioning on, the bucket still keeps what it was."""
        name = self._name(key)
        with map_bucket_errors(self.bucket):
            self.client.delete_object(Bucket=self.bucket.name, Key=name)

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """See `Storage`."""
        with map_bucket_errors(self.bucket):
            pages = self.client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket.name, Prefix=self._start + prefix):
                for found in page.get("Contents", []):
                    key = found["Key"].removeprefix(self._start)
                    if valid_key(key):
                        yield key

    def direct_link(
        self, key: str, *, expires_s: int, content_type: str | None = None, download_as: str | None = None
    ) -> str | None:
        """See `Storage`: a presigned link, which answers Range as well."""
        wanted = {
            "Bucket": self.bucket.name,
            "Key": self._name(key),
            "ResponseContentType": content_type or _type_of(key),
            "ResponseContentDisposition": content_disposition(download_as) if download_as else "inline",
            "ResponseCacheControl": f"private, max-age={expires_s}, immutable",
        }
        with map_bucket_errors(self.bucket):
            return str(self._links.generate_presigned_url("get_object", Params=wanted, ExpiresIn=expires_s))

    def link_origins(self) -> tuple[str, ...]:
        """See `Storage`."""
        return (self._origin,)

    @cached_property
    def _origin(self) -> str:
        parts = urlsplit(str(self.direct_link(f"{'0' * 64}.mp4", expires_s=1)))
        return f"{parts.scheme}://{parts.netloc}"

    def free_bytes(self) -> int | None:
        """None: a bucket doesn't tell."""
        return None

    def remove_unfinished(self, *, older_than_s: float = DRAFT_MAX_AGE_S) -> int:
        """Abort uploads that a crash left unfinished, and remove what a check left; return how many.

        Those of other tools stay.
        """
        removed, before = 0, datetime.now(UTC) - timedelta(seconds=older_than_s)
        with map_bucket_errors(self.bucket):
            for one in self._pages("list_multipart_uploads", "Uploads", self._start):
                if one["Initiated"] <= before and self._is_ours(one["Key"]):
                    where = {"Bucket": self.bucket.name, "Key": one["Key"], "UploadId": one["UploadId"]}
                    self._quick.abort_multipart_upload(**where)
                    removed += 1
            for one in self._pages("list_objects_v2", "Contents", f"{self._start}{CHECK_START}"):
                if one["LastModified"] <= before and self._is_ours(one["Key"]):
                    self._quick.delete_object(Bucket=self.bucket.name, Key=one["Key"])
                    removed += 1
        return removed

    def _pages(self, call: str, what: str, prefix: str) -> list[dict[str, Any]]:
        """Everything that this way of listing gives."""
        pages = self._quick.get_paginator(call).paginate(Bucket=self.bucket.name, Prefix=prefix)
        return [one for page in pages for one in page.get(what, [])]

    def _is_ours(self, name: str) -> bool:
        """Do we upload under such a name? Without a prefix other tools have theirs beside ours."""
        key = name.removeprefix(self._start)
        named = _SHA256.fullmatch(PurePosixPath(key).stem)
        return CHECK_NAME.fullmatch(key) is not None or (valid_key(key) and named is not None)

    def check_answers(self) -> None:
        """See `Storage`."""
        with map_bucket_errors(self.bucket):
            check_answers(self._quick, self.bucket, self._check_name)

    def check_writable(self) -> str:
        """See `Storage`: does it take and give back what we write? A yes is believed until a write fails."""
        with self._lock, map_bucket_errors(self.bucket):
            until = self._writes_known_until
            if until is None or time.monotonic() >= until:
                check_writes(self._quick, self.bucket, self._writer, self._check_name)
                self._writes_known_until = time.monotonic() + WRITES_TTL_S
        return self._writer.remarks

    def _name(self, key: str) -> str:
        if not valid_key(key):
            raise ValueError(f"{key[:200]!r} is no key")
        return self._start + key

    def _head(self, name: str, client: Any) -> dict[str, Any] | None:
        """What the bucket knows of an object; None: there is none."""
        with contextlib.suppress(FileNotFoundError), map_bucket_errors(self.bucket, for_object=True):
            found: dict[str, Any] = client.head_object(Bucket=self.bucket.name, Key=name)
            if "ContentLength" not in found:  # the line broke within the answer's head
                where = self.bucket.display_name
                raise StorageDown(f"The {where} gave half an answer; it is asked again later.")
            return found
        return None

    def _bring_in(self, content: UploadSource, name: str, *, named_by_content: bool) -> None:
        """Have the object there. One that a name of its content can't mean is never written over."""
        if self._is_there(content, name, named_by_content):
            return
        in_parts = content.size_bytes > s3_upload.PART_BYTES
        how = {"only_new": named_by_content, "in_parts": in_parts}
        with map_bucket_errors(self.bucket):
            try:
                self._writer.write(self.client, content, name, **how)
            except (ClientError, BotoCoreError):
                # The answer may be all that was lost, or another host was first.
                if not self._is_there(content, name, named_by_content):
                    raise
        if in_parts:
            s3_upload.abort_uploads(self.client, self.bucket.name, name)
        if not self._writer.knows(in_parts=in_parts):  # it was away when this process began
            with contextlib.suppress(MediaError):
                self.check_writable()

    def _is_there(self, content: UploadSource, name: str, named_by_content: bool) -> bool:
        """Is this file there already? Posters and previews are named by their video: the first one stays."""
        found = self._head(name, self.client)
        if found is None:
            return False
        in_parts = content.size_bytes > s3_upload.PART_BYTES
        same_size = found["ContentLength"] == content.size_bytes
        if same_size and (not named_by_content or self._sha256(found, name, in_parts) == content.sha256):
            return True
        if named_by_content:
            raise StorageFull(
                f"The {self.bucket.display_name} holds something else as {name} "
                f"({found['ContentLength']} bytes); it is not written over."
            ).for_operators("Remove it: python -m backend verify does, when a take shows it.")
        return False

    def _sha256(self, found: dict[str, Any], name: str, in_parts: bool) -> str:
        """As kept beside the object, where the store vouches for it; else it is read."""
        kept = found.get("Metadata", {}).get("sha256")
        if kept and self._writer.vouches(in_parts=in_parts):
            return str(kept)
        with map_bucket_errors(self.bucket):
            return hash_object(self.client, self.bucket, name)


def _sha256_of(handle: int) -> str:
    digest, at = hashlib.sha256(), 0
    while chunk := os.pread(handle, CHUNK_BYTES, at):
        digest.update(chunk)
        at += len(chunk)
    return digest.hexdigest()


def _type_of(key: str) -> str:
    return mimetypes.types_map.get(PurePosixPath(key).suffix, "application/octet-stream")
