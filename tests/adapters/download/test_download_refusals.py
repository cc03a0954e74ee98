"""What a download does not take: answers that are no file, links out of bounds, a disk that is full."""

import gzip
import resource
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from backend.domain.errors import (
    MediaBroken,
    MediaDenied,
    MediaError,
    MediaGone,
    MediaUnreachable,
    StorageFull,
)  # fmt: skip
from backend.media.download.address_guard import AddressGuard
from backend.media.download.download import download_file
from tests.adapters.download.downloads import BODY, ETAG, HERE, assert_whole, chunked, cut_at, cut_short
from tests.waiting import PATIENCE_S

# -- answers that are no file --------------------------------------------------------------------


STATUSES = {
    MediaGone: ["403 Forbidden", "404 Not Found", "410 Gone"],
    MediaUnreachable: [
        "401 Unauthorized", "408 Request Timeout", "416 Range Not Satisfiable", "418 Teapot",
        "429 Too Many Requests", "500 Internal Server Error", "503 Service Unavailable", "204 No Content",
        "206 Partial Content", "304 Not Modified", "banana",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("error", "status"), [(error, one) for error, many in STATUSES.items() for one in many]
)
def test_a_status_says_whether_the_link_is_dead_or_the_server_unwell(
    media: Any, part: Path, status: str, error: type[MediaError]
) -> None:
    url = media.at("/v", lambda e: e.answer(status, b"" if status[:3] in {"204", "304"} else b"sorry"))

    with pytest.raises(MediaError) as caught:
        download_file(url, part, guard=HERE)

    assert type(caught.value) is error
    assert list(part.parent.iterdir()) == []


def test_a_dead_link_does_not_cost_what_was_received_before(media: Any, leftover: Path, part: Path) -> None:
    cut_short(media, leftover)

    with pytest.raises(MediaGone):
        download_file(
            media.at("/v", lambda e: e.answer("403 Forbidden")), part, guard=HERE, leftover=leftover
        )

    assert part.stat().st_size == 5000


LENGTH, CHUNKS = b"Content-Length: ", b"Transfer-Encoding: chunked\r\n\r\n"
UNREADABLE = [
    b"", b"HTTP/1.1 200", b"garbage\r\n\r\n",
    *[
        b"HTTP/1.1 200 OK\r\n" + rest
        for rest in (
            LENGTH + b"10\r\n" + LENGTH + b"20\r\n\r\n0123456789", LENGTH + b"-5\r\n\r\n0123456789",
            LENGTH + b"ten\r\n\r\n0123456789", CHUNKS + b"zz\r\nabc", CHUNKS + b"5\r\nabc",
            b"X: y\r\n" * 200 + b"\r\n", b"X: " + b"y" * 70000 + b"\r\n\r\n",
        )
    ],
]  # fmt: skip


@pytest.mark.parametrize("answer", UNREADABLE)
def test_an_answer_that_cannot_be_read_is_tried_again_later(media: Any, part: Path, answer: bytes) -> None:
    with pytest.raises(MediaUnreachable):
        download_file(media.at("/v", lambda e: e.send(answer)), part, guard=HERE)

    assert list(part.parent.iterdir()) == []


def test_a_server_that_is_down_is_tried_again_later(part: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))

        with pytest.raises(MediaUnreachable):
            download_file(f"http://127.0.0.1:{taken.getsockname()[1]}/v", part, guard=HERE)


def test_a_connection_reset_in_the_middle_keeps_what_came(media: Any, part: Path) -> None:
    came = threading.Event()

    def route(e: Any) -> None:
        e.answer("200 OK", b"x" * 5000, Content_Length=9000, ETag=ETAG)
        e.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert came.wait(PATIENCE_S)  # a reset sent together with data would overtake it
        e.sock.close()

    def progress(done: int, total: int | None) -> None:
        if done == 5000:
            came.set()

    cut_at(media.at("/v", route), part, on_progress=progress)

    assert part.stat().st_size == 5000


def test_a_coded_answer_is_refused(media: Any, part: Path) -> None:
    url = media.at("/v", lambda e: e.answer("200 OK", gzip.compress(bytes(10_000)), Content_Encoding="gzip"))

    with pytest.raises(MediaBroken, match="gzip"):
        download_file(url, part, guard=HERE)

    assert list(part.parent.iterdir()) == []


# -- redirects -----------------------------------------------------------------------------------


def led(media: Any, times: int, last: Any) -> str:
    """A link that leads on so often, and then there; None: nowhere."""
    for number in range(times):
        last = media.at(f"/hop{number}", lambda e, to=last: e.answer("302 Found", Location=to))
    return str(last)


def test_three_redirects_are_followed_and_a_fourth_is_not(media: Any, part: Path) -> None:
    url = media.at("/v", lambda e: e.offer(BODY))

    assert_whole(download_file(led(media, 3, "/v"), part, guard=HERE), part)
    part.unlink()
    cut_at(led(media, 4, url), part)


@pytest.mark.parametrize(
    "there",
    [
        "http://127.0.0.2:{port}/v", "http://localhost:{port}/v", "http://169.254.169.254/latest/meta-data/",
        "http://[::1]:{port}/v", "file:///etc/passwd", "data:video/mp4,abc", "//user@127.0.0.1:{port}/v",
        "http://[broken/v", "http://8.8.8.8/v", None,
    ],
)  # fmt: skip
def test_a_redirect_out_of_bounds_or_without_a_place_is_denied(
    media: Any, part: Path, there: str | None
) -> None:
    url = led(media, 1, there and there.format(port=media.port))

    with pytest.raises(MediaDenied):
        download_file(url, part, guard=AddressGuard([f"127.0.0.1:{media.port}"]))

    assert len(media.requests) == 1
    assert list(part.parent.iterdir()) == []


# -- names and certificates ----------------------------------------------------------------------


def test_a_name_is_looked_up_once_and_a_dead_address_of_it_is_passed_over(
    media: Any, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def flipping(host: str, *_: Any, **__: Any) -> Any:
        """Later look-ups lead elsewhere."""
        asked.append(host)
        found = ["127.0.0.9", "127.0.0.1"] if len(asked) == 1 else ["127.0.0.3"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 0)) for ip in found]

    monkeypatch.setattr(socket, "getaddrinfo", flipping)
    media.at("/v", lambda e: e.offer(BODY))

    got = download_file(f"http://media.corp:{media.port}/v", part, guard=AddressGuard(["media.corp"]))

    assert_whole(got, part)
    assert asked == ["media.corp"]
    assert media.requests[0].header("Host") == f"media.corp:{media.port}"


@pytest.mark.parametrize(
    ("shown", "trusted"),
    [("localhost", True), ("other", True), ("localhost", False)],
    ids=["the host's certificate", "another host's", "of an unknown authority"],
)
def test_https_works_with_a_trusted_certificate_for_the_host_alone(
    secure_media: Any, authority: Path, part: Path, monkeypatch: pytest.MonkeyPatch, shown: str, trusted: bool
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    server, guard = secure_media(shown), AddressGuard(["localhost"])
    url = server.at("/v", lambda e: e.offer(BODY))

    if trusted and shown == "localhost":
        return assert_whole(download_file(url, part, guard=guard), part)
    with pytest.raises(MediaUnreachable, match="certificate"):
        download_file(url, part, guard=guard)
    assert server.requests == []


# -- our own disk --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "why"), [(True, rf"{len(BODY)} bytes, and \d+ are free; free some space"), (False, "full")]
)
def test_a_file_larger_than_the_disk_is_not_begun_or_gives_its_space_back(
    media: Any, small_disk: Path, told: bool, why: str
) -> None:
    url = media.at("/v", lambda e: e.offer(BODY, ETag=ETAG) if told else chunked(e, BODY))

    with pytest.raises(StorageFull, match=why):
        download_file(url, small_disk / "j.o.part", guard=HERE)

    assert list(small_disk.iterdir()) == []


def test_a_write_that_the_system_refuses_is_our_own_fault_and_leaves_nothing(media: Any, part: Path) -> None:
    url = media.at("/v", lambda e: e.offer(BODY, ETag=ETAG))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
        with pytest.raises(StorageFull):
            download_file(url, part, guard=HERE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)

    assert list(part.parent.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_our_own_fault(media: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageFull):
        download_file(media.at("/v", lambda e: e.offer(BODY)), tmp_path / "file" / "j.o.part", guard=HERE)
