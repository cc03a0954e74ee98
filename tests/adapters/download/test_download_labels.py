"""What servers say of a file besides its bytes: wrong labels, codings nobody asked for, odd places."""

import gzip
import zlib

import pytest

from backend.domain.errors import MediaBroken, MediaUnreachable
from backend.media.download.download import DownloadLimits
from tests.adapters.download.downloads import BODY, ETAG

LABELS = ["aws-chunked", "utf-8", "identity", "gzip", "x-gzip", "deflate", "br", "aws-chunked,gzip", ""]


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
    "aws-chunked, gzip": gzip.compress(BODY) + bytes(100),
}


@pytest.mark.parametrize("label", CODED)
def test_what_really_is_coded_is_undone_as_browsers_do(fetch, label):
    does = lambda e: e.answer("200 OK", CODED[label], Content_Encoding=label, ETag=ETAG)  # noqa: E731
    fetch.succeeds(does, promised_bytes=len(BODY))


def test_what_is_coded_and_no_longer_than_promised_is_refused(fetch):
    does = lambda e: e.answer("200 OK", CODED["gzip"], Content_Encoding="gzip")  # noqa: E731
    fetch.fails(MediaBroken, does, "promised", promised_bytes=len(BODY) + 1)


def test_a_small_body_that_swells_without_end_is_refused_at_the_limit(fetch):
    bomb = gzip.compress(bytes(50_000_000))
    fetch.fails(
        MediaBroken, lambda e: e.answer("200 OK", bomb, Content_Encoding="gzip"), "3000000",
        limits=DownloadLimits(max_bytes=3_000_000),
    )  # fmt: skip


@pytest.mark.parametrize("length", [None, 0])
def test_a_coded_body_that_is_cut_is_tried_again_and_nothing_of_it_stays(fetch, length):
    cut, whole = CODED["gzip"][:-2000], len(CODED["gzip"]) if length == 0 else None
    does = lambda e: e.answer("200 OK", cut, Content_Encoding="gzip", Content_Length=whole, ETag=ETAG)  # noqa: E731
    fetch.fails(MediaUnreachable, does)


def test_what_begins_as_gzip_and_is_none_is_kept_as_it_came(fetch, media):
    body = b"\x1f\x8b\x08" + BODY
    fetch.succeeds(lambda e: e.offer(body, Content_Encoding="gzip", ETag=ETAG), body)
    assert len(media.requests) == 2


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
