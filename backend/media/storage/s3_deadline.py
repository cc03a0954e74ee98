"""An end to every request to a bucket: the library itself limits only the silence between two reads.

A server that drips a byte now and then would hold a thread for days. Here a watchdog shuts the request's
socket down at its deadline, whatever the server is at; the library takes that for a line that broke.
"""

import contextlib
import socket
import threading
from typing import Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
    AWSPreparedRequest,
    AWSResponse,
)
from botocore.exceptions import ReadTimeoutError

#: Who moves fewer bytes a second in one direction isn't there: four lines of a slow office are faster.
MIN_BYTES_PER_S = 16 * 1024


class _Call:
    """One request's sockets, and the moment at which they are shut down."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._timer: threading.Timer | None = None
        self.was_cut = False

    def start(self, deadline_s: float) -> None:
        """So long from now on; an earlier deadline no longer counts."""
        self.end()
        self._timer = threading.Timer(deadline_s, self._shut)
        self._timer.daemon = True
        self._timer.start()

    def watch_socket(self, sock: Any) -> None:
        if isinstance(sock, socket.socket):
            self._sockets.append(sock)

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _shut(self) -> None:
        self.was_cut = True
        for sock in self._sockets:
            with contextlib.suppress(OSError):  # already closed, or handed over to TLS, which is here, too
                sock.shutdown(socket.SHUT_RDWR)


#: The call that this thread is at; connections are shared between threads, and tell it their socket.
_current = threading.local()


class _Reporting:
    """A connection that tells the call at hand which socket it uses."""

    sock: Any

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        _current.call.watch_socket(self.sock)

    def request(self, *args: Any, **options: Any) -> None:
        _current.call.watch_socket(self.sock)  # of a connection that is used again; None for a new one
        super().request(*args, **options)  # type: ignore[misc]


class _Plain(_Reporting, AWSHTTPConnection):  # type: ignore[misc]
    pass


class _Secure(_Reporting, AWSHTTPSConnection):  # type: ignore[misc]
    pass


class _PlainPool(AWSHTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls = _Plain


class _SecurePool(AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _Secure


class _Stream:
    """A body that is read later, with a deadline of its own, which ends when it is closed."""

    def __init__(self, raw: Any, call: _Call) -> None:
        self._raw, self._call = raw, call

    def close(self) -> None:
        self._call.end()
        self._raw.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


def set_deadlines(client: Any, *, base_s: float) -> None:
    """Afterwards no try of a request of this client lasts longer than its bytes can explain.

    base_s: for one with nothing to carry. The client's own session goes on sending, with what it knows of
    certificates and proxies; the library offers no door for other connections, hence the private names.
    """
    session = client._endpoint.http_session
    session._pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
    session._manager.pool_classes_by_scheme = session._pool_classes_by_scheme

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        return _timed(session, request, base_s)

    client.meta.events.register("before-send.s3", send)


def _timed(session: Any, request: AWSPreparedRequest, base_s: float) -> AWSResponse:
    """Send once. A body that streams is read later: it gets time by its length."""
    call = _current.call = _Call()
    call.start(base_s + _length(request.headers) / MIN_BYTES_PER_S)
    try:
        answer = session.send(request)
        if call.was_cut:  # a head that was cut off reads like a short one: "404" and no more
            raise ReadTimeoutError(endpoint_url=request.url)
    except BaseException:
        call.end()
        raise
    if request.stream_output and answer.status_code < 300:
        call.start(base_s + _length(answer.headers) / MIN_BYTES_PER_S)
        answer.raw = _Stream(answer.raw, call)
    else:
        call.end()
    return answer


def _length(headers: Any) -> int:
    value = headers.get("Content-Length") or "0"
    text = value.decode() if isinstance(value, bytes) else str(value)
    return int(text) if text.isdecimal() else 0
