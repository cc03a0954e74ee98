"""What the adapter tests share: a media server on loopback that can misbehave, and real small videos."""

import socket
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests import programs
from tests.adapters.download.downloads import Fetch
from tests.certificates import server_context
from tests.loopback import Loopback, Seen, read_request


class Exchange:
    """One request as it arrived, and the socket to answer it on, byte by byte."""

    def __init__(self, sock: socket.socket, seen: Seen) -> None:
        self.sock, self.method, self.path, self.headers = sock, seen.method, seen.path, seen.headers
        self.send = sock.sendall

    def header(self, name: str) -> str | None:
        return self.headers.get(name.lower())

    def answer(self, status: str, body: bytes = b"", **headers: Any) -> None:
        """A head with these headers (`_` for `-`), Content-Length unless given (None: none), and a body."""
        headers.setdefault("Content_Length", len(body))
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value is not None]
        self.send("\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode() + body)

    def offer(self, body: bytes, *, upto: int | None = None, **headers: Any) -> None:
        """A file as an object store gives it: Range and If-Range honoured; cut after `upto` bytes."""
        start = 0
        asked, condition = self.header("Range"), self.header("If-Range")
        same = condition in {headers.get("ETag"), headers.get("Last_Modified")}
        if asked and (condition is None or same):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                headers["Content_Range"] = f"bytes */{len(body)}"
                return self.answer("416 Range Not Satisfiable", **headers)
            headers["Content_Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        rest = body[start:] if upto is None else body[start:upto]
        status = "206 Partial Content" if start else "200 OK"
        self.answer(status, rest, Content_Length=len(body) - start, **headers)


class MediaServer(Loopback):
    """Answers each path by a function of yours; keeps what was asked."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.requests: list[Exchange] = []
        self._routes: dict[str, Callable[[Exchange], Any]] = {}
        super().__init__(context)

    def connection(self, sock: socket.socket) -> None:
        if seen := read_request(sock):
            exchange = Exchange(sock, seen)
            self.requests.append(exchange)
            route = self._routes.get(seen.path) or self._routes.get("", lambda e: e.answer("404 Not Found"))
            route(exchange)

    def at(self, path: str, route: Callable[[Exchange], Any]) -> str:
        """Answer this path so from now on (an empty one: all others); returns its link."""
        self._routes[path] = route
        return f"{self.url}{path}"


@pytest.fixture
def media() -> Iterator[MediaServer]:
    with closing(MediaServer()) as server:
        yield server


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """Where a download goes."""
    return tmp_path / "parts" / "job.two.part"


@pytest.fixture
def leftover(tmp_path: Path) -> Path:
    """Where an earlier try of it went."""
    return tmp_path / "parts" / "job.one.part"


@pytest.fixture
def fetch(media: MediaServer, part: Path, leftover: Path) -> Fetch:
    return Fetch(media, part, leftover)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one mebibyte."""
    with programs.small_disk(tmp_path / "small", "1m") as folder:
        yield folder


@pytest.fixture
def secure_media(authority: Path) -> Iterator[Callable[[str], MediaServer]]:
    """A function from the stem of a certificate to a server that shows it."""
    with ExitStack() as servers:

        def start(stem: str) -> MediaServer:
            return servers.enter_context(closing(MediaServer(server_context(authority, stem))))

        yield start


def video(
    extension: str = "mp4",
    *,
    seconds: float = 1.0,
    size: tuple[int, int] = (320, 180),
    audio: bool = False,
    dark_first: bool = False,
    **muxer: str,
) -> bytes:
    """A real video of moving noise: H.264 in MP4 or MOV, VP8 in WebM. No pixels: sound alone."""
    coder, options, speech = "libx264", {"preset": "ultrafast"}, "aac"
    if extension == "webm":
        coder, options, speech = "libvpx", {"deadline": "realtime", "cpu-used": "8"}, "libopus"
    # A file and not a buffer, because `faststart` opens it once more, by its name.
    with (
        tempfile.NamedTemporaryFile(suffix=f".{extension}") as out,
        av.open(out.name, "w", format=extension, options=muxer) as writer,
    ):
        if all(size):
            stream = writer.add_stream(coder, rate=24, options=options, pix_fmt="yuv420p", bit_rate=400_000)
            stream.width, stream.height = size
        sound = writer.add_stream(speech, rate=48000) if audio else None
        noise = np.random.default_rng(7).integers(60, 255, (size[1], size[0], 3), dtype=np.uint8)
        for number in range(round(24 * seconds) if all(size) else 0):
            picture = np.roll(noise, 5 * number, axis=1) // (40 if dark_first and number == 0 else 1)
            writer.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        for number in range(round(48 * seconds) if sound else 0):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.int16), format="s16", layout="stereo")
            frame.sample_rate, frame.pts = 48000, 1024 * number
            writer.mux(sound.encode(frame))
        for ended in writer.streams:
            writer.mux(ended.encode(None))
        writer.close()
        return Path(out.name).read_bytes()


@pytest.fixture(scope="session")
def make_video() -> Callable[..., bytes]:
    """`video`, each kind made once a session."""
    return cache(video)
