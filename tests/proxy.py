"""A small proxy, before one server of HTTP or on the way to all: it does to some requests what bad lines do.

Every request has a connection of its own, on both sides, so that a fault hits that request alone.
"""

import contextlib
import re
import select
import socket
import ssl
import struct
import threading
from dataclasses import dataclass

from tests.loopback import Loopback, read_message
from tests.waiting import PATIENCE_S


@dataclass
class Fault:
    """What happens `times` times to requests whose first line holds all these words.

    kind: `reset` the connection in mid-body, or before the server hears of it; `stall`: take the request
    and say nothing; `lost`: the server gets and answers it, and the connection is reset instead of the
    answer; `half`: the answer ends in its middle; `say`: `answer` instead of the server's; `drip`: that, byte
    by byte, and no end of it.
    """

    kind: str
    words: tuple[str, ...]
    times: int
    answer: bytes
    done: int = 0

    def is_for(self, line: str) -> bool:
        return self.done < self.times and all(word in line for word in self.words)


#: Headers that are for a proxy itself.
_OURS = (b"connection:", b"expect:", b"proxy-")
#: The port in what only a proxy is asked: a line to a host, or a whole link.
_NAMED = re.compile(rb"(?:CONNECT |[A-Z]+ http://)[^ /]+?:([0-9]+)")


class Proxy(Loopback):
    """Listens on a port of its own. `asked`: the first line of each request; `faults` are tried in turn.

    port: of the server that it stands before; what is asked as of a forward proxy goes to the port that is
    named, on this machine, whatever the host. context: TLS is spoken to it. heads: of each request.
    """

    def __init__(self, port: int = 0, context: ssl.SSLContext | None = None) -> None:
        self.faults, self.asked, self.heads = list[Fault](), list[str](), list[bytes]()
        self._upstream, self._lock = port, threading.Lock()
        super().__init__(context)

    def forget(self) -> None:
        """As new."""
        for kept in (self.faults, self.asked, self.heads):
            kept.clear()

    def fault(self, kind: str, *words: str, times: int = 1, answer: bytes = b"") -> Fault:
        """From now on, do this to the next requests whose first line holds all these words."""
        self.faults.append(Fault(kind, words, times, answer))
        return self.faults[-1]

    def connection(self, client: socket.socket) -> None:
        head, body = read_message(client)
        if not head:
            return
        line, *headers = head.split(b"\r\n")
        fault = self._fault_of(line.decode("latin-1"), head)
        if fault and fault.kind == "say":
            return client.sendall(fault.answer)
        if fault and fault.kind == "drip":
            return self.drip(client, fault.answer, every_s=0.05)
        seen = self.passed_on(line, headers, body)
        if isinstance(seen, bytes):
            return client.sendall(seen)
        headers, body = seen
        kept = [one for one in headers if not one.lower().startswith(_OURS)]
        named, kind = _NAMED.match(line), fault.kind if fault else ""
        to = ("127.0.0.1", int(named[1]) if named else self._upstream)
        try:
            server = socket.create_connection(to, PATIENCE_S)
        except OSError:
            return client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n" if named else b"")
        with server:
            if line.startswith(b"CONNECT "):
                return self._hold_line(client, server)
            line = re.sub(rb" http://[^ /]+", b" ", line, count=1)
            head = b"\r\n".join([line, *kept, b"Connection: close", b"", b""])
            self._pass_on(client, server, head, body, kind)

    def passed_on(self, line: bytes, headers: list[bytes], body: bytes) -> tuple[list[bytes], bytes] | bytes:
        """What the server gets to see of a request; or what is answered in its stead."""
        return headers, body

    def _hold_line(self, client: socket.socket, server: socket.socket) -> None:
        """Whatever comes on one side goes out on the other, until one of them ends."""
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        other = {client: server, server: client}
        with contextlib.suppress(OSError):
            while True:
                waiting = isinstance(client, ssl.SSLSocket) and client.pending()
                ready = [client] if waiting else select.select([client, server], [], [], PATIENCE_S)[0]
                for side in ready:
                    if not (data := side.recv(65536)):
                        return
                    other[side].sendall(data)

    def _fault_of(self, line: str, head: bytes) -> Fault | None:
        with self._lock:
            self.asked.append(line)
            self.heads.append(head)
            fault = next((one for one in self.faults if one.is_for(line)), None)
            if fault:
                fault.done += 1
            return fault

    def _pass_on(
        self, client: socket.socket, server: socket.socket, head: bytes, body: bytes, kind: str
    ) -> None:
        if kind == "reset":
            if body:  # some of it comes through
                server.sendall(head + body[: len(body) // 2])
            _reset(server)
            return _reset(client)
        server.sendall(head)
        if kind == "stall":
            self.closing.wait(PATIENCE_S)
            return None
        server.sendall(body)
        answer = b"".join(iter(lambda: server.recv(65536), b""))
        if kind == "lost":
            return _reset(client)
        end = len(answer)
        if kind == "half":
            end -= (end - answer.index(b"\r\n\r\n") - 4) // 2
        return client.sendall(answer[:end])


def _reset(sock: socket.socket) -> None:
    """Close with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
