"""Starts processes of the program out of one that has imported it: a start costs no second of imports.

They are processes like any other: each has its own id, environment, working folder, log and end, and may
be killed or frozen. Only what Python does before a program's first line was done before. Where that
counts too, as when everything is started by its own command, processes are started in the usual way.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
#: What every process of the program needs, and what its commands load when they are given.
PRELOAD = (
    "backend.cli",
    "backend.services.operations.backup",
    "backend.services.operations.doctor",
    "backend.services.operations.sweep",
    "backend.services.operations.verify",
    "backend.services.storage.migrate",
    "backend.store.database.schema.sqlite_to_postgres",
    "backend.web.serve",
    "backend.work.distributed",
    "backend.work.embedded",
    "tests.e2e.crash",
)
#: A request is a command and an environment.
REQUEST_BYTES = 65536


def can_start(command: list[str], env: Mapping[str, str]) -> bool:
    """Is this a command of the program that is imported?"""
    ours = (["-m", "backend"], ["-m", "tests.e2e.crash"])
    known = command[:2] in ours or command[:1] == [str(ROOT / "webhook_server.py")]
    return known and env.get("PYTHONPATH") == str(ROOT) and command[:3] != ["-m", "backend", "up"]


class Forked:
    """A process of the program; to its owner it is as one of `subprocess.Popen`."""

    def __init__(self, command: list[str], env: Mapping[str, str], cwd: Path, out: Path, err: Path) -> None:
        for log in (out, err):
            log.touch()
        self.args = command
        self.returncode: int | None = None
        self._told, theirs = socket.socketpair()
        self._lock = threading.Lock()
        request = {"command": command, "env": dict(env), "cwd": str(cwd), "out": str(out), "err": str(err)}
        with theirs:
            _launcher.send(json.dumps(request).encode(), theirs.fileno())
        self.pid = self._read()

    def poll(self) -> int | None:
        """Its exit code (negative: the signal that ended it), or None while it lives."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        with self._lock:
            if self.returncode is None:
                if not select.select([self._told], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired(self.args, timeout or 0)
                self.returncode = self._read()
                self._told.close()
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _read(self) -> int:
        """The next number that is told of it: its id, at last how it ended."""
        told = self._told.recv(16)
        assert told, "the launcher is gone"
        return int(told)


class _Launcher:
    """The process that has everything imported; started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def send(self, request: bytes, handle: int) -> None:
        with self._lock:
            if self._control is None:
                self._control = self._start()
            socket.send_fds(self._control, [request], [handle])

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-m", __name__],
                stdin=theirs.fileno(),
                cwd=ROOT,
                env={**kept, "PYTHONPATH": str(ROOT)},
            )
        return ours

    def close(self) -> None:
        """It ends, with all that it has started."""
        if self._control is not None and self._process is not None:
            self._control.close()
            self._process.wait(60)
            self._control = None


_launcher = _Launcher()
atexit.register(_launcher.close)


# -- in the launcher ------------------------------------------------------------------------------


class _Children:
    """The processes that were started, and the line on which the end of each is told."""

    def __init__(self) -> None:
        self._lines: dict[int, socket.socket] = {}

    def fork(self, line: socket.socket) -> bool:
        """In the new process: True."""
        pid = os.fork()
        if pid == 0:
            for other in (line, *self._lines.values()):
                other.close()
            return True
        line.send(b"%d" % pid)
        self._lines[pid] = line
        return False

    def reap(self) -> None:
        """Tell of those that have ended."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                with self._lines.pop(pid) as line, suppress(OSError):
                    line.send(b"%d" % os.waitstatus_to_exitcode(status))

    def kill(self) -> None:
        for pid in self._lines:
            os.kill(pid, signal.SIGKILL)


def serve() -> dict[str, Any]:
    """Fork a process for each request, until nobody is left to ask; returns in each of these."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests; this ends when they do
    signal.signal(signal.SIGCHLD, lambda *_: None)
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    children = _Children()
    with socket.socket(fileno=0) as control:
        while True:
            ready, _, _ = select.select([control, woken], [], [])
            if woken in ready:
                os.read(woken, 4096)
                children.reap()
            if control in ready:
                request, handles, _, _ = socket.recv_fds(control, REQUEST_BYTES, 1)
                if not request:
                    children.kill()
                    os._exit(0)
                os.set_inheritable(handles[0], False)
                if children.fork(socket.socket(fileno=handles[0])):
                    break
    signal.set_wakeup_fd(-1)
    for handle in (woken, wake):
        os.close(handle)
    asked: dict[str, Any] = json.loads(request)
    return asked


def become(command: list[str], env: dict[str, str], cwd: str, out: str, err: str) -> None:
    """As a new interpreter begins with this command."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(cwd)
    for number, path, mode in ((0, os.devnull, os.O_RDONLY), (1, out, os.O_WRONLY), (2, err, os.O_WRONLY)):
        handle = os.open(path, mode | os.O_APPEND | os.O_CREAT)
        if handle != number:
            os.dup2(handle, number)
            os.close(handle)
        os.set_inheritable(number, True)
    module = command[0] == "-m"
    sys.argv = command[1:] if module else command
    sys.path[0] = cwd if module else str(Path(command[0]).parent)
    if module:
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(command[0], run_name="__main__")


def main() -> None:
    for name in PRELOAD:
        importlib.import_module(name)
    assert threading.active_count() == 1, "a process with threads can't be copied"
    gc.freeze()
    become(**serve())


if __name__ == "__main__":
    main()
