"""The process that forks a child for each call of `sandbox`, as its owner has it: started, asked, ended."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

#: All that it knows of its owner's environment.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}


def start_process(program: str, control: socket.socket) -> subprocess.Popen[bytes]:
    """A new process with nothing of this one's, in a session of its own; its standard input is `control`."""
    root = str(Path(__file__).resolve().parents[3])
    return subprocess.Popen(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {root!r}); {program}"],
        stdin=control.fileno(),
        stdout=subprocess.DEVNULL,
        env=ENVIRONMENT,
        start_new_session=True,
    )


class Server:
    """The owner's handle on the server process: started on first use, restarted when it died.

    program: what it runs; each channel arrives on its standard input.
    """

    def __init__(self, program: str) -> None:
        self._program = program
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._owner = 0

    @contextlib.contextmanager
    def call(self) -> Any:
        """A channel to a new child; closing it ends the child."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            with self._lock:
                try:
                    socket.send_fds(self._started(), [b"."], [theirs.fileno()])
                except OSError:
                    self._stop()
            theirs.close()
            yield ours

    def close(self) -> None:
        """Stop the server; the next call starts another."""
        with self._lock:
            self._stop()

    def _started(self) -> socket.socket:
        if self._owner != os.getpid():  # a fork of the owner: the server is the owner's, not ours
            self._process = self._control = None
        if self._control is None or self._process is None or self._process.poll() is not None:
            self._stop()
            self._control = self._start()
        return self._control

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = start_process(self._program, theirs)
        self._owner = os.getpid()
        return ours

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = self._control = None
