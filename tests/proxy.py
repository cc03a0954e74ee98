"""A small TCP proxy before a server of HTTP, which does to chosen requests what bad lines do.

Every request has a connection of its own, on both sides, so that a fault hits that request alone.
"""

import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.loopback import Loopback
from tests.waiting import PATIENCE_S

CHUNK = 65536


@dataclass
class Fault:
    """What happens to requests. when: given the request's first line, is it one of these? times: so often.

    kind: `reset` the connection in mid-body, or before the server hears of it; `stall`: take the request
    and say nothing; `lost`: the server gets and answers it, and the connection is reset instead of the
    answer; `half`: reset in mid-answer; `drip`: the answer comes byte by byte; `say`: `answer` instead of
    the server's.
    """

    kind: str
    when: Callable[[str], bool]
    times: int = 1
    answer: bytes = b""
    done: int = field(default=0, init=False)


class Proxy(Loopback):
    """Listens on a port of its own. `asked`: the first line of each request; `faults` are tried in turn."""

    def __init__(self, port: int) -> None:
        self.faults: list[Fault] = []
        self.asked: list[str] = []
        self._upstream, self._lock = port, threading.Lock()
        super().__init__()

    def fault(self, kind: str, *words: str, times: int = 1, answer: bytes = b"") -> Fault:
        """From now on, do this to the next requests whose first line holds all these words."""
        made = Fault(kind, lambda line: all(word in line for word in words), times, answer)
        self.faults.append(made)
        return made

    def connection(self, client: socket.socket) -> None:
        head, rest = _head(client)
        if not head:
            return
        line = head.split(b"\r\n", 1)[0].decode("latin-1")
        with self._lock:
            self.asked.append(line)
            fault = next((one for one in self.faults if one.done < one.times and one.when(line)), None)
            if fault is not None:
                fault.done += 1
        if fault is not None and fault.kind == "say":
            _body(client, head, rest, lambda chunk: None)
            client.sendall(fault.answer)
            return
        with socket.create_connection(("127.0.0.1", self._upstream), PATIENCE_S) as server:
            self._pass_on(client, server, head, rest, fault.kind if fault else "")

    def _pass_on(
        self, client: socket.socket, server: socket.socket, head: bytes, rest: bytes, kind: str
    ) -> None:
        if kind == "reset":
            if _length(head):  # some of it comes through
                some = rest or client.recv(CHUNK)
                server.sendall(_alone(head) + some[: len(some) // 2])
            _reset(server)
            return _reset(client)
        server.sendall(_alone(head))
        if kind == "stall":
            self.closing.wait(PATIENCE_S)
            return None
        _body(client, head, rest, server.sendall)
        answer = b""
        while chunk := server.recv(CHUNK):
            if kind:
                answer += chunk
            else:
                client.sendall(chunk)
        if kind == "lost":
            return _reset(client)
        if kind == "half":
            start = answer.index(b"\r\n\r\n") + 4
            client.sendall(answer[: start + (len(answer) - start) // 2])
            self.closing.wait(0.2)  # so that what was sent is read before the reset
            return _reset(client)
        if kind == "drip":
            self.drip(client, answer, every_s=0.1)
        return None


def _head(sock: socket.socket) -> tuple[bytes, bytes]:
    """A request's head, and what came of its body with it."""
    got = b""
    while b"\r\n\r\n" not in got:
        chunk = sock.recv(CHUNK)
        if not chunk:
            return b"", b""
        got += chunk
    head, rest = got.split(b"\r\n\r\n", 1)
    if b"100-continue" in head.lower():
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    return head, rest


def _alone(head: bytes) -> bytes:
    """The head for a connection of its own, on which nobody waits for a `100 Continue`."""
    lines = [
        line for line in head.split(b"\r\n") if not line.lower().startswith((b"connection:", b"expect:"))
    ]
    return b"\r\n".join([*lines, b"Connection: close", b"", b""])


def _body(sock: socket.socket, head: bytes, rest: bytes, give: Callable[[bytes], Any]) -> None:
    """Hand a request's body on, as long as its head says."""
    left, chunk = _length(head), rest
    while left:
        if chunk:
            give(chunk)
            left -= len(chunk)
        if left:
            chunk = sock.recv(min(CHUNK, left))
            if not chunk:
                raise ConnectionError("the client went away")


def _length(head: bytes) -> int:
    """Bytes of the body."""
    lines = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return int(lines[0].split(b":")[1]) if lines else 0


def _reset(sock: socket.socket) -> None:
    """Close with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
