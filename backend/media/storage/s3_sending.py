"""How requests to a bucket are sent: by the rule for all calls, and with an end to each.

The library itself limits only the silence between two reads. A server that drips a byte now and then would
hold a thread for days. Here a watchdog shuts the request's socket down at its deadline, whatever the server
is at; the library takes that for a line that broke.
"""

import ssl
from pathlib import Path
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
from botocore.httpsession import ProxyConfiguration, URLLib3Session

from backend.http.outbound import Outbound, Proxy
from backend.http.sockets import MIN_BYTES_PER_S, SocketDeadline, WatchedConnection


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


class _Session(URLLib3Session):  # type: ignore[misc]  # botocore has no types
    """The library's own way to send, by the rule for all calls that leave the program.

    The library offers no door for it, hence the private names.
    """

    def __init__(self, outbound: Outbound, client: Any) -> None:
        """client: whose session it replaces; a file of authorities that this one has counts, too."""
        usual, config = client._endpoint.http_session, client.meta.config
        named = (Path(usual._verify),) if isinstance(usual._verify, str) else ()
        self._trust = outbound.trust_store(*named)
        timeout = (config.connect_timeout, config.read_timeout)
        super().__init__(
            timeout=timeout,
            max_pool_connections=config.max_pool_connections,
            socket_options=usual._socket_options,
        )
        self._proxy_config = _Ways(outbound)
        self._pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
        self._manager.pool_classes_by_scheme = self._pool_classes_by_scheme

    def _get_ssl_context(self) -> ssl.SSLContext:
        return self._trust

    def _setup_ssl_cert(self, conn: Any, url: str, verify: Any) -> None:
        conn.cert_reqs = "CERT_REQUIRED"

    def _setup_proxy_ssl_context(self, proxy_url: str) -> ssl.SSLContext:
        return self._trust


class _Ways(ProxyConfiguration):  # type: ignore[misc]  # botocore has no types
    """Which proxy each request goes through."""

    def __init__(self, outbound: Outbound) -> None:
        super().__init__()
        self._outbound = outbound

    def proxy_url_for(self, url: str) -> str | None:
        proxy = self._outbound.proxy_for(url)
        return proxy.url if proxy else None

    def proxy_headers_for(self, proxy_url: str) -> dict[str, str]:
        return Proxy(proxy_url).headers


def take_over_sending(client: Any, outbound: Outbound, *, base_s: float) -> None:
    """Afterwards this client's requests obey `outbound`, and have an end.

    base_s: how long a try of one with nothing to carry may last; others get what their bytes explain besides.

    Raises:
        ValueError: a file of authorities in the library's own settings can't be used.
    """
    try:
        session = _Session(outbound, client)
    except OSError as error:
        raise ValueError(f"AWS_CA_BUNDLE names no file of authorities ({error}).") from error
    client._endpoint.http_session = session

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
