"""A small TCP proxy before a server of HTTP, which does to chosen requests what bad lines do.

Every request has a connection of its own, on both sides, so that a fault hits that request alone.
"""

import socket
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
    answer; `half`: the answer ends in its middle; `say`: `answer` instead of the server's.
    """

    kind: str
    words: tuple[str, ...]
    times: int
    answer: bytes
    done: int = 0

    def is_for(self, line: str) -> bool:
        return self.done < self.times and all(word in line for word in self.words)


class Proxy(Loopback):
    """Listens on a port of its own. `asked`: the first line of each request; `faults` are tried in turn."""

    def __init__(self, port: int) -> None:
        self.faults, self.asked = list[Fault](), list[str]()
        self._upstream, self._lock = port, threading.Lock()
        super().__init__()

    def fault(self, kind: str, *words: str, times: int = 1, answer: bytes = b"") -> Fault:
        """From now on, do this to the next requests whose first line holds all these words."""
        self.faults.append(Fault(kind, words, times, answer))
        return self.faults[-1]

    def connection(self, client: socket.socket) -> None:
        head, body = read_message(client)
        if not head:
            return
        line, *headers = head.split(b"\r\n")
        fault = self._fault_of(line.decode("latin-1"))
        if fault and fault.kind == "say":
            return client.sendall(fault.answer)
        kept = [one for one in headers if not one.lower().startswith((b"connection:", b"expect:"))]
        head = b"\r\n".join([line, *kept, b"Connection: close", b"", b""])
        with socket.create_connection(("127.0.0.1", self._upstream), PATIENCE_S) as server:
            self._pass_on(client, server, head, body, fault.kind if fault else "")

    def _fault_of(self, line: str) -> Fault | None:
        with self._lock:
            self.asked.append(line)
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
