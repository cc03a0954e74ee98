"""What a download does not take: answers that are no file, links out of bounds, a disk that is full."""

import gzip
import os
import resource
import signal
import socket
import subprocess
from collections.abc import Iterator
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
)
from backend.media.download.address_guard import AddressGuard
from backend.media.download.download import download_file
from tests.adapters.download.downloads import BODY, ETAG, HERE, assert_whole, chunked, cut_at

# -- answers that are no file --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("403 Forbidden", MediaGone),
        ("404 Not Found", MediaGone),
        ("410 Gone", MediaGone),
        ("401 Unauthorized", MediaUnreachable),
        ("408 Request Timeout", MediaUnreachable),
        ("416 Range Not Satisfiable", MediaUnreachable),
        ("418 Teapot", MediaUnreachable),
        ("429 Too Many Requests", MediaUnreachable),
        ("500 Internal Server Error", MediaUnreachable),
        ("503 Service Unavailable", MediaUnreachable),
        ("204 No Content", MediaUnreachable),
        ("206 Partial Content", MediaUnreachable),
        ("304 Not Modified", MediaUnreachable),
        ("banana", MediaUnreachable),
    ],
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
    cut_at(media.at("/v", lambda e: e.offer(BODY, upto=5000, ETag=ETAG)), leftover)

    with pytest.raises(MediaGone):
        download_file(
            media.at("/v", lambda e: e.answer("403 Forbidden")), part, guard=HERE, leftover=leftover
        )

    assert part.stat().st_size == 5000


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Length: 20\r\n\r\n0123456789",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n0123456789",
        b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n0123456789",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000 + b"\r\n\r\n",
    ],
)
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
    def route(e: Any) -> None:
        e.answer("200 OK", b"x" * 5000, Content_Length=9000, ETag=ETAG)
        e.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        media.closing.wait(0.2)  # a reset sent together with data would overtake it
        e.sock.close()

    cut_at(media.at("/v", route), part)

    assert part.stat().st_size == 5000


def test_a_coded_answer_is_refused(media: Any, part: Path) -> None:
    url = media.at("/v", lambda e: e.answer("200 OK", gzip.compress(bytes(10_000)), Content_Encoding="gzip"))

    with pytest.raises(MediaBroken, match="gzip"):
        download_file(url, part, guard=HERE)

    assert list(part.parent.iterdir()) == []


# -- redirects -----------------------------------------------------------------------------------


def led(media: Any, times: int, last: str) -> str:
    """A link that leads on so often, and then there."""
    for number in range(times):
        last = media.at(f"/hop{number}", lambda e, to=last: e.answer("302 Found", Location=to))
    return last


def test_three_redirects_are_followed_and_a_fourth_is_not(media: Any, part: Path) -> None:
    url = media.at("/v", lambda e: e.offer(BODY))

    assert_whole(download_file(led(media, 3, "/v"), part, guard=HERE), part)
    part.unlink()
    cut_at(led(media, 4, url), part)


@pytest.mark.parametrize(
    "there",
    [
        "http://127.0.0.2:{port}/v",
        "http://localhost:{port}/v",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]:{port}/v",
        "file:///etc/passwd",
        "data:video/mp4,abc",
        "//user@127.0.0.1:{port}/v",
        "http://[broken/v",
        "http://8.8.8.8/v",
    ],
)
def test_a_redirect_out_of_bounds_is_denied(media: Any, part: Path, there: str) -> None:
    url = led(media, 1, there.format(port=media.port))

    with pytest.raises(MediaDenied):
        download_file(url, part, guard=AddressGuard([f"127.0.0.1:{media.port}"]))

    assert len(media.requests) == 1
    assert list(part.parent.iterdir()) == []


def test_a_redirect_without_a_place_is_denied(media: Any, part: Path) -> None:
    with pytest.raises(MediaDenied):
        download_file(media.at("/v", lambda e: e.answer("302 Found")), part, guard=HERE)


# -- names and certificates ----------------------------------------------------------------------


def test_a_name_is_looked_up_once_and_the_judged_address_is_used(
    media: Any, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    real, asked = socket.getaddrinfo, []

    def flipping(host: Any, *rest: Any, **options: Any) -> Any:
        if host != "media.corp":
            return real(host, *rest, **options)
        asked.append(host)
        return real(answers[len(asked) - 1], *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", flipping)
    media.at("/v", lambda e: e.offer(BODY))

    got = download_file(f"http://media.corp:{media.port}/v", part, guard=AddressGuard(["media.corp"]))

    assert_whole(got, part)
    assert asked == ["media.corp"]
    assert media.requests[0].header("Host") == f"media.corp:{media.port}"


def test_a_dead_address_of_a_name_is_passed_over(
    media: Any, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(2, 1, 6, "", ("127.0.0.9", 0)), (2, 1, 6, "", ("127.0.0.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    media.at("/v", lambda e: e.offer(BODY))

    assert_whole(
        download_file(f"http://media.corp:{media.port}/v", part, guard=AddressGuard(["media.corp"])), part
    )


@pytest.fixture
def trusted(authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))


@pytest.mark.usefixtures("trusted")
def test_https_works_with_a_certificate_for_the_host(secure_media: Any, part: Path) -> None:
    url = secure_media("localhost").at("/v", lambda e: e.offer(BODY))

    assert_whole(download_file(url, part, guard=AddressGuard(["localhost"])), part)


@pytest.mark.usefixtures("trusted")
def test_https_with_another_hosts_certificate_is_refused(secure_media: Any, part: Path) -> None:
    server = secure_media("other")

    with pytest.raises(MediaUnreachable, match="certificate"):
        download_file(server.at("/v", lambda e: e.offer(BODY)), part, guard=AddressGuard(["localhost"]))

    assert server.requests == []


def test_https_with_an_unknown_authority_is_refused(secure_media: Any, part: Path) -> None:
    server = secure_media("localhost")

    with pytest.raises(MediaUnreachable, match="certificate"):
        download_file(server.at("/v", lambda e: e.offer(BODY)), part, guard=AddressGuard(["localhost"]))


# -- our own disk --------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one mebibyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("no right to mount a small disk here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_file_larger_than_the_disk_is_not_begun(media: Any, small_disk: Path) -> None:
    url = media.at("/v", lambda e: e.offer(BODY, ETag=ETAG))

    with pytest.raises(StorageFull, match=rf"{len(BODY)} bytes, and \d+ are free; free some space"):
        download_file(url, small_disk / "j.o.part", guard=HERE)

    assert list(small_disk.iterdir()) == []


def test_a_disk_that_fills_up_on_the_way_gets_its_space_back(media: Any, small_disk: Path) -> None:
    url = media.at("/v", lambda e: chunked(e, BODY))

    with pytest.raises(StorageFull, match="full"):
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
