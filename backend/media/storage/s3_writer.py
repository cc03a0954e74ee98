"""How objects are written to a store as it is: with the guards of S3 that it knows, and without the others.

Not every store that speaks S3 takes a checksum or a condition with a write. Such a store refuses the
request, each in words of its own, or takes no notice. So a write that is refused is tried in plainer ways,
the plainer way that works is kept for later ones, and whatever the store does not vouch for is read back
and compared.
"""

import hashlib
import io
import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, BinaryIO, cast

from botocore.exceptions import BotoCoreError, ClientError

from backend.domain.errors import StorageDown
from backend.media.partial.partial_file import CHUNK_BYTES
from backend.media.storage import s3_upload
from backend.media.storage.s3_client import Bucket, error_code, error_sentence, is_refusal, map_bucket_errors
from backend.media.storage.s3_upload import UploadSource, UploadTarget, WriteMode

log = logging.getLogger(__name__)

#: The store's word for "there is something by that name already".
_ALREADY_THERE = frozenset({"PreconditionFailed", "412"})
_NOT_NOTICED = "it takes no notice of them"
_NO_CHECKSUMS = "It knows no checksums ({why}): every file is read back and compared after it is written."
_NO_CONDITIONS = (
    "It knows no conditional writes ({why}): we look before we write, and every file is read back and "
    "compared afterwards."
)


class BucketWriter:
    """Writes objects to one bucket, and remembers how it takes them.

    One request and several in parts (`in_parts`) are two matters to a store: each has a mode of its own.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._lock = threading.Lock()
        self._modes = {False: WriteMode(), True: WriteMode()}
        self._compares = dict[bool, bool]()
        self._remarks = dict[str, str]()

    @property
    def remarks(self) -> str:
        """What this store does not know and what is done instead, in sentences; empty: it knows all."""
        return " ".join(self._remarks.values())

    def knows(self, *, in_parts: bool) -> bool:
        """Has this store been tried out?"""
        return in_parts in self._compares

    def vouches(self, *, in_parts: bool) -> bool:
        """Has the store shown that it compares what it is sent with the checksum that goes along?"""
        return self._modes[in_parts].checksums and self._compares.get(in_parts, False)

    def write(self, client: Any, content: UploadSource, name: str, *, only_new: bool, in_parts: bool) -> None:
        """Afterwards the object is there with these very bytes: the store vouches for it, or we read it.

        only_new: what is there already is not written over, if the store can help it.

        Raises:
            ClientError, BotoCoreError: it isn't there, or nobody can tell.
            StorageDown: the bucket gave back other bytes, which were removed.
            StorageFull: the source can't be read.
        """
        mode = self._upload(client, content, name, only_new=only_new, in_parts=in_parts)
        if self.vouches(in_parts=in_parts) and (mode.conditions or not only_new):
            return
        if hash_object(client, self._bucket, name) != content.sha256:
            with suppress(ClientError, BotoCoreError):
                client.delete_object(Bucket=self._bucket.name, Key=name)
            where = self._bucket.display_name
            raise StorageDown(
                f"The {where} gave back other bytes than were written; they are sent again later."
            )

    def try_out(self, client: Any, content: UploadSource, name: str, *, in_parts: bool) -> None:
        """Learn what the store does not say by itself, from an object that `write` has just made.

        A checksum that is wrong must be refused, and so must a second object of a name that has to be new.

        Raises:
            ClientError, BotoCoreError: nobody can tell.
        """
        mode = self._modes[in_parts]
        if mode.conditions and self._takes(client, content, name, only_new=True, in_parts=in_parts):
            self._learn(in_parts, mode := replace(mode, conditions=False), _NOT_NOTICED)
        if mode.checksums and self._takes(client, content, name, wrong=True, in_parts=in_parts):
            self._learn(in_parts, replace(mode, checksums=False), _NOT_NOTICED)
        self._compares[in_parts] = self._modes[in_parts].checksums

    def _takes(
        self,
        client: Any,
        content: UploadSource,
        name: str,
        *,
        in_parts: bool,
        only_new: bool = False,
        wrong: bool = False,
    ) -> bool:
        """Does the store take this once more, over what is there? wrong: with a checksum of other bytes."""
        kind = _WrongChecksum if wrong else UploadTarget
        target = kind(client, self._bucket.name, name, only_new, self._modes[in_parts])
        try:
            s3_upload.upload_object(content, target, in_parts=in_parts)
        except ClientError as error:
            if error_code(error) in _ALREADY_THERE or is_refusal(error):
                return False
            raise
        return True

    def _upload(
        self, client: Any, content: UploadSource, name: str, *, only_new: bool, in_parts: bool
    ) -> WriteMode:
        """The mode in which it was taken; which is that of later ones."""
        ways, said = list(_plainer(self._modes[in_parts], only_new=only_new)), ""
        for mode in ways:
            target = UploadTarget(client, self._bucket.name, name, only_new, mode)
            try:
                s3_upload.upload_object(content, target, in_parts=in_parts)
            except ClientError as error:
                if mode == ways[-1] or not is_refusal(error):
                    raise
                said = error_sentence(error)
                continue
            if said:
                self._learn(in_parts, mode, said)
            break
        return mode

    def _learn(self, in_parts: bool, mode: WriteMode, why: str) -> None:
        """Keep this mode for later writes; what the store does not know is said once."""
        lacks = [
            text
            for known, text in ((mode.checksums, _NO_CHECKSUMS), (mode.conditions, _NO_CONDITIONS))
            if not known
        ]
        with self._lock:
            self._modes[in_parts] = mode
            news = {text: text.format(why=why) for text in lacks if text not in self._remarks}
            self._remarks |= news
        for remark in news.values():
            log.warning("a bucket that knows less than S3: %s", remark)


class _WrongChecksum(UploadTarget):
    """Sends the checksum of other bytes."""

    def checksum(self, body: bytes) -> dict[str, str]:
        return super().checksum(body + b"?")


def _plainer(mode: WriteMode, *, only_new: bool) -> Iterator[WriteMode]:
    """This mode, and each that asks the store for less; where nothing is conditional, that stays as it is."""
    for conditions in sorted({mode.conditions, mode.conditions and not only_new}, reverse=True):
        for checksums in sorted({mode.checksums, False}, reverse=True):
            yield WriteMode(checksums, conditions)


def hash_object(client: Any, bucket: Bucket, name: str) -> str:
    """The SHA-256 of an object's bytes, in hex. Raises as `open_object` and what it gives."""
    with open_object(client, bucket, name) as body:
        return hashlib.file_digest(cast(io.BufferedReader, body), "sha256").hexdigest()


def open_object(client: Any, bucket: Bucket, name: str, start: int = 0) -> BinaryIO:
    """An object's bytes from `start` on as they come; reading them raises StorageDown where the line breaks.

    Raises:
        ClientError, BotoCoreError: there is no such object, or it can't be had.
    """
    part = {"Range": f"bytes={start}-"} if start else {}
    answer = client.get_object(Bucket=bucket.name, Key=name, **part)
    return cast(BinaryIO, io.BufferedReader(_Body(answer["Body"], bucket), CHUNK_BYTES))


class _Body(io.RawIOBase):
    """An object's bytes as they come; a line that breaks is our bucket's trouble, never the file's end."""

    def __init__(self, body: Any, bucket: Bucket) -> None:
        self._body, self._bucket = body, bucket

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with map_bucket_errors(self._bucket):
            chunk = self._body.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._body.close()
        super().close()
