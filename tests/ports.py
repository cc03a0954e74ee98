"""Ports for programs that are told theirs before they start."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_kept = ExitStack()


@contextmanager
def reserved_port(address: str = "127.0.0.1") -> Iterator[int]:
    """A port that the kernel gives to nobody else meanwhile.

    It is bound and does not listen: a call to it is refused, and a server that sets SO_REUSEADDR, as all
    servers here do, may listen there as often as it likes.
    """
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, 0))
        yield int(sock.getsockname()[1])


def reserve_port() -> int:
    """The same, for as long as this process lives."""
    return _kept.enter_context(reserved_port())
