"""A proxy between a browser and the dashboard that keeps WebSockets out, as some companies' do."""

import socket
import threading
from contextlib import ExitStack, closing, suppress
from typing import Any, Self
from urllib.parse import urlsplit

from tests.ports import reserved_port

_REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Between:
    """Passes every connection on but those that would be WebSockets.

    silent: these are let through as well, and then nothing that is said over them. kept_out: how many were.
    """

    def __init__(self, origin: str, *, silent: bool) -> None:
        self._to = (urlsplit(origin).hostname or "", urlsplit(origin).port or 80)
        self._silent, self._ends = silent, ExitStack()
        self.kept_out, self.lets_through = 0, False

    def __enter__(self) -> Self:
        port = self._ends.enter_context(reserved_port())
        self.origin = f"http://127.0.0.1:{port}"
        self._listens = self._ends.enter_context(closing(socket.create_server(("127.0.0.1", port))))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listens.shutdown(socket.SHUT_RDWR)
        self._ends.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the test is over
            while True:
                here, _ = self._listens.accept()
                threading.Thread(target=self._serve, args=(here,), daemon=True).start()

    def _serve(self, here: socket.socket) -> None:
        with closing(here), closing(socket.create_connection(self._to)) as there, suppress(OSError):
            while request := here.recv(65536):
                if b"upgrade: websocket" in request.lower() and not self.lets_through:
                    self.kept_out += 1
                    if not self._silent:
                        here.sendall(_REFUSED)
                        return
                    there.sendall(request)
                    here.sendall(there.recv(65536))  # 101
                    while here.recv(65536):
                        pass
                    return
                there.sendall(request)
                threading.Thread(target=_pass_on, args=(there, here), daemon=True).start()
                while more := here.recv(65536):
                    there.sendall(more)


def _pass_on(there: Any, here: Any) -> None:
    with suppress(OSError):
        while answer := there.recv(65536):
            here.sendall(answer)
        here.shutdown(socket.SHUT_WR)
