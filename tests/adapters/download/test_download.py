"""A link becomes a file: one plain request, watched all the way, bounded in size and time."""

import contextlib
import itertools
import socket
import stat
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend.domain.errors import (
    Interrupted,
    MediaBroken,
    MediaUnreachable,
)
from backend.media.download.download import DownloadLimits, download_file
from tests.adapters.download.downloads import BODY, ETAG, HERE, assert_whole, chunked, cut_at

# -- the plain way -------------------------------------------------------------------------------


def test_a_file_comes_home_whole_with_its_hash(media: Any, part: Path) -> None:
    url = media.at("/v.mp4", lambda e: e.offer(BODY, ETag=ETAG, Content_Type="video/mp4"))

    got = download_file(url, part, guard=HERE, promised_bytes=len(BODY))

    assert_whole(got, part)
    assert got.content_type == "video/mp4"
    assert stat.S_IMODE(part.stat().st_mode) == 0o600


def test_the_media_host_sees_one_plain_request(
    media: Any, part: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    url = media.at("/v.mp4", lambda e: e.offer(BODY, Set_Cookie="a=b"))

    download_file(url, part, guard=HERE)

    (request,) = media.requests
    assert request.method == "GET"
    assert {name.lower() for name, _ in request.headers} == {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "connection",
    }
    assert request.header("Accept-Encoding") == "identity"
    assert request.header("Host") == f"127.0.0.1:{media.port}"


def test_a_file_in_chunks_of_unknown_length_comes_home(media: Any, part: Path) -> None:
    def route(e: Any) -> None:
        e.answer("200 OK", Content_Length=None, Transfer_Encoding="chunked")
        for at in range(0, len(BODY), 100_000):
            piece = BODY[at : at + 100_000]
            e.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        e.send(b"0\r\n\r\n")

    assert_whole(download_file(media.at("/v", route), part, guard=HERE), part)


def test_a_large_file_takes_no_memory(media: Any, part: Path) -> None:
    size, piece = 256 * 1024**2, bytes(1024**2)

    def route(e: Any) -> None:
        e.answer("200 OK", Content_Length=size)
        for _ in range(size // len(piece)):
            e.send(piece)

    url = media.at("/v", route)
    before, most = psutil.Process().memory_info().rss, 0

    def progress(done: int, total: int | None) -> None:
        nonlocal most
        most = max(most, psutil.Process().memory_info().rss - before)

    got = download_file(url, part, guard=HERE, on_progress=progress)

    part.unlink()
    assert got.size_bytes == size
    assert most < 16 * 1024**2


def test_progress_is_told_every_few_mebibytes_and_at_the_end(media: Any, part: Path) -> None:
    told: list[tuple[int, int | None]] = [(0, None)]
    body = BODY * 10
    url = media.at("/v", lambda e: e.offer(body))

    download_file(url, part, guard=HERE, on_progress=lambda done, total: told.append((done, total)))

    assert all(0 <= after - before < 4 * 1024**2 for (before, _), (after, _) in itertools.pairwise(told))
    assert told[-1] == (len(body), len(body))


def test_a_pause_and_a_stop_reach_a_download_from_a_silent_server(media: Any, part: Path) -> None:
    """A stopping worker has eight seconds; a server may be silent for longer."""
    calls = []

    def progress(done: int, total: int | None) -> None:
        calls.append(done)
        if len(calls) == 2:
            raise Interrupted("stopping")

    url = media.at(
        "/v", lambda e: (e.answer("200 OK", b"abc", Content_Length=9, ETag=ETAG), media.closing.wait(10))
    )
    began = time.monotonic()

    with pytest.raises(Interrupted):
        download_file(url, part, guard=HERE, on_progress=progress)

    assert time.monotonic() - began < 4
    assert part.read_bytes() == b"abc"


def test_a_stop_before_the_answer_ends_the_download_too(media: Any, part: Path) -> None:
    def progress(done: int, total: int | None) -> None:
        raise Interrupted("stopping")

    url = media.at("/v", lambda e: media.closing.wait(10))

    with pytest.raises(Interrupted):
        download_file(url, part, guard=HERE, on_progress=progress)


def test_an_interrupted_download_goes_on_later(media: Any, leftover: Path, part: Path) -> None:
    def stop(done: int, total: int | None) -> None:
        if done > 0:
            raise Interrupted("stopping")

    url = media.at("/v", lambda e: e.offer(BODY, ETag=ETAG))
    with pytest.raises(Interrupted):
        download_file(url, leftover, guard=HERE, on_progress=stop)
    have = leftover.stat().st_size
    assert 0 < have < len(BODY)

    assert_whole(download_file(url, part, guard=HERE, leftover=leftover), part)
    assert media.requests[1].header("Range") == f"bytes={have}-"


# -- sizes ---------------------------------------------------------------------------------------


def test_a_file_shorter_than_the_provider_says_is_refused_before_it_is_fetched(
    media: Any, part: Path
) -> None:
    url = media.at("/v", lambda e: e.offer(BODY[: len(BODY) * 2 // 3], ETag=ETAG))

    with pytest.raises(MediaBroken, match=str(len(BODY))):
        download_file(url, part, guard=HERE, promised_bytes=len(BODY))

    assert list(part.parent.iterdir()) == []


def test_chunks_that_end_before_the_provider_says_are_tried_again(media: Any, part: Path) -> None:
    cut_at(media.at("/v", lambda e: chunked(e, BODY[:-1])), part, size_bytes=len(BODY))


def test_chunks_that_go_on_past_what_the_provider_says_are_refused(media: Any, part: Path) -> None:
    with pytest.raises(MediaBroken):
        download_file(
            media.at("/v", lambda e: chunked(e, BODY + b"x")), part, guard=HERE, promised_bytes=len(BODY)
        )

    assert list(part.parent.iterdir()) == []


def test_a_file_that_ends_with_the_connection_is_measured_against_the_provider(
    media: Any, part: Path
) -> None:
    url = media.at("/v", lambda e: e.answer("200 OK", BODY[:5000], Content_Length=None))

    cut_at(url, part, size_bytes=len(BODY))
    assert download_file(url, part, guard=HERE).size_bytes == 5000


@pytest.mark.parametrize("length", [None, 3_000_001])
def test_a_file_over_the_cap_is_refused(media: Any, part: Path, length: int | None) -> None:
    def route(e: Any) -> None:
        e.answer("200 OK", Content_Length=length)
        while not media.closing.is_set():
            e.send(bytes(65536))

    with pytest.raises(MediaBroken, match="3000000"):
        download_file(media.at("/v", route), part, guard=HERE, limits=DownloadLimits(max_bytes=3_000_000))

    assert list(part.parent.iterdir()) == []


# -- time ----------------------------------------------------------------------------------------


def test_a_silent_server_is_given_up(media: Any, part: Path) -> None:
    url = media.at("/v", lambda e: media.closing.wait(10))
    began = time.monotonic()

    cut_at(url, part, limits=DownloadLimits(read_s=0.6))

    assert time.monotonic() - began < 3


def test_a_server_that_falls_silent_in_the_middle_is_given_up(media: Any, part: Path) -> None:
    url = media.at(
        "/v", lambda e: (e.answer("200 OK", b"abc", Content_Length=9, ETag=ETAG), media.closing.wait(10))
    )

    cut_at(url, part, limits=DownloadLimits(read_s=0.6))

    assert part.read_bytes() == b"abc"


def test_a_dripping_body_is_given_up_for_its_rate(media: Any, part: Path) -> None:
    def route(e: Any) -> None:
        e.answer("200 OK", Content_Length=100_000, ETag=ETAG)
        media.drip(e, bytes(100_000), 0.05)

    with pytest.raises(MediaUnreachable, match="slow"):
        download_file(media.at("/v", route), part, guard=HERE, limits=DownloadLimits(rate_window_s=0.8))

    assert part.stat().st_size > 0


@pytest.mark.parametrize("stage", ["head", "body", "early hints"])
def test_the_deadline_ends_whatever_the_server_drips(media: Any, part: Path, stage: str) -> None:
    def route(e: Any) -> None:
        if stage == "body":
            e.answer("200 OK", Content_Length=100_000)
        head = b"HTTP/1.1 200 OK\r\nX-Long: " if stage == "head" else b"HTTP/1.1 100 Continue\r\n\r\n" * 900
        media.drip(e, head + bytes(b"y" * 60_000), 0.02)

    began = time.monotonic()

    with pytest.raises(MediaUnreachable, match="longer"):
        download_file(media.at("/v", route), part, guard=HERE, limits=DownloadLimits(deadline_s=0.7))

    assert time.monotonic() - began < 3


def test_an_address_that_does_not_answer_is_given_up(part: Path) -> None:
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # a full queue drops what else would connect
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(full.getsockname())
        began = time.monotonic()

        with pytest.raises(MediaUnreachable):
            download_file(
                f"http://127.0.0.1:{full.getsockname()[1]}/v",
                part,
                guard=HERE,
                limits=DownloadLimits(connect_s=0.6),
            )

        assert time.monotonic() - began < 3
