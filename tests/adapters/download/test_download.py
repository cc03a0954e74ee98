"""A link becomes a file: one plain request, watched all the way, bounded in size and time."""

import contextlib
import itertools
import socket
import stat
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend.domain.errors import Interrupted, MediaBroken, MediaUnreachable
from backend.media.download.download import DownloadLimits, download_file
from tests.adapters.download.downloads import BODY, ETAG, HERE, assert_whole, chunked, cut_at

# -- the plain way -------------------------------------------------------------------------------


def test_a_file_comes_home_whole_by_one_plain_request(
    media: Any, part: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for proxy in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    url = media.at("/v.mp4", lambda e: e.offer(BODY, ETag=ETAG, Content_Type="video/mp4", Set_Cookie="a=b"))

    got = download_file(url, part, guard=HERE, promised_bytes=len(BODY))

    assert_whole(got, part)
    assert got.content_type == "video/mp4"
    assert stat.S_IMODE(part.stat().st_mode) == 0o600
    (request,) = media.requests
    assert request.method == "GET"
    assert set(request.headers) == {"host", "user-agent", "accept", "accept-encoding", "connection"}
    assert request.header("Accept-Encoding") == "identity"
    assert request.header("Host") == f"127.0.0.1:{media.port}"


def test_a_file_in_chunks_of_unknown_length_comes_home(media: Any, part: Path) -> None:
    url = media.at("/v", lambda e: chunked(e, BODY, size=100_000))

    assert_whole(download_file(url, part, guard=HERE), part)


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


@pytest.mark.parametrize("came", [b"abc", b""], ids=["in the middle", "before the answer"])
def test_a_stop_reaches_a_download_from_a_silent_server(media: Any, part: Path, came: bytes) -> None:
    """A stopping worker has eight seconds; the server is silent for good."""
    calls = []

    def progress(done: int, total: int | None) -> None:
        calls.append(done)
        if len(calls) == 2 or not came:
            raise Interrupted("stopping")

    def route(e: Any) -> None:
        if came:
            e.answer("200 OK", came, Content_Length=9, ETag=ETAG)
        media.closing.wait()

    with pytest.raises(Interrupted):
        download_file(media.at("/v", route), part, guard=HERE, on_progress=progress)

    assert not came or part.read_bytes() == came


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


@pytest.mark.parametrize("how", ["a shorter file", "longer chunks"])
def test_a_file_of_another_size_than_the_provider_says_is_refused(media: Any, part: Path, how: str) -> None:
    """The shorter one before it is fetched: its length is told."""
    routes = {
        "a shorter file": lambda e: e.offer(BODY[:-9], ETag=ETAG),
        "longer chunks": lambda e: chunked(e, BODY + b"x"),
    }

    with pytest.raises(MediaBroken, match=str(len(BODY))):
        download_file(media.at("/v", routes[how]), part, guard=HERE, promised_bytes=len(BODY))

    assert list(part.parent.iterdir()) == []


def test_an_end_before_the_provider_says_is_tried_again(media: Any, part: Path) -> None:
    """What ends with the connection has no other measure."""
    cut_at(media.at("/v", lambda e: chunked(e, BODY[:-1])), part, promised_bytes=len(BODY))
    url = media.at("/v", lambda e: e.answer("200 OK", BODY[:5000], Content_Length=None))
    cut_at(url, part, promised_bytes=len(BODY))
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


# -- time: none of these servers ever comes to an end ---------------------------------------------


@pytest.mark.parametrize("came", [b"", b"abc"], ids=["from the start", "in the middle"])
def test_a_silent_server_is_given_up(media: Any, part: Path, came: bytes) -> None:
    def route(e: Any) -> None:
        if came:
            e.answer("200 OK", came, Content_Length=9, ETag=ETAG)
        media.closing.wait()

    cut_at(media.at("/v", route), part, limits=DownloadLimits(read_s=0.6))

    assert not came or part.read_bytes() == came


@pytest.mark.parametrize(
    ("head", "limits", "why"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nETag: %s\r\n\r\n", {"rate_window_s": 0.8}, "slow"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", {"deadline_s": 0.7}, "longer"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", {"deadline_s": 0.7}, "longer"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 50, {"deadline_s": 0.7}, "longer"),
    ],
    ids=["rate", "body", "head", "early hints"],
)
def test_a_dripping_server_is_given_up_for_its_rate_or_at_the_deadline(
    media: Any, part: Path, head: bytes, limits: dict[str, float], why: str
) -> None:
    def route(e: Any) -> None:
        e.send(head.replace(b"%s", ETAG.encode()))
        media.drip(e.sock)

    with pytest.raises(MediaUnreachable, match=why):
        download_file(media.at("/v", route), part, guard=HERE, limits=DownloadLimits(**limits))  # type: ignore[arg-type]

    assert why == "longer" or part.stat().st_size > 0


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

        url = f"http://127.0.0.1:{full.getsockname()[1]}/v"
        cut_at(url, part, limits=DownloadLimits(connect_s=0.6))
