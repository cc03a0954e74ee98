"""One GET over a connection to an address that was judged before, with somebody watching it.

`http.client` on a socket of our own: no proxies, cookies, credentials, redirects or retries exist
here. Every wait on the network is cut into ticks, so that whoever watches can end a connection that
is silent, slow or late, at any stage, from within the caller's own thread.
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

import certifi

from backend.media.download.address_guard import DEFAULT_PORT, ResolvedTarget

#: The longest wait before the watcher is asked again; a stopping worker has 8 s.
TICK_S = 0.5

#: Called at least every `TICK_S` while waiting; raises to end the connection.
#: Its argument: how many bytes came since it was called last.
WatchCallback = Callable[[int], None]


class PinnedConnection:
    """A connection to one target. Use it as a context; afterwards the socket is closed.

    connect_s: how long each address of the target gets, to answer and to agree on TLS.

    Raises (from every method, and from reading the answer):
        OSError, http.client.HTTPException: whatever went wrong on the way.
    """

    def __init__(self, target: ResolvedTarget, watch: WatchCallback, *, connect_s: float) -> None:
        self._target = target
        self._watch = watch
        self._connect_s = connect_s
        self._sock: socket.socket | None = None

    def __enter__(self) -> "PinnedConnection":
        return self

    def __exit__(self, *_: object) -> None:
        if self._sock is not None:
            self._sock.close()

    def connect(self) -> None:
        """Connect to the first of the target's addresses that answers."""
        last: OSError | None = None
        for ip in self._target.ips:
            try:
                watch = self._patience()
                sock = _tcp(ip, self._target.port, watch)
                self._sock = _tls(sock, self._target.host, watch) if self._target.scheme == "https" else sock
                return
            except OSError as error:
                last = error
        raise last or OSError("no address")

    def _patience(self) -> WatchCallback:
        """The watcher, who also ends an attempt to connect that takes too long."""
        until = time.monotonic() + self._connect_s

        def watch(got: int) -> None:
            self._watch(got)
            if time.monotonic() > until:
                raise TimeoutError(f"no answer within {self._connect_s:.0f} s")

        return watch

    def get(self, headers: dict[str, str]) -> http.client.HTTPResponse:
        """Ask once, and return the answer with its body still to be read. Call `connect` before."""
        if self._sock is None:
            raise OSError("not connected")
        conn = http.client.HTTPConnection(self._target.host, self._target.port)
        conn.default_port = DEFAULT_PORT[self._target.scheme]
        conn.sock = _Watched(self._sock, self._watch)
        conn.putrequest("GET", self._target.path, skip_accept_encoding=True)
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


def _tls(sock: socket.socket, host: str, watch: WatchCallback) -> socket.socket:
    """The same connection under TLS, the certificate checked against the host that was asked for."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    secure = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
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

    def __init__(self, sock: socket.socket, watch: WatchCallback) -> None:
        self._sock = sock
        self._watch = watch

    def sendall(self, data: bytes) -> None:
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self._sock, self._watch), 65536)

    def close(self) -> None:
        """`http.client` lets go when it has the headers; the body is still to come, so this closes it."""


class _Incoming(io.RawIOBase):
    """The receiving side, read in ticks."""

    def __init__(self, sock: socket.socket, watch: WatchCallback) -> None:
        self._sock = sock
        self._watch = watch

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            try:
                got = self._sock.recv_into(buffer)
            except TimeoutError:
                self._watch(0)
                continue
            self._watch(got)
            return got
