"""A bucket: whole objects or none, whatever the line does, and nothing left that somebody pays for.

The server is moto, over HTTP; bad lines are a proxy before it.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import ClientError

from backend.domain.errors import MediaError, StorageDown, StorageFull, StorageMisconfigured, StorageRefused
from backend.media.storage import s3_client, s3_upload
from backend.media.storage.s3 import S3Storage
from backend.media.storage.s3_client import Bucket
from tests import bucket
from tests.adapters.storages import POSTER, bucket_storage, key_of, part, share_clients
from tests.loopback import Peer

#: Travels in one request, and in three parts.
SMALL, LARGE = b"video", os.urandom(2 * bucket.PART_BYTES + 1000)
#: Of the program itself; `test_s3_ways` sends such parts.
PROGRAMS_PART_BYTES = s3_upload.PART_BYTES
#: What is uploaded, and the words by which the proxy knows one of its requests.
REQUESTS = {
    "head": (SMALL, "HEAD "),
    "put": (SMALL, "PUT "),
    "begin": (LARGE, "POST ", "uploads"),
    "part": (LARGE, "PUT ", "partNumber=2"),
    "complete": (LARGE, "POST ", "uploadId="),
}


def said(status: int, body: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body)


BUSY = said(503, b"<Error><Code>SlowDown</Code><Message>Slow down</Message></Error>")


class Line:
    """A storage whose line to the bucket can be broken, and the bucket seen from outside."""

    def __init__(self, server: bucket.Server, proxy: bucket.Store, *, tried: S3Storage | None = None) -> None:
        """tried: what the store takes is known from the start, as this one has found it."""
        self.server, self.proxy, self.name = server, proxy, server.new_bucket()
        self.outside, self._tried = server.client(), tried
        self.storage = self.open(proxy.url)

    def open(self, url: str, **more: Any) -> S3Storage:
        made = bucket_storage(url, self.name, **more)
        if self._tried:
            made._writer._compares |= self._tried._writer._compares
        return made

    def impatient(self, tries: int = s3_client.MAX_ATTEMPTS) -> S3Storage:
        """One to which a short silence is a broken line, after so many of them."""
        with pytest.MonkeyPatch.context() as change:
            change.setattr(s3_client, "READ_S", 0.7)
            change.setattr(s3_client, "MAX_ATTEMPTS", tries)
            made = self.open(self.proxy.url)
            assert made.client
        return made

    def objects(self) -> list[str]:
        return [one["Key"] for one in self.outside.list_objects_v2(Bucket=self.name).get("Contents", [])]

    def unfinished(self) -> list[str]:
        found = self.outside.list_multipart_uploads(Bucket=self.name).get("Uploads", [])
        return [one["Key"] for one in found]

    def assert_whole(self, content: bytes) -> None:
        """This object is there, and nothing that somebody pays for besides."""
        body = self.outside.get_object(Bucket=self.name, Key=f"films/{key_of(content)}")["Body"]
        assert body.read() == content
        assert self.unfinished() == []

    def plant(self, content: bytes, *, key: str = key_of(SMALL)) -> None:
        """Another tool brings an object."""
        self.outside.put_object(Bucket=self.name, Key=f"films/{key}", Body=content)


@pytest.fixture(scope="session")
def store() -> Iterator[bucket.Store]:
    with closing(bucket.Store(bucket.server().port)) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def tried_storage(store: bucket.Store) -> S3Storage:
    """One that has tried out what the store takes."""
    store.forget()
    made = Line(bucket.server(), store).storage
    assert made.check_writable() == ""
    return made


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_upload, "PART_BYTES", bucket.PART_BYTES)
    share_clients(monkeypatch)


@pytest.fixture
def line(small_parts: None, store: bucket.Store) -> Line:
    """Of a process that has just begun."""
    store.forget()
    return Line(bucket.server(), store)


@pytest.fixture
def used_line(tried_storage: S3Storage, small_parts: None, store: bucket.Store) -> Line:
    """Of a process that has been at work: what the store takes is known."""
    store.forget()
    return Line(bucket.server(), store, tried=tried_storage)


def test_a_part_is_as_large_as_every_store_wants_it():
    assert PROGRAMS_PART_BYTES >= bucket.S3_PART_BYTES


@pytest.mark.parametrize("content", [SMALL, LARGE, b""], ids=["small", "large", "empty"])
def test_an_object_is_whole_carries_its_type_and_hash_and_is_placed_once(line, tmp_path, content):
    line.storage.put_file(part(tmp_path, content), key_of(content))
    line.assert_whole(content)
    assert line.objects() == [f"films/{key_of(content)}"]
    found = line.outside.head_object(Bucket=line.name, Key=line.objects()[0])
    assert found["ContentType"] == "video/mp4"
    assert found["Metadata"]["sha256"] == hashlib.sha256(content).hexdigest()
    line.proxy.asked.clear()
    line.storage.put_file(part(tmp_path, content), key_of(content))
    assert [asked.split(" ")[0] for asked in line.proxy.asked] == ["HEAD"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("theirs", [b"other", b"another size"], ids=["same size", "another size"])
def test_another_object_under_the_name_of_this_content_is_an_error_and_stays(line, tmp_path, theirs):
    line.plant(theirs)
    source = part(tmp_path)
    with pytest.raises(StorageFull, match="holds something else"):
        line.storage.put_file(source, key_of(SMALL))
    assert line.storage.open(key_of(SMALL)).read() == theirs
    assert source.read_bytes() == SMALL


def test_the_same_object_brought_by_another_tool_is_believed_after_reading_it(line, tmp_path):
    line.plant(SMALL)
    line.storage.put_file(part(tmp_path), key_of(SMALL))
    assert list(tmp_path.iterdir()) == []


def test_more_objects_than_one_page_are_all_listed(line):
    for number in range(2 * bucket.PAGE + 3):
        line.plant(b"", key=f"{number:04}.mp4")
    assert len(set(line.storage.list_keys())) == 2 * bucket.PAGE + 3


@pytest.mark.parametrize(("name", "host"), [("my-films", "my-films.s3"), ("my.films", "s3")])
def test_links_to_aws_itself_lead_to_the_buckets_own_region(name, host):
    made = S3Storage(Bucket(name, region="eu-central-1", access_key="a", secret_key="b"))
    assert made.link_origins() == (f"https://{host}.eu-central-1.amazonaws.com",)


# -- a line that breaks ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["reset", "stall", "lost", "half", "say"])
@pytest.mark.parametrize("request_", REQUESTS)
def test_one_fault_of_the_line_or_a_busy_server_costs_no_upload(used_line, tmp_path, kind, request_):
    content, *words = REQUESTS[request_]
    fault = used_line.proxy.fault(kind, *words, answer=BUSY)
    storage = (
        used_line.impatient(tries=20) if kind == "stall" else used_line.storage
    )  # others may be slow as well
    storage.put_file(part(tmp_path, content), key_of(content))
    assert fault.done == 1
    used_line.assert_whole(content)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["reset", "stall"])
@pytest.mark.parametrize("request_", ["put", "part", "complete"])
def test_a_bad_line_leaves_nothing_half_and_the_next_try_is_whole(used_line, tmp_path, kind, request_):
    content, *words = REQUESTS[request_]
    fault = used_line.proxy.fault(kind, *words, times=99)
    source = part(tmp_path, content)

    with pytest.raises(StorageDown, match="can't be reached"):
        used_line.impatient().put_file(source, key_of(content))

    assert fault.done == s3_client.MAX_ATTEMPTS
    assert used_line.objects() == []
    assert used_line.unfinished() == []
    assert source.read_bytes() == content
    used_line.proxy.faults.clear()
    used_line.storage.put_file(source, key_of(content))
    used_line.assert_whole(content)


@pytest.mark.parametrize("request_", ["put", "complete"])
def test_an_upload_whose_acknowledgements_are_all_lost_is_adopted(line, tmp_path, request_):
    """The second try meets what the first one made: 412, or no such upload. That is no failure."""
    content, *words = REQUESTS[request_]
    fault = line.proxy.fault("lost", *words, times=99)
    line.storage.put_file(part(tmp_path, content), key_of(content))
    assert fault.done >= 2
    line.assert_whole(content)


def test_an_upload_that_nobody_could_be_told_to_give_up_is_given_up_by_the_next(used_line, tmp_path):
    used_line.proxy.fault("reset", "PUT ", "partNumber=2", times=99)
    used_line.proxy.fault("reset", "DELETE ", times=99)
    source, key = part(tmp_path, LARGE), key_of(LARGE)
    with pytest.raises(StorageDown):
        used_line.storage.put_file(source, key)
    assert used_line.unfinished() == [f"films/{key}"]
    used_line.proxy.faults.clear()
    used_line.storage.put_file(source, key)
    used_line.assert_whole(LARGE)


@pytest.mark.parametrize(("prefix", "ours"), [("films", ["films/" + POSTER]), ("", [POSTER, ".check"])])
def test_uploads_that_a_killed_process_left_are_tidied_away_and_those_of_other_tools_stay(line, prefix, ours):
    """Without a prefix the whole bucket is listed."""
    theirs = ["Reports 2026.pdf", "nightly/dump-of-another-tool.tar"]
    for name in (*ours, *theirs):
        line.outside.create_multipart_upload(Bucket=line.name, Key=name)
    checks = [f"{prefix}/.check-{'0' * 16}".lstrip("/"), ".check-list.pdf"]
    for name in checks:
        line.outside.put_object(Bucket=line.name, Key=name, Body=b"")
    storage = line.open(line.server.url, prefix=prefix)
    assert storage.remove_unfinished(older_than_s=1e9) == 0
    assert storage.remove_unfinished(older_than_s=-3600) == len(ours) + 1
    assert sorted(line.unfinished()) == theirs
    assert line.objects() == checks[1:]


def test_a_body_that_breaks_off_is_trouble_and_never_the_end_of_the_file(used_line, tmp_path):
    content = os.urandom(1024**2)
    used_line.storage.put_file(part(tmp_path, content), key_of(content))
    used_line.proxy.fault("half", "GET ")
    with used_line.storage.open(key_of(content)) as file, pytest.raises(StorageDown):
        file.read()


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 404 Not Found\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"],
    ids=["in the first line", "behind it", "in the body"],
)  # fmt: skip
def test_an_answer_that_never_ends_is_given_up(line, monkeypatch, head):
    """No silence is long enough to be noticed. A head that is cut off still says `404`: no missing file."""
    monkeypatch.setattr(s3_client, "CHECK_CALL_S", 0.6)
    monkeypatch.setattr(s3_client, "CALL_S", 0.6)
    peer = Peer(lambda sock: (sock.sendall(head), peer.drip(sock, b"" if head else b"HTTP/1.1 404")))
    storage = line.open(peer.url)
    with pytest.raises(StorageDown), closing(peer):
        storage.open(POSTER).read() if b"200" in head else storage.size(POSTER)


READS = ("s3:ListBucket", "s3:GetObject")
WRITES = ("s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:PutObject", "s3:AbortMultipartUpload")


@pytest.mark.parametrize(
    ("may", "wrong", "why"),
    [
        ((), {}, "may not use.*s3:PutObject"),
        (READS, {}, "may not use.*s3:PutObject"),
        (WRITES, {}, "may not use.*s3:GetObject"),
        (("s3:*",), {"secret_key": "x" * 40}, "refuses our key.*AWS_SECRET_ACCESS_KEY"),
        (("s3:*",), {"access_key": "AKIA" + "X" * 16}, "refuses our key"),
    ],
    ids=["no right", "reader", "writer", "wrong secret", "unknown key"],
)
def test_a_key_without_the_rights_and_a_wrong_one_are_told_before_anything_is_believed(line, may, wrong, why):
    key, secret = line.server.user(line.name, *may)
    storage = line.open(line.server.url, **{"access_key": key, "secret_key": secret, **wrong})

    with line.server.strict():
        with pytest.raises(StorageMisconfigured) as told:
            storage.check_writable()
        assert re.search(why, told.value.in_full)
        if may != READS:
            with pytest.raises(StorageMisconfigured):
                storage.size(POSTER)
        if wrong:
            line.open(line.server.url, access_key=key, secret_key=secret).check_writable()
    assert secret not in told.value.in_full


def test_an_address_where_nobody_or_something_else_answers_is_trouble_that_may_pass(line):
    line.proxy.fault("say", "/", times=99, answer=said(200, b"hi"))
    with pytest.raises(StorageDown):
        line.storage.check_writable()
    with pytest.raises(StorageDown, match="can't be reached") as told:
        line.open("http://127.0.0.1:1").check_writable()
    assert "Check AWS_ENDPOINT_URL" in told.value.remedy


CALLS: dict[str, Any] = {
    "check": lambda storage, folder: storage.check_writable(),
    "tidy": lambda storage, folder: storage.remove_unfinished(),
    "keys": lambda storage, folder: list(storage.list_keys()),
    "place": lambda storage, folder: storage.put_file(part(folder), POSTER),
    "remove": lambda storage, folder: storage.remove(POSTER),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_balancer_without_a_store_behind_it_is_trouble_that_may_pass(line, tmp_path, call):
    """A bare 404 means a missing object only where one object was asked for."""
    line.proxy.fault("say", "HTTP", times=99, answer=said(404))
    with pytest.raises(StorageDown, match="not found at its address"):
        CALLS[call](line.storage, tmp_path)
    with pytest.raises(FileNotFoundError):
        line.storage.open(POSTER)


def test_a_check_leaves_nothing_and_writes_again_only_when_a_write_of_the_work_failed(line, tmp_path):
    def writes() -> int:
        line.proxy.asked.clear()
        line.storage.check_writable()
        assert (line.objects(), line.unfinished()) == ([], [])
        return sum(asked.startswith("PUT ") for asked in line.proxy.asked)

    assert writes() > 0
    assert writes() == 0
    line.proxy.fault("reset", "PUT ", times=99)
    with pytest.raises(StorageDown):
        line.storage.put_file(part(tmp_path), key_of(SMALL))
    with pytest.raises(StorageDown):
        line.storage.check_writable()
    line.proxy.faults.clear()
    assert writes() > 0


# -- stores that know less of S3 ---------------------------------------------------------------------


NO_CHECKSUM = bucket.refusal(400, "InvalidArgument", "Unsupported header 'x-amz-checksum-sha256' received.")
NO_CONDITION = bucket.refusal(
    501, "NotImplemented", "A header implies functionality that is not implemented."
)
#: What a store refuses or takes no notice of, and what is said of it. Each is one that people have.
LESSER = {
    "all known": ({}, (), None),
    "checksums refused": ({"x-amz-checksum": NO_CHECKSUM}, (), "no checksums.*Unsupported header"),
    "checksums refused in parts": ({"x-amz-checksum-algorithm": NO_CONDITION}, (), "no checksums"),
    "conditions refused": ({"if-none-match": NO_CONDITION}, (), "no conditional writes.*NotImplemented"),
    "both refused": (
        {"if-none-match": NO_CONDITION, "x-amz-checksum": NO_CHECKSUM}, (), "no checksums.*no conditional",
    ),
    "checksums ignored": ({}, ("x-amz-checksum",), "no checksums.*no notice"),
    "conditions ignored": ({}, ("if-none-match",), "no conditional writes.*no notice"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("lesser", "checked_before"),
    [*((lesser, True) for lesser in LESSER), ("all known", False), ("checksums refused", False)],
)
def test_a_store_that_knows_less_is_served_and_what_it_lacks_is_said_once(
    line, tmp_path, caplog, lesser, checked_before
):
    line.proxy.refuses, line.proxy.ignores, said = LESSER[lesser]
    if checked_before:
        line.storage.check_writable()

    for content in (SMALL, LARGE):
        line.storage.put_file(part(tmp_path, content), key_of(content))
        line.assert_whole(content)
    remark = line.storage.check_writable()
    assert re.search(said or "^$", remark), remark
    told = [record.getMessage() for record in caplog.records if record.name.startswith("backend")]
    assert sorted(told) == sorted(set(told)), "said once"
    assert [line for line in told if line.split(": ", 1)[1] not in remark] == []
    assert bool(told) == (said is not None)
    assert line.objects() == sorted(f"films/{key_of(content)}" for content in (SMALL, LARGE))


@pytest.mark.parametrize("lesser", ["checksums refused", "checksums ignored"])
@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_bytes_that_such_a_store_changed_are_not_taken_for_ours(line, tmp_path, lesser, content):
    line.proxy.refuses, line.proxy.ignores, _ = LESSER[lesser]
    line.storage.check_writable()
    line.proxy.mangles = True
    source = part(tmp_path, content)
    for use in (lambda: line.storage.put_file(source, key_of(content)), line.storage.check_writable):
        with pytest.raises(StorageDown, match="other bytes than were written"):
            use()
    assert source.read_bytes() == content
    assert line.objects() == []
    line.proxy.mangles = False
    line.storage.put_file(source, key_of(content))
    line.assert_whole(content)


@pytest.mark.parametrize("request_", ["put", "begin"])
def test_a_refusal_that_stays_is_told_in_the_stores_own_words_and_not_as_passing(line, tmp_path, request_):
    content, *words = REQUESTS[request_]
    says = bucket.refusal(400, "InvalidStorageClass", "The storage class you specified is not valid.")
    line.proxy.fault("say", *words, times=99, answer=says)
    for use in (
        lambda: line.storage.put_file(part(tmp_path, content), key_of(content)),
        line.storage.check_writable,
    ):
        with pytest.raises(StorageRefused, match="The storage class you specified is not valid") as told:
            use()
        assert "later" not in str(told.value)


# -- controls: broken builds that the tests above would not let through ------------------------------


def test_control_without_looking_after_a_lost_acknowledgement_an_upload_would_fail(
    line, tmp_path, monkeypatch
):
    monkeypatch.setattr(S3Storage, "_is_there", lambda *_: False)
    with pytest.raises((ClientError, MediaError)):
        test_an_upload_whose_acknowledgements_are_all_lost_is_adopted(line, tmp_path, "complete")


def test_control_without_an_abort_parts_would_be_left(used_line, tmp_path, monkeypatch):
    def forgetful(content: s3_upload.UploadSource, target: s3_upload.UploadTarget) -> None:
        begun = target.client.create_multipart_upload(**target.object_args)
        s3_upload._send_parts(content, target, begun["UploadId"])

    monkeypatch.setattr(s3_upload, "_put_parts", forgetful)
    with pytest.raises(AssertionError):
        test_a_bad_line_leaves_nothing_half_and_the_next_try_is_whole(used_line, tmp_path, "reset", "part")


def test_control_without_a_condition_another_object_would_be_written_over(line, tmp_path, monkeypatch):
    monkeypatch.setattr(S3Storage, "_is_there", lambda *_: False)
    monkeypatch.setattr(s3_upload.UploadTarget, "write_condition", property(lambda _: {}))
    with pytest.raises(pytest.fail.Exception):
        test_another_object_under_the_name_of_this_content_is_an_error_and_stays(line, tmp_path, b"other")
