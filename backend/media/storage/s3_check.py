"""Can a bucket be written to? By writing what the work writes, in the way that the work writes it."""

import hashlib
import re
import secrets
from contextlib import suppress
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from backend.domain.errors import StorageDown
from backend.media.storage.s3_client import Bucket
from backend.media.storage.s3_upload import UploadSource
from backend.media.storage.s3_writer import BucketWriter, hash_object

#: How the names of objects begin that a check writes and removes, and such a name; no key looks like this.
CHECK_START, CHECK_NAME = ".check", re.compile(r"\.check(-[0-9a-f]{16})?")
#: Bytes that a check writes.
CHECK_BYTES = 1024


def new_check_name() -> str:
    """A name for one process: others check at the same moment, and one that is killed leaves one object."""
    return f"{CHECK_START}-{secrets.token_hex(8)}"


def check_answers(client: Any, bucket: Bucket, name: str) -> None:
    """One question that a bucket answers whose name and key are right. Raises ClientError."""
    client.list_objects_v2(Bucket=bucket.name, Prefix=name, MaxKeys=1)


def check_writes(client: Any, bucket: Bucket, writer: BucketWriter, name: str) -> None:
    """Write an object in one request and another in parts, read each back, remove each.

    name: of the object; nobody else may use it.

    Raises:
        ClientError: one of them is refused.
        StorageDown: what was read is not what was written.
    """
    check_answers(client, bucket, name)
    body = secrets.token_bytes(CHECK_BYTES)
    sha256 = hashlib.sha256(body).hexdigest()
    content = UploadSource(lambda start, size: body[start : start + size], len(body), sha256, _TYPE)
    remove = partial(client.delete_object, Bucket=bucket.name, Key=name)
    try:
        for in_parts in (False, True):
            remove()
            writer.write(client, content, name, only_new=True, in_parts=in_parts)
            if hash_object(client, bucket, name) != sha256:
                raise StorageDown(f"The {bucket.display_name} gives back other bytes than were written.")
            if not writer.knows(in_parts=in_parts):
                writer.try_out(client, content, name, in_parts=in_parts)
        remove()
    except BaseException:
        with suppress(BotoCoreError, ClientError):
            remove()
        raise


_TYPE = "application/octet-stream"
