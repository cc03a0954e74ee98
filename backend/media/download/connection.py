"""One GET over a connection to an address that was judged before, with somebody watching it.

`http.client` on a socket of our own: no cookies, credentials, redirects or retries exist here, and a proxy
where the target names one. Every wait on the network is cut into ticks, so that whoever watches can end a
connection that is silent, slow or late, at any stage, from within the caller's own thread.
"""

import contextlib
import http.client
import io
import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from urllib3.util.ssltransport import SSLTransport

from backend.http.outbound import DEFAULT_PORT, Proxy
from backend.media.download.address_guard import ResolvedTarget

#: The longest wait before the watcher is asked again; a stopping worker has 8 s.
TICK_S = 0.5

#: A connection; the second is TLS within the TLS that is spoken to a proxy.
_Line = socket.socket | SSLTransport

#: Called at least every `TICK_S` while waiting; raises to end the connection.
#: Its argument: how many bytes came since it was called last.
WatchCallback = Callable[[int], None]


class PinnedConnection:
    """A connection to one target. Use it as a context; afterwards the socket is closed.

    trust: what certificates are checked with. connect_s: how long each address of the target, or of its
        proxy, gets to answer and to agree on TLS.

    Raises (from every method, and from reading the answer):
        OSError, http.client.HTTPException: whatever went wrong on the way.
    """

    def __init__(
        self, target: ResolvedTarget, watch: WatchCallback, *, trust: ssl.SSLContext, connect_s: float
    ) -> None:
        self._target = target
        self._watch = watch
        self._trust = trust
        self._connect_s = connect_s
        self._sock: _Line | None = None

    def __enter__(self) -> "PinnedConnection":
        return self

    def __exit__(self, *_: object) -> None:
        if self._sock is not None:
            self._sock.close()

    def connect(self) -> None:
        """Connect to the first of the target's addresses that answers, by way of its proxy if it has one."""
        last: OSError | None = None
        for ip in self._target.ips:
            try:
                self._sock = self._reach(ip, self._patience())
                return
            except OSError as error:
                last = error
        raise last or OSError("no address")

    def _reach(self, ip: str, watch: WatchCallback) -> _Line:
        """A line to the target, or to the proxy that plain http is asked of."""
        target, proxy = self._target, self._target.proxy
        sock: _Line = _tcp(ip, proxy.port if proxy else target.port, watch)
        try:
            if proxy and proxy.scheme == "https":
                sock = _tls(sock, proxy.host, watch, self._trust)
            if proxy and target.scheme == "https":
                _open_tunnel(sock, target, proxy, watch)
            return _tls(sock, target.host, watch, self._trust) if target.scheme == "https" else sock
        except BaseException:
            sock.close()
            raise

    def _patience(self) -> WatchCallback:
        """The watcher, who also ends an attempt to connect that takes too long; not what comes afterwards."""
        until = time.monotonic() + self._connect_s

        def watch(got: int) -> None:
            self._watch(got)
            if self._sock is None and time.monotonic() > until:
                raise TimeoutError(f"no answer within {self._connect_s:.0f} s")

        return watch

    def get(self, headers: dict[str, str]) -> http.client.HTTPResponse:
        """Ask once, and return the answer with its body still to be read. Call `connect` before."""
        if self._sock is None:
            raise OSError("not connected")
        conn = http.client.HTTPConnection(self._target.host, self._target.port)
        conn.default_port = DEFAULT_PORT[self._target.scheme]
        conn.sock = _Watched(self._sock, self._watch)
        asked, proxy = self._target.path, self._target.proxy
        if proxy and self._target.scheme == "http":  # asked of the proxy, by the whole link
            asked, headers = f"http://{self._target.host_and_port}{asked}", {**headers, **proxy.headers}
        conn.putrequest("GET", asked, skip_accept_encoding=True)
        for name, value in headers.items():
            conn.putheader(name, value)
        conn.endheaders()
        return conn.getresponse()


def _tcp(ip: str, port: int, watch: WatchCallback) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            sock.connect((ip, port))
        ready = select.poll()
        ready.register(sock, select.POLLOUT)
        while not ready.poll(TICK_S * 1000):
            watch(0)
        fault = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if fault:
            raise OSError(fault, f"{ip} port {port} can't be reached")
        sock.settimeout(TICK_S)
    except BaseException:
        sock.close()
        raise
    return sock


class ProxyRefusedError(OSError):
    """A proxy does not pass us on; the target was not reached."""


def _open_tunnel(line: _Line, target: ResolvedTarget, proxy: Proxy, watch: WatchCallback) -> None:
    """Afterwards the proxy passes on whatever comes. OSError: it does not, and the target was not reached."""
    lines = {"Host": target.host_and_port, "User-Agent": "dailies", **proxy.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    sock = _Watched(line, watch)
    sock.sendall(f"CONNECT {target.host_and_port} HTTP/1.1\r\n{head}\r\n".encode())
    with http.client.HTTPResponse(sock, method="CONNECT") as answer:  # type: ignore[arg-type]  # it asks for makefile
        answer.begin()
        if answer.status // 100 != 2:
            raise ProxyRefusedError(f"the proxy itself answers {answer.status}")


def _tls(sock: _Line, host: str, watch: WatchCallback, trust: ssl.SSLContext) -> _Line:
    """The same connection under TLS, the certificate checked against the host that was asked for."""
    if isinstance(sock, (ssl.SSLSocket, SSLTransport)):  # within the TLS that is spoken to a proxy
        return SSLTransport(_Under(sock, watch), trust, host)  # type: ignore[arg-type]  # needs no more of a socket
    secure = trust.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    try:
        while True:
            try:
                secure.do_handshake()
                return secure
            except TimeoutError:
                watch(0)
    except BaseException:
        secure.close()
        raise


class _Watched:
    """What `http.client` needs of a socket."""

    def __init__(self, sock: _Line, watch: WatchCallback) -> None:
        self._sock = sock
        self._watch = watch

    def sendall(self, data: bytes) -> None:
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self._sock, self._watch), 65536)

    def close(self) -> None:
        """`http.client` lets go when it has the headers; the body is still to come, so this closes it."""


class _Under(_Watched):
    """What TLS needs of the line that it is spoken over. What comes is counted above it."""

    def recv(self, size: int) -> bytes:
        buffer = bytearray(size)
        got = _Incoming(self._sock, lambda _: self._watch(0)).readinto(buffer)
        return bytes(buffer[:got])

    def close(self) -> None:
        self._sock.close()


class _Incoming(io.RawIOBase):
    """The receiving side, read in ticks."""

    def __init__(self, sock: _Line, watch: WatchCallback) -> None:
        self._sock = sock
        self._watch = watch

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            try:
                got = int(self._sock.recv_into(buffer) or 0)
            except TimeoutError:
                self._watch(0)
                continue
            self._watch(got)
            return got
