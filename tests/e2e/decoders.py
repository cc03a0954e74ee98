"""The processes that check files, as forks of one that has imported the decoders: `launcher` says why.

Like one that the program starts itself, such a process has nothing of its owner's but the log and the folder,
is in a session of its own and in its owner's network, and ends with its owner.
"""

import gc
import importlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from backend.media.decode import sandbox, sandbox_server
from tests.e2e.launcher import enter_network

ROOT = Path(__file__).resolve().parents[2]
NETWORK = "/proc/self/ns/net"
_PID = struct.Struct("i")
_requests: socket.socket | None = None


def prepare() -> None:
    """From now on forks of this process, and it, start such processes in this way."""
    global _requests
    _requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from {__name__} import serve; serve()"
    with theirs:
        subprocess.Popen(
            [sys.executable, "-P", "-c", program], stdin=theirs.fileno(), env=sandbox_server.ENVIRONMENT
        )
    sandbox_server.start_process = start_process


def start_process(_program: str, control: socket.socket) -> Any:
    """See `sandbox_server`."""
    assert _requests
    with ExitStack() as ends:
        folder, network = (os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in (".", NETWORK))
        ends.callback(os.close, folder)
        ends.callback(os.close, network)
        ours, theirs = map(ends.enter_context, socket.socketpair())
        handles = [control.fileno(), 2, folder, network, theirs.fileno()]
        socket.send_fds(_requests, [b"."], handles)
        theirs.close()
        told = ours.recv(_PID.size)
    if not told:
        raise OSError("no process could be started")
    return Decoder(*_PID.unpack(told))


class Decoder:
    """Such a process, to its owner as one of `subprocess.Popen`; whoever forked it, reaps it."""

    def __init__(self, pid: int) -> None:
        self.pid, self._handle = pid, -1
        with suppress(ProcessLookupError):
            self._handle = os.pidfd_open(pid)

    def poll(self) -> int | None:
        return 0 if self._ended(0) else None

    def kill(self) -> None:
        if not self._ended(0):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def wait(self) -> None:
        self._ended(None)

    def _ended(self, within_ms: int | None) -> bool:
        if self._handle >= 0:
            ready = select.poll()
            ready.register(self._handle, select.POLLIN)
            if not ready.poll(within_ms):
                return False
            os.close(self._handle)
            self._handle = -1
        return True


def serve() -> None:
    """Fork a process for each that is asked for on standard input, until nobody is left who could ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    for name in sandbox.PRELOAD:
        importlib.import_module(name)
    gc.freeze()
    with socket.socket(fileno=0) as requests:
        while handles := socket.recv_fds(requests, 1, 5)[1]:
            pid = os.fork()
            if not pid:
                _become(*handles)
            with suppress(OSError):  # its owner was killed meanwhile
                os.write(handles[-1], _PID.pack(pid))
            for handle in handles:
                os.close(handle)


def _become(control: int, log: int, folder: int, network: int, answer: int) -> None:
    """The process that `sandbox_server.start_process` starts."""
    try:
        os.setsid()
        os.fchdir(folder)
        if os.fstat(network).st_ino != os.stat(NETWORK).st_ino:
            enter_network(network)
        os.dup2(control, 0)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(log, 2)
        os.closerange(3, 256)
        sandbox.serve()
    finally:
        os._exit(0)
