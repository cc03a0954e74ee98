"""A provider's server in the hands of a test: it says what it is told to, byte by byte, and counts."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

#: What a server does with one connection, once it has read the request.
Behaviour = Callable[[socket.socket], None]


@dataclass(frozen=True)
class Seen:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Peer:
    """A server on loopback. `seen`: every request; `does`: what it answers with; `gone`: it is to leave."""

    def __init__(self, does: Behaviour) -> None:
        self.does, self.seen, self.gone = does, list[Seen](), threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def posts(self) -> list[Seen]:
        return [one for one in self.seen if one.method == "POST"]

    def close(self) -> None:
        self.gone.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while not self.gone.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            seen = _read(connection)
            if seen is None:
                return
            self.seen.append(seen)
            self.does(connection)


def answer(status: int, body: bytes, **headers: str) -> Behaviour:
    """A whole answer, and the line closed."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{more}\r\n"

    def does(connection: socket.socket) -> None:
        connection.sendall(head.encode() + body)

    return does


def half(body: bytes) -> Behaviour:
    """Half of a body whose length was told."""

    def does(connection: socket.socket) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body[: len(body) // 2])

    return does


def hang_up(connection: socket.socket) -> None:
    """The line closed without a word."""


def raw(text: bytes) -> Behaviour:
    """These bytes, which need not be HTTP."""
    return lambda connection: connection.sendall(text)


def drip(byte: bytes = b" ", *, every_s: float = 0.05, for_s: float = 20.0) -> Behaviour:
    """A body that never ends, one byte at a time: never a silence, never an answer."""

    def does(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{")
        until = time.monotonic() + for_s
        while time.monotonic() < until:
            connection.sendall(byte)
            time.sleep(every_s)

    return does


class Flood:
    """A body of so many megabytes, of no length that was told; `most` is the most that anybody read."""

    def __init__(self, megabytes: int) -> None:
        self._megabytes, self.most = megabytes, 0

    def __call__(self, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        for sent in range(self._megabytes):
            connection.sendall(b" " * 2**20)
            self.most = max(self.most, sent + 1)


def _read(connection: socket.socket) -> Seen | None:
    connection.settimeout(10)
    got = b""
    while b"\r\n\r\n" not in got:
        chunk = connection.recv(65536)
        if not chunk or chunk[0] == 0x16:  # TLS, which is not spoken here
            return None
        got += chunk
    head, _, body = got.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    method, path, _ = first.split(" ", 2)
    return Seen(method, path, headers, body)
