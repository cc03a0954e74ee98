"""The connection beneath a request: closed without an answer, or in the middle of one."""

import socket
from typing import Any


def hang_up(environ: dict[str, Any]) -> None:
    """Close the client's connection now; whatever is answered afterwards reaches nobody.

    Needs to know the socket: the simulator's own server tells it, and waitress can be asked.
    """
    channel = getattr(environ.get("waitress.client_disconnected"), "__self__", None)
    sock = environ.get("werkzeug.socket") or getattr(channel, "socket", None)
    if sock is None:
        raise RuntimeError("this server doesn't let a program close a connection: use simulator.serve")
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:  # the client was quicker
        return
