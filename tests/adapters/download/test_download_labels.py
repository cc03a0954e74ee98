"""What servers say of a file besides its bytes: wrong labels, codings nobody asked for, odd places."""

import gzip
import random
import zlib

import brotli
import pytest
from backports import zstd

from backend.domain.errors import MediaBroken, MediaUnreachable
from backend.media.download.download import DownloadLimits
from tests.adapters.download.downloads import BODY, ETAG, chunked

LABELS = [
    "aws-chunked",
    "utf-8",
    "identity",
    "gzip",
    "x-gzip",
    "deflate",
    "br",
    "zstd",
    "aws-chunked,gzip",
    "",
]


@pytest.mark.parametrize("label", LABELS)
def test_a_label_over_plain_bytes_changes_nothing(fetch, media, label):
    fetch.succeeds(lambda e: e.offer(BODY, Content_Encoding=label), promised_bytes=len(BODY))
    assert len(media.requests) == 1


@pytest.mark.parametrize("kind", ["text/html", "video/quicktime; codecs=x", "nonsense", "", None])
def test_a_wrong_or_absent_content_type_changes_nothing(fetch, kind):
    assert fetch.succeeds(lambda e: e.offer(BODY, Content_Type=kind)).content_type == kind


def test_a_file_with_a_label_is_gone_on_with_where_it_stopped(fetch):
    fetch.begins(ETag=ETAG, Content_Encoding="aws-chunked")
    fetch.goes_on(lambda e: e.offer(BODY, ETag=ETAG, Content_Encoding="aws-chunked"))
    assert fetch.asked_range() == "bytes=5000-"


CODED = {
    "gzip": gzip.compress(BODY),
    "X-GZIP": gzip.compress(BODY[:1_000_000]) + gzip.compress(BODY[1_000_000:]),
    "deflate": zlib.compress(BODY),
    "br": brotli.compress(BODY, quality=5),
    "zstd": zstd.compress(BODY[:1_000_000]) + zstd.compress(BODY[1_000_000:]) + bytes(100),
    "br, gzip": gzip.compress(brotli.compress(BODY, quality=5)),
    "aws-chunked, gzip": gzip.compress(BODY) + bytes(100),
}


@pytest.mark.parametrize("label", CODED)
def test_what_really_is_coded_is_undone_as_browsers_do(fetch, label):
    does = lambda e: e.answer("200 OK", CODED[label], Content_Encoding=label, ETag=ETAG)  # noqa: E731
    fetch.succeeds(does, promised_bytes=len(BODY))


def test_what_is_coded_and_no_longer_than_promised_is_refused(fetch):
    does = lambda e: e.answer("200 OK", CODED["gzip"], Content_Encoding="gzip")  # noqa: E731
    fetch.fails(MediaBroken, does, "promised", promised_bytes=len(BODY) + 1)


BOMBS = {"gzip": gzip.compress, "br": lambda data: brotli.compress(data, quality=5), "zstd": zstd.compress}


@pytest.mark.parametrize("label", BOMBS)
def test_a_small_body_that_swells_without_end_is_refused_at_the_limit(fetch, label):
    bomb = BOMBS[label](bytes(50_000_000))
    fetch.fails(
        MediaBroken, lambda e: e.answer("200 OK", bomb, Content_Encoding=label), "3000000",
        limits=DownloadLimits(max_bytes=3_000_000),
    )  # fmt: skip


@pytest.mark.parametrize("length", [None, 0])
@pytest.mark.parametrize("label", ["gzip", "br", "zstd"])
def test_a_coded_body_that_is_cut_is_tried_again_and_nothing_of_it_stays(fetch, label, length):
    cut, whole = CODED[label][:-200], len(CODED[label]) if length == 0 else None
    does = lambda e: e.answer("200 OK", cut, Content_Encoding=label, Content_Length=whole, ETag=ETAG)  # noqa: E731
    fetch.fails(MediaUnreachable, does)


NOISE = random.Random(1).randbytes(300_000)


@pytest.mark.parametrize("label", BOMBS)
def test_what_begins_as_its_label_says_and_does_not_go_on_so_is_kept_as_it_came(fetch, media, label):
    body = BOMBS[label](NOISE)[:200_000] + BODY
    fetch.succeeds(lambda e: e.offer(body, Content_Encoding=label, ETag=ETAG), body)
    assert len(media.requests) == 2


@pytest.mark.parametrize("label", BOMBS)
@pytest.mark.parametrize("sends", [lambda e, body: e.offer(body), chunked], ids=["length", "chunks"])
def test_what_lies_there_cut_is_kept_as_it_came(fetch, monkeypatch, label, sends):
    body = BOMBS[label](NOISE)[:200_000]

    def does(exchange):
        say = exchange.answer
        monkeypatch.setattr(exchange, "answer", lambda *a, **b: say(*a, Content_Encoding=label, **b))
        sends(exchange, body)

    fetch.succeeds(does, body)


@pytest.mark.parametrize(
    ("place", "asked"),
    [
        ("/a take.mp4", "/a%20take.mp4"),
        ("/夕.mp4", "/%E5%A4%95.mp4"),
        ("  v2.mp4#t=1 ", "/v2.mp4"),
        ("//{host}//v3.mp4", "//v3.mp4"),
    ],
)
def test_a_redirect_is_read_as_browsers_read_it(fetch, media, place, asked):
    media.at(asked, lambda e: e.offer(BODY))
    # Bytes as they come: a head is Latin-1 to whoever does not know better.
    there = place.format(host=media.url.partition("://")[2]).encode()
    fetch.succeeds(lambda e: e.send(b"HTTP/1.1 302 Found\r\nLocation: " + there + b"\r\n\r\n"))
    assert media.requests[-1].path == asked
