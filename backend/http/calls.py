"""Calls to a provider: one policy of trust, ways, deadlines and bounds.

Each is made once: no retry, no redirect, no cookie, no `.netrc`. `Outbound` says whom it trusts and which
proxy it goes through. A watchdog ends it at its deadline. It also knows whether a connection ever stood: if
none did, not one byte of the request has left. What a proxy answers by itself never reached the server.
"""

import threading
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

from backend.http.outbound import PROXY_REMEDY, TRUST_REMEDY, Outbound, Proxy
from backend.http.sockets import SocketDeadline, WatchedConnection

#: An answer to a submit is never larger than this; more is cut off.
ANSWER_MAX_BYTES = 4 * 1024 * 1024
#: So many connections to a provider are kept to be used again; more questions at once make new ones.
KEPT_CONNECTIONS = 32
#: A proxy's own answer to what it is to pass on: no server may give it. Source: RFC 9110, section 15.5.8.
PROXY_WANTS_NAME = 407
#: Shorter parts of a key are no secret, and stand in too many answers.
SECRET_MIN_CHARS = 6

#: What every request says besides its own headers.
HEADERS = {"User-Agent": "dailies", "Accept-Encoding": "identity"}


def redact_secret(body: bytes, secret: str) -> bytes:
    """An answer without our own key, which some servers repeat in their errors.

    secret: the key; of one in two parts ("id:secret"), the second alone is taken out, too.
    """
    for part in (secret, secret.rpartition(":")[2]):
        if len(part) >= SECRET_MIN_CHARS:
            body = body.replace(part.encode(), b"[key]")
    return body


class HttpAnswer(NamedTuple):
    """An answer as it came. headers: by name, in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpCall:
    """One call, by one `send`; `connected` tells whether a byte can have left.

    outbound: whom it trusts, and which way it goes.
    connect_s, read_s: the longest silence while connecting and reading.
    deadline_s: the longest the whole call may take; then its socket is shut down.
    connections: those to use again; None: a connection of its own, which is closed afterwards.
    """

    def __init__(
        self,
        *,
        outbound: Outbound,
        connect_s: float,
        read_s: float,
        deadline_s: float,
        max_bytes: int = ANSWER_MAX_BYTES,
        connections: "Connections | None" = None,
    ) -> None:
        self._timeout, self._deadline_s, self._max_bytes = (connect_s, read_s), deadline_s, max_bytes
        self._outbound, self._connections = outbound, connections
        self._deadline = SocketDeadline()

    @property
    def connected(self) -> bool:
        """Did a connection ever stand?"""
        return self._deadline.connected

    @property
    def timed_out(self) -> bool:
        """Was the call ended at its deadline?"""
        return self._deadline.timed_out

    def explain_error(self, error: Exception) -> str:
        """Why there is no answer, without the URL: the error's name, or what is at fault."""
        if status := self._deadline.proxy_status:
            return f"the proxy itself answers {status}"
        return "its certificate is not trusted" if _is_untrusted(error) else type(error).__name__

    def find_remedy(self, error: Exception) -> str:
        """Which setting names what is at fault; "": nobody knows."""
        if self._deadline.proxy_status:
            return PROXY_REMEDY
        return TRUST_REMEDY if _is_untrusted(error) else ""

    def send(self, method: str, url: str, **options: Any) -> HttpAnswer:
        """Make the call and read the answer, at most `max_bytes` + 1 of its body.

        Raises:
            requests.RequestException, OSError, ValueError: whatever went wrong; `connected` tells how far
                it came.
        """
        connections = self._connections or Connections(self._outbound)
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
        proxy = self._outbound.proxy_for(url)
        ways = {urlsplit(url).scheme: proxy.url} if proxy else {}
        response = session.request(
            method, url, stream=True, allow_redirects=False, timeout=self._timeout, proxies=ways, **options
        )
        if response.status_code == PROXY_WANTS_NAME and "http" in ways:
            self._deadline.note_refusal(PROXY_WANTS_NAME)
            response.close()
            raise requests.exceptions.ProxyError("the proxy wants to know who asks")
        body = bytearray()
        with response:
            for chunk in response.iter_content(65536):
                body += chunk
                if len(body) > self._max_bytes:
                    break
        if self.timed_out:  # what was cut off reads like an answer that is short
            raise requests.ReadTimeout("the call was ended at its deadline")
        return HttpAnswer(response.status_code, response.headers, bytes(body[: self._max_bytes + 1]))


def _is_untrusted(error: Exception) -> bool:
    return "CERTIFICATE_VERIFY_FAILED" in str(error)


class Connections(HTTPAdapter):
    """Connections that report to the call that uses them. Safe to use from many threads."""

    def __init__(self, outbound: Outbound) -> None:
        self._trust, self._lock = outbound.trust_store(), threading.Lock()
        super().__init__(pool_maxsize=KEPT_CONNECTIONS, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **_: Any) -> None:
        """All that TLS trusts is in one context, which is read once."""
        self.poolmanager = PoolManager(
            num_pools=connections, maxsize=maxsize, block=block, ssl_context=self._trust
        )
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **_: Any) -> Any:
        """The same through this proxy, to which TLS may be spoken as well."""
        with self._lock:
            manager = super().proxy_manager_for(proxy, ssl_context=self._trust, proxy_ssl_context=self._trust)
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """What the proxy alone is told."""
        return Proxy(proxy).headers

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """The context knows the authorities: none are to be read for a connection."""
        conn.cert_reqs = "CERT_REQUIRED"


class _Plain(WatchedConnection, HTTPConnection):
    pass


class _Secure(WatchedConnection, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


_POOLS = {"http": _PlainPool, "https": _SecurePool}
