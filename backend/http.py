"""Every call that leaves the program for a provider: one policy of trust, ways, deadlines and bounds.

Each is made once: no retry, no redirect, no cookie, no `.netrc`; certifi's authorities are trusted; proxies
of the environment are not looked at. `requests` limits only the silence between two reads, so a server
that drips one byte a second holds a call for hours. Here a watchdog shuts the socket down at the deadline,
whatever the server is at. It also knows whether a connection ever stood: if none did, not one byte of the
request has left.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import certifi
import httpx
import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

from backend.domain.shape import load_json

#: An answer to a submit is never larger than this; more is cut off.
ANSWER_MAX_BYTES = 4 * 1024 * 1024
#: The largest answer to a question: a page of a catalogue with the schemas of many models.
QUESTION_MAX_BYTES = 32 * 1024 * 1024
#: The longest that a question may take, as a multiple of the longest silence, besides the time for its bytes.
DEADLINE_FACTOR = 3
#: Who moves fewer bytes a second in one direction isn't there: four lines of a slow office are faster.
MIN_BYTES_PER_S = 16 * 1024
#: So many connections to a provider are kept to be used again; more questions at once make new ones.
KEPT_CONNECTIONS = 32
#: Shorter parts of a key are no secret, and stand in too many answers.
SECRET_MIN_CHARS = 6

#: What every request says besides its own headers.
HEADERS = {"User-Agent": "dailies", "Accept-Encoding": "identity"}

_current = threading.local()


def redact_secret(body: bytes, secret: str) -> bytes:
    """An answer without our own key, which some servers repeat in their errors.

    secret: the key; of one in two parts ("id:secret"), the second alone is taken out, too.
    """
    for part in (secret, secret.rpartition(":")[2]):
        if len(part) >= SECRET_MIN_CHARS:
            body = body.replace(part.encode(), b"[key]")
    return body


class SocketDeadline:
    """The sockets of one call, and the moment at which they are shut down.

    connected: a connection stood, TLS and any tunnel included, so a byte may have left.
    timed_out: its time was over.
    """

    def __init__(self) -> None:
        self.connected = self.timed_out = False
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


class HttpAnswer(NamedTuple):
    """An answer as it came. headers: by name, in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpCall:
    """One call, by one `send`; `connected` tells whether a byte can have left.

    connect_s, read_s: the longest silence while connecting and reading.
    deadline_s: the longest the whole call may take; then its socket is shut down.
    connections: those to use again; None: a connection of its own, which is closed afterwards.
    """

    def __init__(
        self,
        *,
        connect_s: float,
        read_s: float,
        deadline_s: float,
        max_bytes: int = ANSWER_MAX_BYTES,
        connections: "Connections | None" = None,
    ) -> None:
        self._timeout, self._deadline_s, self._max_bytes = (connect_s, read_s), deadline_s, max_bytes
        self._connections = connections
        self._deadline = SocketDeadline()

    @property
    def connected(self) -> bool:
        """Did a connection ever stand?"""
        return self._deadline.connected

    @property
    def timed_out(self) -> bool:
        """Was the call ended at its deadline?"""
        return self._deadline.timed_out

    def send(self, method: str, url: str, **options: Any) -> HttpAnswer:
        """Make the call and read the answer, at most `max_bytes` + 1 of its body.

        Raises:
            requests.RequestException, OSError, ValueError: whatever went wrong; `connected` tells how far
                it came.
        """
        connections = self._connections or Connections()
        self._deadline.start(self._deadline_s)
        try:
            return self._send(connections, method, url, options)
        finally:
            self._deadline.end()
            if connections is not self._connections:
                connections.close()

    def _send(self, connections: "Connections", method: str, url: str, options: Any) -> HttpAnswer:
        session = requests.Session()
        session.trust_env = False
        session.headers.update(HEADERS)
        session.mount("http://", connections)
        session.mount("https://", connections)
        response = session.request(
            method, url, stream=True, allow_redirects=False, timeout=self._timeout, **options
        )
        body = bytearray()
        with response:
            for chunk in response.iter_content(65536):
                body += chunk
                if len(body) > self._max_bytes:
                    break
        if self.timed_out:  # what was cut off reads like an answer that is short
            raise requests.ReadTimeout("the call was ended at its deadline")
        return HttpAnswer(response.status_code, response.headers, bytes(body[: self._max_bytes + 1]))


class Connections(HTTPAdapter):
    """Connections that report to the call that uses them. Safe to use from many threads."""

    def __init__(self) -> None:
        super().__init__(pool_maxsize=KEPT_CONNECTIONS, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **_: Any) -> None:
        """All that TLS trusts is in one context, which is read once."""
        self.poolmanager = PoolManager(
            num_pools=connections, maxsize=maxsize, block=block, ssl_context=_trust(certifi.where())
        )
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """The context knows the authorities: none are to be read for a connection."""
        conn.cert_reqs = "CERT_REQUIRED"


class HttpxTransport(httpx.BaseTransport):
    """The same calls for what asks by httpx, over connections that are kept. For questions and uploads.

    connect_s, read_s: the longest silence while connecting and reading.
    """

    def __init__(self, *, connect_s: float, read_s: float) -> None:
        self._connect_s, self._read_s = connect_s, read_s
        self._connections = Connections()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Make the call and read the answer to its end.

        Raises:
            httpx.ConnectError, httpx.ReadError, httpx.ReadTimeout: no whole answer came.
            httpx.DecodingError: it is too large.
        """
        content = request.read()
        call = HttpCall(
            connect_s=self._connect_s,
            read_s=self._read_s,
            deadline_s=self._read_s * DEADLINE_FACTOR + len(content) / MIN_BYTES_PER_S,
            max_bytes=QUESTION_MAX_BYTES,
            connections=self._connections,
        )
        try:
            answer = call.send(request.method, str(request.url), data=content, headers=dict(request.headers))
        except (requests.RequestException, OSError, ValueError) as error:
            raise _as_httpx(call, error, request) from error
        if len(answer.body) > QUESTION_MAX_BYTES:
            raise httpx.DecodingError("the answer is too large", request=request)
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in _ON_THE_WAY}
        return _Answer(answer.status, headers=headers, content=answer.body)

    def close(self) -> None:
        """No connection is left open."""
        self._connections.close()


class _Answer(httpx.Response):
    def json(self, **options: Any) -> Any:
        return load_json(self.content, **options)


#: Headers that say how an answer travelled, not what it is.
_ON_THE_WAY = frozenset({"content-encoding", "content-length", "transfer-encoding", "connection"})


def _as_httpx(call: HttpCall, error: Exception, request: httpx.Request) -> httpx.TransportError:
    if call.timed_out or isinstance(error, requests.Timeout):
        return httpx.ReadTimeout("no answer in time", request=request)
    kind = httpx.ReadError if call.connected else httpx.ConnectError
    return kind(type(error).__name__, request=request)


@lru_cache(maxsize=4)
def _trust(authorities: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authorities)


class _Plain(WatchedConnection, HTTPConnection):
    pass


class _Secure(WatchedConnection, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure
