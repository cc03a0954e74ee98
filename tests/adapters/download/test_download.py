"""A link becomes a file: one plain request, watched all the way, bounded in time."""

import contextlib
import itertools
import socket
import stat

import psutil
import pytest

from backend.domain.errors import Interrupted
from backend.media.download.download import DownloadLimits
from tests.adapters.download.downloads import BODY, ETAG, chunked

# -- the plain way -------------------------------------------------------------------------------


def test_a_file_comes_home_whole_by_one_plain_request(fetch, media, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for proxy in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")

    got = fetch.succeeds(
        lambda e: e.offer(BODY, Content_Type="video/mp4", Set_Cookie="a=b"), promised_bytes=len(BODY)
    )

    assert got.content_type == "video/mp4"
    assert stat.S_IMODE(got.path.stat().st_mode) == 0o600
    (request,) = media.requests
    assert request.method == "GET"
    assert set(request.headers) == {"host", "user-agent", "accept", "accept-encoding", "connection"}
    assert request.header("Accept-Encoding") == "identity"
    assert request.header("Host") == f"127.0.0.1:{media.port}"


def test_a_file_in_chunks_of_unknown_length_comes_home(fetch):
    fetch.succeeds(lambda e: chunked(e, BODY))


def test_a_large_file_takes_no_memory_and_its_progress_is_told_every_few_mebibytes(fetch, part):
    size, piece = 256 * 1024**2, bytes(1024**2)

    def does(e):
        e.answer("200 OK", Content_Length=size)
        for _ in range(size // len(piece)):
            e.send(piece)

    memory = psutil.Process().memory_info
    told, grown, before = [(0, None)], [], memory().rss

    def progress(done, total):
        told.append((done, total))
        grown.append(memory().rss - before)

    assert fetch(does, on_progress=progress).size_bytes == size

    part.unlink()
    assert max(grown) < 16 * 1024**2
    assert all(0 <= after - before < 4 * 1024**2 for (before, _), (after, _) in itertools.pairwise(told))
    assert told[-1] == (size, size)


@pytest.mark.parametrize("came", [BODY[:3], b""], ids=["in the middle", "before the answer"])
def test_a_stop_reaches_a_download_from_a_silent_server_and_what_came_is_gone_on_with(fetch, media, came):
    """A stopping worker has eight seconds; the server is silent for good."""
    calls = []

    def progress(done, total):
        calls.append(done)
        if len(calls) == 2 or not came:
            raise Interrupted("stopping")

    def does(e):
        if came:
            e.answer("200 OK", came, Content_Length=len(BODY), ETag=ETAG)
        media.closing.wait()

    with pytest.raises(Interrupted):
        fetch(does, to=fetch.leftover, on_progress=progress)
    fetch.goes_on()
    assert fetch.asked_range() == ("bytes=3-" if came else None)


def test_an_end_before_the_provider_says_is_tried_again(fetch):
    """What ends with the connection has no other measure."""

    def ends(e):
        e.answer("200 OK", BODY[:5000], Content_Length=None)

    fetch.is_cut(lambda e: chunked(e, BODY[:-1]), promised_bytes=len(BODY))
    fetch.is_cut(ends, promised_bytes=len(BODY))
    assert fetch(ends).size_bytes == 5000


# -- time: none of these servers ever comes to an end ---------------------------------------------

HEAD = b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nETag: "abc123"\r\n\r\n'


@pytest.mark.parametrize(
    ("sent", "drips", "limits", "why"),
    [
        (b"", False, {"read_s": 0.6}, None),
        # What is kept must have come by then, however busy the machine is.
        (HEAD + b"abc", False, {"read_s": 5.0}, None),
        (HEAD, True, {"rate_window_s": 5.0}, "slow"),
        (HEAD, True, {"deadline_s": 5.0}, "longer"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", True, {"deadline_s": 0.7}, "longer"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 50, True, {"deadline_s": 0.7}, "longer"),
    ],
    ids=["silent", "silent in the middle", "rate", "body", "head", "early hints"],
)
def test_a_server_that_is_silent_or_drips_is_given_up_and_what_came_is_kept(
    fetch, media, part, sent, drips, limits, why
):
    def does(e):
        e.send(sent)
        media.drip(e.sock) if drips else media.closing.wait()

    fetch.is_cut(does, why, limits=DownloadLimits(**limits))

    assert part.exists() == sent.startswith(HEAD)
    assert drips or not sent or part.read_bytes() == b"abc"


def test_a_server_that_is_down_or_does_not_answer_is_given_up(fetch):
    with contextlib.ExitStack() as stack:
        full, *waiting = [stack.enter_context(socket.socket()) for _ in range(5)]
        full.bind(("127.0.0.1", 0))
        fetch.media.url = f"http://127.0.0.1:{full.getsockname()[1]}"
        fetch.is_cut(None)

        full.listen(0)
        for one in waiting:  # a full queue drops what else would connect
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        fetch.is_cut(None, limits=DownloadLimits(connect_s=0.6))
