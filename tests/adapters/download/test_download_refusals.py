"""What a download does not take: answers that are no file, links out of bounds, a disk that is full."""

import resource
import signal
import socket
import threading

import pytest

from backend.domain.errors import MediaBroken, MediaDenied, MediaGone, MediaUnreachable, StorageFull
from backend.http.outbound import Outbound
from backend.media.download.address_guard import AddressGuard
from backend.media.download.download import DownloadLimits
from tests.adapters.download.downloads import BODY, ETAG, chunked, whole
from tests.waiting import PATIENCE_S

# -- answers that are no file --------------------------------------------------------------------

GONE = ["403 Forbidden", "404 Not Found", "410 Gone"]
UNWELL = [
    "401 Unauthorized", "407 Who Are You", "408 Request Timeout", "416 Range Not Satisfiable", "418 Teapot",
    "429 Too Many Requests", "500 Internal Server Error", "503 Service Unavailable", "204 No Content",
    "206 Partial Content", "304 Not Modified", "banana",
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "status"), [(MediaGone, one) for one in GONE] + [(MediaUnreachable, one) for one in UNWELL]
)
def test_a_status_says_whether_the_link_is_dead_or_the_server_unwell(fetch, status, error):
    fetch.fails(error, lambda e: e.answer(status, b"" if status[:3] in {"204", "304"} else b"sorry"))


def test_a_dead_link_does_not_cost_what_was_received_before(fetch, part):
    fetch.begins()
    with pytest.raises(MediaGone):
        fetch(lambda e: e.answer("403 Forbidden"), leftover=fetch.leftover)
    assert part.stat().st_size == 5000


OK, LENGTH, CHUNKS = b"HTTP/1.1 200 OK\r\n", b"Content-Length: ", b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"HTTP/1.1 200", b"garbage\r\n\r\n", OK + LENGTH + b"10\r\n" + LENGTH + b"20\r\n\r\n0123456789",
        OK + LENGTH + b"-5\r\n\r\n0123456789", OK + LENGTH + b"ten\r\n\r\n0123456789",
        OK + CHUNKS + b"zz\r\nabc", OK + CHUNKS + b"5\r\nabc", OK + b"X: y\r\n" * 200 + b"\r\n",
        OK + b"X: " + b"y" * 70000 + b"\r\n\r\n",
    ],
    ids=lambda answer: ascii(answer[-24:]),
)  # fmt: skip
def test_an_answer_that_cannot_be_read_is_tried_again_later(fetch, answer):
    fetch.fails(MediaUnreachable, lambda e: e.send(answer))


def endless(length):
    def does(e):
        e.answer("200 OK", Content_Length=length)
        while True:
            e.send(bytes(65536))

    return does


CAP, PROMISED = {"limits": DownloadLimits(max_bytes=3_000_000)}, {"promised_bytes": len(BODY)}
#: What -> its server, what is said of it, and what is expected of it. A length that is told ends it at once.
REFUSED = {
    "over the cap": (endless(None), "3000000", CAP),
    "over the cap by its length": (endless(3_000_001), "3000000", CAP),
    "shorter than promised": (lambda e: e.offer(BODY[:-9], ETag=ETAG), str(len(BODY)), PROMISED),
    "longer than promised": (lambda e: chunked(e, BODY + b"x"), str(len(BODY)), PROMISED),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_that_is_not_what_it_has_to_be_is_refused(fetch, what):
    does, why, options = REFUSED[what]
    fetch.fails(MediaBroken, does, why, **options)


def test_a_connection_reset_in_the_middle_keeps_what_came(fetch, part):
    came = threading.Event()

    def does(e):
        e.answer("200 OK", b"x" * 5000, Content_Length=9000, ETag=ETAG)
        e.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert came.wait(PATIENCE_S)  # a reset sent together with data would overtake it
        e.sock.close()

    fetch.is_cut(does, on_progress=lambda done, total: came.set() if done == 5000 else None)

    assert part.stat().st_size == 5000


# -- redirects -----------------------------------------------------------------------------------


def lead(media, times, last):
    """Links that lead on so often, and then there; None: nowhere. Returns what the first one does."""
    for number in range(times):
        media.at(f"/hop{number}", lambda e, to=last: e.answer("302 Found", Location=to))
        last = f"/hop{number}"
    return lambda e: e.answer("302 Found", Location=last)


def test_three_redirects_are_followed_and_a_fourth_is_not(fetch, media, part):
    media.at("/file", whole)
    fetch.succeeds(lead(media, 2, "/file"))
    part.unlink()
    fetch.is_cut(lead(media, 3, "/file"))


@pytest.mark.parametrize(
    "there",
    [
        "http://127.0.0.2:{port}/v", "http://localhost:{port}/v", "http://169.254.169.254/latest/meta-data/",
        "http://[::1]:{port}/v", "file:///etc/passwd", "data:video/mp4,abc", "//user@127.0.0.1:{port}/v",
        "http://[broken/v", "http://8.8.8.8/v", None,
    ],
)  # fmt: skip
def test_a_redirect_out_of_bounds_or_without_a_place_is_denied(fetch, media, there):
    guard = AddressGuard([f"127.0.0.1:{media.port}"])
    fetch.fails(MediaDenied, lead(media, 0, there and there.format(port=media.port)), guard=guard)
    assert len(media.requests) == 1


# -- names and certificates ----------------------------------------------------------------------


def test_a_name_is_looked_up_once_and_a_dead_address_of_it_is_passed_over(fetch, media, monkeypatch):
    asked = []

    def flipping(host, *_, **__):
        """Later look-ups lead elsewhere."""
        asked.append(host)
        found = ["127.0.0.9", "127.0.0.1"] if len(asked) == 1 else ["127.0.0.3"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 0)) for ip in found]

    monkeypatch.setattr(socket, "getaddrinfo", flipping)
    media.url = f"http://media.corp:{media.port}"

    fetch.succeeds(guard=AddressGuard(["media.corp"]))

    assert asked == ["media.corp"]
    assert media.requests[0].header("Host") == f"media.corp:{media.port}"


@pytest.mark.parametrize(
    ("shown", "trusted"),
    [("localhost", True), ("other", True), ("localhost", False)],
    ids=["the host's certificate", "another host's", "of an unknown authority"],
)
def test_https_works_with_a_trusted_certificate_for_the_host_alone(
    fetch, secure_media, authority, shown, trusted
):
    outbound = Outbound(authorities=(authority / "ca.pem",) if trusted else ())
    fetch.media, guard = secure_media(shown), AddressGuard(["localhost"], outbound)
    if trusted and shown == "localhost":
        fetch.succeeds(guard=guard)
    else:
        fetch.is_cut(whole, "certificate", guard=guard)
        assert fetch.media.requests == []


# -- our own disk --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("does", "why"),
    [
        (whole, rf"{len(BODY)} bytes, and \d+ are free; free some space"),
        (lambda e: chunked(e, BODY), "full"),
    ],
    ids=["told", "not told"],
)
def test_a_file_larger_than_the_disk_is_not_begun_or_gives_its_space_back(fetch, small_disk, does, why):
    fetch.part = small_disk / "j.o.part"
    fetch.fails(StorageFull, does, why)


def test_a_write_that_the_system_refuses_is_our_own_fault_and_leaves_nothing(fetch):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
        fetch.fails(StorageFull)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_folder_that_cannot_be_made_is_our_own_fault(fetch, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFull):
        fetch(to=tmp_path / "file" / "j.o.part")
