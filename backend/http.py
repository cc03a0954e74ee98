"""One HTTP call with `requests`, once: no retries, no redirects, no proxies, and an end to it.

`requests` limits only the silence between two reads, so a server that drips one byte a second holds
a call for hours. Here a watchdog shuts the socket down at the deadline, whatever the server is at.
It also knows whether a connection ever stood: if none did, not one byte of the request has left.
"""

import socket
import threading
from types import TracebackType
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

#: An answer of a provider is never larger than this; more is cut off and counts as unreadable.
ANSWER_MAX_BYTES = 4 * 1024 * 1024
#: Shorter parts of a key are no secret, and stand in too many answers.
SECRET_MIN_CHARS = 6


def redact_secret(body: bytes, secret: str) -> bytes:
    """An answer without our own key, which some servers repeat in their errors.

    secret: the key; of one in two parts ("id:secret"), the second alone is taken out, too.
    """
    for part in (secret, secret.rpartition(":")[2]):
        if len(part) >= SECRET_MIN_CHARS:
            body = body.replace(part.encode(), b"[key]")
    return body


class HttpCall:
    """A context for one call; `session` makes it, `connected` tells whether a byte can have left.

    connect_s, read_s: the longest silence while connecting and reading.
    deadline_s: the longest the whole call may take; then its socket is shut down.
    """

    def __init__(self, *, connect_s: float, read_s: float, deadline_s: float) -> None:
        self.connected = False
        self.timed_out = False
        self.timeout = (connect_s, read_s)
        self._sockets: list[socket.socket] = []
        self._watchdog = threading.Timer(deadline_s, self._cut)
        self._watchdog.daemon = True
        self.session = requests.Session()
        self.session.trust_env = False
        adapter = _Adapter(self)
        self.session.mount("http://", adapter)
        self.session.mount("https://", adapter)

    def __enter__(self) -> "HttpCall":
        self._watchdog.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watchdog.cancel()
        self.session.close()

    def send(self, method: str, url: str, **options: Any) -> tuple[requests.Response, bytes]:
        """Make the call and read the answer; afterwards no connection is left open.

        Returns the response (status and headers) and its body, at most `ANSWER_MAX_BYTES` + 1 bytes.

        Raises:
            requests.RequestException: whatever went wrong; `connected` tells how far it came.
        """
        options.setdefault("timeout", self.timeout)
        response = self.session.request(method, url, stream=True, allow_redirects=False, **options)
        with response:
            body = bytearray()
            for chunk in response.iter_content(65536):
                body += chunk
                if len(body) > ANSWER_MAX_BYTES:
                    break
        return response, bytes(body)

    def watch_socket(self, sock: socket.socket) -> None:
        """Remember a socket of this call, so that the watchdog can end it."""
        self._sockets.append(sock)

    def _cut(self) -> None:
        self.timed_out = True
        for sock in self._sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:  # already closed, or handed over to TLS, which is in the list too
                continue


class _Adapter(HTTPAdapter):
    """Connections that report to their call."""

    def __init__(self, call: HttpCall) -> None:
        self._call = call
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        self.poolmanager = PoolManager(num_pools=1, maxsize=1, block=False)
        self.poolmanager.pool_classes_by_scheme = _pools(self._call)


def _pools(call: HttpCall) -> dict[str, Any]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            sock = super()._new_conn()
            call.watch_socket(sock)
            return sock

        def connect(self) -> None:
            super().connect()
            call.connected = True

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            sock = super()._new_conn()
            call.watch_socket(sock)
            return sock

        def connect(self) -> None:
            super().connect()
            if isinstance(self.sock, socket.socket):
                call.watch_socket(self.sock)
            call.connected = True

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
