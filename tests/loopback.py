"""Servers on loopback in the hands of a test: what comes in is kept, and what goes out is up to the test."""

import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.waiting import PATIENCE_S


class Loopback:
    """A TCP server: each line goes to `connection`, in a thread of its own; `closing` is set at the end."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.closing, self._context = threading.Event(), context
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                outer._handle(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 512  # a page asks for a hundred files at once

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A line that breaks is what many tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        self.url = f"https://localhost:{self.port}" if context else f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def connection(self, sock: socket.socket) -> None:
        raise NotImplementedError

    def drip(self, sock: socket.socket, data: bytes = b"", *, every_s: float = 0.02) -> None:
        """One byte at a time, and then blanks, until the server is closed or the client is gone."""
        at = 0
        while not self.closing.wait(every_s):
            sock.sendall(data[at : at + 1] or b" ")
            at += 1

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _handle(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE_S)
        if self._context is None:
            return self.connection(sock)
        with self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False) as secure:
            secure.do_handshake()
            self.connection(secure)
            secure.unwrap()


@dataclass(frozen=True)
class Seen:
    """One request as it came; a header that came twice has both values."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def read_message(sock: socket.socket) -> tuple[bytes, bytes]:
    """A request's head and its whole body; nothing where the line ends before, or speaks TLS."""
    got = bytearray()
    while b"\r\n\r\n" not in got:
        chunk = sock.recv(65536)
        if not chunk or chunk[0] == 0x16:
            return b"", b""
        got += chunk
    head, body = got.split(b"\r\n\r\n", 1)
    if b"100-continue" in head.lower():
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    while length and len(body) < int(length[1]):
        chunk = sock.recv(65536)
        if not chunk:
            raise ConnectionError("the client went away")
        body += chunk
    return bytes(head), bytes(body)


def read_request(sock: socket.socket) -> Seen | None:
    head, body = read_message(sock)
    if not head:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = (text.strip() for text in line.partition(":"))
        headers[name.lower()] = f"{headers[name.lower()]}, {value}" if name.lower() in headers else value
    method, path, _ = first.split(" ", 2)
    return Seen(method, path, headers, body)


#: What a server does with one connection, once it has read the request.
Behaviour = Callable[[socket.socket], Any]


class Peer(Loopback):
    """A server of HTTP that does the same to every request. `seen`: them; `does`: what it answers with.

    While `go` is cleared it is silent.
    """

    def __init__(self, does: Behaviour, context: ssl.SSLContext | None = None) -> None:
        self.does, self.seen, self.go = does, list[Seen](), threading.Event()
        self.go.set()
        super().__init__(context)

    @property
    def posts(self) -> list[Seen]:
        return [one for one in self.seen if one.method == "POST"]

    def connection(self, sock: socket.socket) -> None:
        if seen := read_request(sock):
            self.seen.append(seen)
            self.go.wait(PATIENCE_S)
            self.does(sock)

    def close(self) -> None:
        self.go.set()
        super().close()


def answer(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    """A whole answer, and the line closed. headers: further ones, `_` for `-`, or others of these."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = {"Content-Length": len(body), "Connection": "close", **given}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return raw(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body)


def raw(text: bytes) -> Behaviour:
    """These bytes, which need not be HTTP, and the line closed."""
    return lambda sock: sock.sendall(text)
