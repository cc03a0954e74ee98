"""The sockets of one call: shut down at its deadline, whatever the server is at, and whether one ever stood.

`requests` and the bucket's library limit only the silence between two reads, so a server that drips one byte
a second holds a call for hours.
"""

import contextlib
import re
import socket
import threading
from typing import Any

#: Who moves fewer bytes a second in one direction isn't there: four lines of a slow office are faster.
MIN_BYTES_PER_S = 16 * 1024

_REFUSED = re.compile(r"Tunnel connection failed: ([0-9]{3})")
_current = threading.local()


class SocketDeadline:
    """The sockets of one call, and the moment at which they are shut down.

    connected: a connection stood, TLS and any tunnel included, so a byte may have left.
    timed_out: its time was over.
    proxy_status: what a proxy answered by itself, in the server's place; 0: nothing.
    """

    def __init__(self) -> None:
        self.connected = self.timed_out = False
        self.proxy_status = 0
        self._sockets: list[socket.socket] = []
        self._timer: threading.Timer | None = None

    def start(self, deadline_s: float) -> None:
        """So long from now on, whatever was said before. Connections of this thread report here."""
        self.end()
        _current.deadline = self
        self._timer = threading.Timer(deadline_s, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        """The call is over: its sockets are left alone."""
        if self._timer is not None:
            self._timer.cancel()

    def watch_socket(self, sock: Any) -> None:
        """Remember a socket of this call, so that it can be ended."""
        if isinstance(sock, socket.socket):
            self._sockets.append(sock)

    def note_refusal(self, status: int) -> None:
        """A proxy has answered by itself: nothing has come through to the server."""
        self.proxy_status, self.connected = status, False

    def _cut(self) -> None:
        self.timed_out = True
        for sock in self._sockets:
            with contextlib.suppress(OSError):  # already closed, or handed over to TLS, which is here, too
                sock.shutdown(socket.SHUT_RDWR)


class WatchedConnection:
    """Makes a connection of urllib3 tell its thread's call which socket it uses, and that it stands."""

    sock: Any

    def _new_conn(self) -> Any:  # before TLS is agreed upon, which may take for ever, too
        sock = super()._new_conn()  # type: ignore[misc]  # of the class that this is mixed into
        _current.deadline.watch_socket(sock)
        return sock

    def _tunnel(self) -> None:  # over a connection to the proxy, perhaps under TLS
        _current.deadline.watch_socket(self.sock)
        try:
            super()._tunnel()  # type: ignore[misc]  # of the class that this is mixed into
        except OSError as error:
            if refused := _REFUSED.match(str(error)):
                _current.deadline.note_refusal(int(refused[1]))
            raise

    def connect(self) -> None:
        """Connect; afterwards the call knows that it is connected."""
        super().connect()  # type: ignore[misc]  # of the class that this is mixed into
        self._report()

    def request(self, *args: Any, **options: Any) -> None:
        """Send a request; one over a connection that is used again is connected from the start."""
        if self.sock is not None:
            self._report()
        super().request(*args, **options)  # type: ignore[misc]  # of the class that this is mixed into

    def _report(self) -> None:
        _current.deadline.watch_socket(self.sock)
        _current.deadline.connected = True
