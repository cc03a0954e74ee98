"""A link becomes a file: whole, or not at all, whatever the server does."""

import contextlib
import fcntl
import gzip
import hashlib
import itertools
import os
import resource
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend.domain.errors import (
    Interrupted,
    MediaBroken,
    MediaDenied,
    MediaError,
    MediaGone,
    MediaUnreachable,
    Outrun,
    StorageFull,
)
from backend.media.download import Downloaded, Limits, download
from backend.media.guard import Guard

HERE = Guard(["127.0.0.1/32"])
BODY = bytes(range(256)) * 4096 * 3  # 3 MiB
ETAG = '"abc123"'


def note(part: Path) -> Path:
    return part.with_name(part.name + ".json")


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "parts" / "job.two.part"


@pytest.fixture
def leftover(tmp_path: Path) -> Path:
    return tmp_path / "parts" / "job.one.part"


def cut_at(url: str, path: Path, **options: Any) -> None:
    """An earlier try that was cut short."""
    with pytest.raises(MediaUnreachable):
        download(url, path, guard=HERE, **options)


def assert_whole(got: Downloaded, part: Path, body: bytes = BODY) -> None:
    assert part.read_bytes() == body
    assert (got.path, got.size_bytes) == (part, len(body))
    assert got.sha256 == hashlib.sha256(body).hexdigest()


# -- the plain way ------------------------------------------------------------------------------


def test_a_file_comes_home_whole_with_its_hash(media: Any, part: Path) -> None:
    url = media.at("/v.mp4", lambda e: e.offer(BODY, ETag=ETAG, Content_Type="video/mp4"))

    got = download(url, part, guard=HERE, size_bytes=len(BODY))

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

    download(url, part, guard=HERE)

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

    assert_whole(download(media.at("/v", route), part, guard=HERE), part)


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

    got = download(url, part, guard=HERE, progress=progress)

    part.unlink()
    assert got.size_bytes == size
    assert most < 16 * 1024**2


def test_progress_is_told_every_few_mebibytes_and_at_the_end(media: Any, part: Path) -> None:
    told: list[tuple[int, int | None]] = [(0, None)]
    body = BODY * 10
    url = media.at("/v", lambda e: e.offer(body))

    download(url, part, guard=HERE, progress=lambda done, total: told.append((done, total)))

    assert all(0 <= after - before < 4 * 1024**2 for (before, _), (after, _) in itertools.pairwise(told))
    assert told[-1] == (len(body), len(body))


def test_a_pause_and_a_stop_reach_a_download_from_a_silent_server(media: Any, part: Path) -> None:
    """A stopping worker has eight seconds; a server may be silent for longer."""
    calls = []

    def progress(done: int, total: int | None) -> None:
        calls.append(done)
        if len(calls) == 2:
            raise Interrupted("stopping")

    url = media.at("/v", lambda e: (e.answer("200 OK", b"abc", Content_Length=9, ETag=ETAG), media.closing.wait(10)))
    began = time.monotonic()

    with pytest.raises(Interrupted):
        download(url, part, guard=HERE, progress=progress)

    assert time.monotonic() - began < 4
    assert part.read_bytes() == b"abc"


def test_a_stop_before_the_answer_ends_the_download_too(media: Any, part: Path) -> None:
    def progress(done: int, total: int | None) -> None:
        raise Interrupted("stopping")

    url = media.at("/v", lambda e: media.closing.wait(10))

    with pytest.raises(Interrupted):
        download(url, part, guard=HERE, progress=progress)


def test_an_interrupted_download_goes_on_later(media: Any, leftover: Path, part: Path) -> None:
    def stop(done: int, total: int | None) -> None:
        if done > 0:
            raise Interrupted("stopping")

    url = media.at("/v", lambda e: e.offer(BODY, ETag=ETAG))
    with pytest.raises(Interrupted):
        download(url, leftover, guard=HERE, progress=stop)
    have = leftover.stat().st_size
    assert 0 < have < len(BODY)

    assert_whole(download(url, part, guard=HERE, leftover=leftover), part)
    assert media.requests[1].header("Range") == f"bytes={have}-"


# -- cut and resumed ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "validator",
    [
        {"ETag": ETAG},
        {"Last_Modified": "Mon, 02 Nov 2026 10:00:00 GMT", "Date": "Mon, 02 Nov 2026 10:00:02 GMT"},
    ],
)
def test_a_cut_file_goes_on_where_it_stopped(
    media: Any, leftover: Path, part: Path, validator: dict[str, str]
) -> None:
    url = media.at("/v", lambda e: e.offer(BODY, upto=1_000_000, **validator))
    cut_at(url, leftover)
    other = media.at("/renewed-link", lambda e: e.offer(BODY, Content_Type="video/mp4", **validator))

    got = download(other, part, guard=HERE, leftover=leftover)

    assert_whole(got, part)
    assert media.requests[1].header("Range") == "bytes=1000000-"
    assert media.requests[1].header("If-Range") == validator.get("ETag", validator.get("Last_Modified"))
    assert not leftover.exists()
    assert not note(leftover).exists()


def test_the_same_part_can_be_gone_on_with(media: Any, part: Path) -> None:
    url = media.at("/v", lambda e: e.offer(BODY, upto=None if len(media.requests) > 1 else 5000, ETag=ETAG))
    cut_at(url, part)

    assert_whole(download(url, part, guard=HERE), part)
    assert media.requests[1].header("Range") == "bytes=5000-"


def test_a_server_that_ignores_the_range_sends_it_all_again(media: Any, leftover: Path, part: Path) -> None:
    cut_at(media.at("/v", lambda e: e.offer(BODY, upto=5000, ETag=ETAG)), leftover)
    url = media.at("/v", lambda e: e.answer("200 OK", BODY, ETag=ETAG))

    assert_whole(download(url, part, guard=HERE, leftover=leftover), part)


def test_a_file_that_changed_meanwhile_is_never_mixed_with_the_old_one(
    media: Any, leftover: Path, part: Path
) -> None:
    cut_at(media.at("/v", lambda e: e.offer(BODY, upto=5000, ETag=ETAG)), leftover)
    changed = BODY[::-1]
    url = media.at("/v", lambda e: e.offer(changed, ETag='"other"'))

    assert_whole(download(url, part, guard=HERE, leftover=leftover), part, changed)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Range": f"bytes 5000-{len(BODY) - 1}/{len(BODY)}", "ETag": '"other"'},
        {"Content_Range": f"bytes 4000-{len(BODY) - 1}/{len(BODY)}", "ETag": ETAG},
        {"Content_Range": f"bytes 5000-{len(BODY) - 1}/{len(BODY) + 1}", "ETag": ETAG},
        {"Content_Range": f"bytes 5000-{len(BODY) - 2}/{len(BODY)}", "ETag": ETAG},
        {"Content_Range": "bytes 5000-4999/3145728", "ETag": ETAG},
        {"Content_Range": "bytes 5000-/*", "ETag": ETAG},
        {"Content_Type": "multipart/byteranges; boundary=x", "ETag": ETAG},
    ],
)
def test_a_rest_that_does_not_fit_is_thrown_away_and_all_asked_for_again(
    media: Any, leftover: Path, part: Path, headers: dict[str, str]
) -> None:
    cut_at(media.at("/v", lambda e: e.offer(BODY, upto=5000, ETag=ETAG)), leftover)

    def route(e: Any) -> None:
        if e.header("Range"):
            e.answer("206 Partial Content", BODY[5000:], **headers)
        else:
            e.offer(BODY, ETag=ETAG)

    assert_whole(download(media.at("/v", route), part, guard=HERE, leftover=leftover), part)


def test_a_whole_leftover_is_not_sent_again(media: Any, leftover: Path, part: Path) -> None:
    url = media.at("/v", lambda e: e.offer(BODY, ETag=ETAG, Content_Type="video/mp4"))
    download(url, leftover, guard=HERE)

    got = download(url, part, guard=HERE, leftover=leftover, size_bytes=len(BODY))

    assert_whole(got, part)
    assert got.content_type == "video/mp4"
    assert media.requests[1].header("Range") == f"bytes={len(BODY)}-"


def test_a_leftover_longer_than_the_file_is_thrown_away(media: Any, leftover: Path, part: Path) -> None:
    download(media.at("/v", lambda e: e.offer(BODY + b"more", ETag=ETAG)), leftover, guard=HERE)
    url = media.at("/v", lambda e: e.offer(BODY, ETag=ETAG))

    assert_whole(download(url, part, guard=HERE, leftover=leftover), part)
    assert len(media.requests) == 3


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"ETag": 'W/"weak"'},
        {"ETag": "unquoted"},
        {"ETag": ETAG, "Accept_Ranges": "none"},
        {"Last_Modified": "Mon, 02 Nov 2026 10:00:00 GMT", "Date": "Mon, 02 Nov 2026 10:00:00 GMT"},
        {"Last_Modified": "Mon, 02 Nov 2026 10:00:00 GMT"},
        {"Last_Modified": "yesterday", "Date": "today"},
    ],
)
def test_a_cut_file_that_nothing_identifies_is_not_kept(media: Any, part: Path, headers: dict[str, str]) -> None:
    cut_at(media.at("/v", lambda e: e.offer(BODY, upto=5000, **headers)), part)

    assert not part.exists()
    assert not note(part).exists()


@pytest.mark.parametrize("damage", ["another boot", "no note", "half a note", "odd types"])
def test_a_leftover_whose_note_cannot_be_trusted_is_started_anew(
    media: Any, leftover: Path, part: Path, damage: str
) -> None:
    cut_at(media.at("/v", lambda e: e.offer(BODY, upto=5000, ETag=ETAG)), leftover)
    text = note(leftover).read_text()
    if damage == "another boot":
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        note(leftover).write_text(text.replace(boot, "0000"))
    elif damage == "no note":
        note(leftover).unlink()
    else:
        note(leftover).write_text(text[:-20] if damage == "half a note" else text.replace('"\\"abc123\\""', "7"))
    url = media.at("/v", lambda e: e.offer(BODY, ETag=ETAG))

    assert_whole(download(url, part, guard=HERE, leftover=leftover), part)
    assert media.requests[1].header("Range") is None


def test_a_leftover_that_a_frozen_runner_still_holds_is_left_alone(
    media: Any, leftover: Path, part: Path
) -> None:
    cut_at(media.at("/v", lambda e: e.offer(BODY, upto=5000, ETag=ETAG)), leftover)
    url = media.at("/v", lambda e: e.offer(BODY, ETag=ETAG))

    with open(leftover, "rb") as frozen:
        fcntl.flock(frozen, fcntl.LOCK_EX)
        got = download(url, part, guard=HERE, leftover=leftover)

    assert_whole(got, part)
    assert media.requests[1].header("Range") is None
    assert leftover.stat().st_size == 5000


def test_a_part_that_somebody_else_is_writing_is_not_touched(media: Any, part: Path) -> None:
    part.parent.mkdir()
    part.write_bytes(b"theirs")
    url = media.at("/v", lambda e: e.offer(BODY))

    with open(part, "rb") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        with pytest.raises(Outrun):
            download(url, part, guard=HERE)

    assert part.read_bytes() == b"theirs"
    assert media.requests == []


def test_nobody_else_can_take_a_part_while_it_is_written(media: Any, part: Path) -> None:
    held = []

    def progress(done: int, total: int | None) -> None:
        with open(part, "rb") as other:
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held.append(False)
            except BlockingIOError:
                held.append(True)

    download(media.at("/v", lambda e: e.offer(BODY)), part, guard=HERE, progress=progress)

    assert held
    assert all(held)


def test_a_link_planted_as_a_part_is_not_written_through(media: Any, part: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    part.parent.mkdir()
    part.symlink_to(victim)

    with pytest.raises(StorageFull):
        download(media.at("/v", lambda e: e.offer(BODY)), part, guard=HERE)

    assert victim.read_bytes() == b"precious"


# -- answers that are no file -------------------------------------------------------------------


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
        download(url, part, guard=HERE)

    assert type(caught.value) is error
    assert list(part.parent.iterdir()) == []


def test_a_dead_link_does_not_cost_what_was_received_before(media: Any, leftover: Path, part: Path) -> None:
    cut_at(media.at("/v", lambda e: e.offer(BODY, upto=5000, ETag=ETAG)), leftover)

    with pytest.raises(MediaGone):
        download(media.at("/v", lambda e: e.answer("403 Forbidden")), part, guard=HERE, leftover=leftover)

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
        download(media.at("/v", lambda e: e.send(answer)), part, guard=HERE)

    assert list(part.parent.iterdir()) == []


def test_a_server_that_is_down_is_tried_again_later(part: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))

        with pytest.raises(MediaUnreachable):
            download(f"http://127.0.0.1:{taken.getsockname()[1]}/v", part, guard=HERE)


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
        download(url, part, guard=HERE)

    assert list(part.parent.iterdir()) == []


# -- sizes --------------------------------------------------------------------------------------


def test_a_file_shorter_than_the_provider_says_is_refused_before_it_is_fetched(media: Any, part: Path) -> None:
    url = media.at("/v", lambda e: e.offer(BODY[: len(BODY) * 2 // 3], ETag=ETAG))

    with pytest.raises(MediaBroken, match=str(len(BODY))):
        download(url, part, guard=HERE, size_bytes=len(BODY))

    assert list(part.parent.iterdir()) == []


def chunked(e: Any, body: bytes) -> None:
    e.answer(
        "200 OK", b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), Content_Length=None, Transfer_Encoding="chunked"
    )


def test_chunks_that_end_before_the_provider_says_are_tried_again(media: Any, part: Path) -> None:
    cut_at(media.at("/v", lambda e: chunked(e, BODY[:-1])), part, size_bytes=len(BODY))


def test_chunks_that_go_on_past_what_the_provider_says_are_refused(media: Any, part: Path) -> None:
    with pytest.raises(MediaBroken):
        download(media.at("/v", lambda e: chunked(e, BODY + b"x")), part, guard=HERE, size_bytes=len(BODY))

    assert list(part.parent.iterdir()) == []


def test_a_file_that_ends_with_the_connection_is_measured_against_the_provider(media: Any, part: Path) -> None:
    url = media.at("/v", lambda e: e.answer("200 OK", BODY[:5000], Content_Length=None))

    cut_at(url, part, size_bytes=len(BODY))
    assert download(url, part, guard=HERE).size_bytes == 5000


@pytest.mark.parametrize("length", [None, 3_000_001])
def test_a_file_over_the_cap_is_refused(media: Any, part: Path, length: int | None) -> None:
    def route(e: Any) -> None:
        e.answer("200 OK", Content_Length=length)
        while not media.closing.is_set():
            e.send(bytes(65536))

    with pytest.raises(MediaBroken, match="3000000"):
        download(media.at("/v", route), part, guard=HERE, limits=Limits(max_bytes=3_000_000))

    assert list(part.parent.iterdir()) == []


# -- time ---------------------------------------------------------------------------------------


def test_a_silent_server_is_given_up(media: Any, part: Path) -> None:
    url = media.at("/v", lambda e: media.closing.wait(10))
    began = time.monotonic()

    cut_at(url, part, limits=Limits(read_s=0.6))

    assert time.monotonic() - began < 3


def test_a_server_that_falls_silent_in_the_middle_is_given_up(media: Any, part: Path) -> None:
    url = media.at("/v", lambda e: (e.answer("200 OK", b"abc", Content_Length=9, ETag=ETAG), media.closing.wait(10)))

    cut_at(url, part, limits=Limits(read_s=0.6))

    assert part.read_bytes() == b"abc"


def test_a_dripping_body_is_given_up_for_its_rate(media: Any, part: Path) -> None:
    def route(e: Any) -> None:
        e.answer("200 OK", Content_Length=100_000, ETag=ETAG)
        media.drip(e, bytes(100_000), 0.05)

    with pytest.raises(MediaUnreachable, match="slow"):
        download(media.at("/v", route), part, guard=HERE, limits=Limits(rate_window_s=0.8))

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
        download(media.at("/v", route), part, guard=HERE, limits=Limits(deadline_s=0.7))

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
            download(
                f"http://127.0.0.1:{full.getsockname()[1]}/v", part, guard=HERE, limits=Limits(connect_s=0.6)
            )

        assert time.monotonic() - began < 3


# -- redirects ----------------------------------------------------------------------------------


def led(media: Any, times: int, last: str) -> str:
    """A link that leads on so often, and then there."""
    for number in range(times):
        last = media.at(f"/hop{number}", lambda e, to=last: e.answer("302 Found", Location=to))
    return last


def test_three_redirects_are_followed_and_a_fourth_is_not(media: Any, part: Path) -> None:
    url = media.at("/v", lambda e: e.offer(BODY))

    assert_whole(download(led(media, 3, "/v"), part, guard=HERE), part)
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
        download(url, part, guard=Guard([f"127.0.0.1:{media.port}"]))

    assert len(media.requests) == 1
    assert list(part.parent.iterdir()) == []


def test_a_redirect_without_a_place_is_denied(media: Any, part: Path) -> None:
    with pytest.raises(MediaDenied):
        download(media.at("/v", lambda e: e.answer("302 Found")), part, guard=HERE)


# -- names and certificates ---------------------------------------------------------------------


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

    got = download(f"http://media.corp:{media.port}/v", part, guard=Guard(["media.corp"]))

    assert_whole(got, part)
    assert asked == ["media.corp"]
    assert media.requests[0].header("Host") == f"media.corp:{media.port}"


def test_a_dead_address_of_a_name_is_passed_over(
    media: Any, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(2, 1, 6, "", ("127.0.0.9", 0)), (2, 1, 6, "", ("127.0.0.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    media.at("/v", lambda e: e.offer(BODY))

    assert_whole(download(f"http://media.corp:{media.port}/v", part, guard=Guard(["media.corp"])), part)


@pytest.fixture
def trusted(authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))


@pytest.mark.usefixtures("trusted")
def test_https_works_with_a_certificate_for_the_host(secure_media: Any, part: Path) -> None:
    url = secure_media("localhost").at("/v", lambda e: e.offer(BODY))

    assert_whole(download(url, part, guard=Guard(["localhost"])), part)


@pytest.mark.usefixtures("trusted")
def test_https_with_another_hosts_certificate_is_refused(secure_media: Any, part: Path) -> None:
    server = secure_media("other")

    with pytest.raises(MediaUnreachable, match="certificate"):
        download(server.at("/v", lambda e: e.offer(BODY)), part, guard=Guard(["localhost"]))

    assert server.requests == []


def test_https_with_an_unknown_authority_is_refused(secure_media: Any, part: Path) -> None:
    server = secure_media("localhost")

    with pytest.raises(MediaUnreachable, match="certificate"):
        download(server.at("/v", lambda e: e.offer(BODY)), part, guard=Guard(["localhost"]))


# -- our own disk -------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one mebibyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:  # noqa: S603
        pytest.skip("no right to mount a small disk here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S603, S607


def test_a_file_larger_than_the_disk_is_not_begun(media: Any, small_disk: Path) -> None:
    url = media.at("/v", lambda e: e.offer(BODY, ETag=ETAG))

    with pytest.raises(StorageFull, match="free some space"):
        download(url, small_disk / "j.o.part", guard=HERE)

    assert list(small_disk.iterdir()) == []


def test_a_disk_that_fills_up_on_the_way_gets_its_space_back(media: Any, small_disk: Path) -> None:
    url = media.at("/v", lambda e: chunked(e, BODY))

    with pytest.raises(StorageFull, match="full"):
        download(url, small_disk / "j.o.part", guard=HERE)

    assert list(small_disk.iterdir()) == []


def test_a_write_that_the_system_refuses_is_our_own_fault_and_leaves_nothing(media: Any, part: Path) -> None:
    url = media.at("/v", lambda e: e.offer(BODY, ETag=ETAG))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
        with pytest.raises(StorageFull):
            download(url, part, guard=HERE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)

    assert list(part.parent.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_our_own_fault(media: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageFull):
        download(media.at("/v", lambda e: e.offer(BODY)), tmp_path / "file" / "j.o.part", guard=HERE)
