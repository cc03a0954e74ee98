"""An end to every request to a bucket: the library itself limits only the silence between two reads.

A server that drips a byte now and then would hold a thread for days. Here a watchdog shuts the request's
socket down at its deadline, whatever the server is at; the library takes that for a line that broke.
"""

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

from backend.http import MIN_BYTES_PER_S, SocketDeadline, WatchedConnection


class _Plain(WatchedConnection, AWSHTTPConnection):  # type: ignore[misc]  # botocore has no types
    pass


class _Secure(WatchedConnection, AWSHTTPSConnection):  # type: ignore[misc]  # botocore has no types
    pass


class _PlainPool(AWSHTTPConnectionPool):  # type: ignore[misc]  # botocore has no types
    ConnectionCls = _Plain


class _SecurePool(AWSHTTPSConnectionPool):  # type: ignore[misc]  # botocore has no types
    ConnectionCls = _Secure


class _Stream:
    """A body that is read later, with a deadline of its own, which ends when it is closed."""

    def __init__(self, raw: Any, call: SocketDeadline) -> None:
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
    call = SocketDeadline()
    call.start(base_s + _length(request.headers) / MIN_BYTES_PER_S)
    try:
        answer = session.send(request)
        if call.timed_out:  # a head that was cut off reads like a short one: "404" and no more
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
