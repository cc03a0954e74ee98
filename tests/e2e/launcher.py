"""Starts processes of the program as forks of one that has imported it: a start costs no second of imports.

They are processes like any other: each has its own id, environment, working folder, log and end, and may
be killed or frozen. Only what Python does before a program's first line was done before. Where that
counts too, as when everything is started by its own command, processes are started in the usual way.
"""

import ctypes
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
#: What every process of the program needs, and what its commands load when they are given.
PRELOAD = [
    "tests.e2e.keep_all",
    __name__,
    "backend.cli",
    "backend.services.operations.backup",
    "backend.services.operations.doctor",
    "backend.services.operations.sweep",
    "backend.services.operations.verify",
    "backend.services.storage.migrate",
    "backend.store.database.schema.sqlite_to_postgres",
    "backend.web.dashboard",
    "backend.web.serve",
    "backend.work.distributed",
    "backend.work.embedded",
    "streamlit.web.bootstrap",
    "streamlit.web.cli",
    "tests.e2e.crash",
    "tests.e2e.warm",
]
#: The dashboard, where its port is named: else it starts itself over, which is the program's own affair.
DASHBOARD = ["-m", "streamlit", "run", str(ROOT / "app.py")]
#: `prctl`: a signal for a process whose parent is gone.
PR_SET_PDEATHSIG = 1
#: `setns`: a namespace of networks.
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_server: Any = forkserver._forkserver
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(PRELOAD)


class Fork(ForkServerProcess):
    """A process that begins with nothing of what this one runs.

    Python has a new process run the script again that stands as `__main__`; Streamlit's runner puts each page
    there that a test of pages runs, and a dashboard would begin with that page and its settings.
    """

    def start(self) -> None:
        left, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
        try:
            super().start()
        finally:
            sys.modules["__main__"] = left


def prepare() -> None:
    """What processes are copies of runs: on the network of this thread, where it stays."""
    _server.ensure_running()


def share() -> str:
    """The same, for all workers of a run, until this process ends: to be given to each of them (`join`)."""
    prepare()
    return str(_server._forkserver_address)


def join(address: str) -> None:
    """Processes of this worker are copies of what `share` runs: it need not import the program once more."""
    _server._forkserver_address, _server._forkserver_alive_fd = address, os.open(os.devnull, os.O_RDONLY)
    _server.ensure_running = resource_tracker.ensure_running  # whoever shares it has


def start(
    command: list[str],
    env: Mapping[str, str],
    cwd: Path,
    *,
    out: Path,
    err: Path,
    network: Path | None = None,
) -> Any:
    """Start a process; a command of the program without the time that its imports take.

    network: that of the calling thread, as a file, when it isn't that of the tests (`tests.hosts.network`).
    """
    modules = ("backend", "tests.e2e.crash", "tests.e2e.small_moves")
    ours = (*(["-m", module] for module in modules), [str(ROOT / "webhook_server.py")])
    python, *words = command
    known = python == sys.executable and (words[:2] in ours or words[:1] in ours or _is_dashboard(words))
    if known and env.get("PYTHONPATH") == str(ROOT) and words[2:] != ["up"]:
        return Forked(words, env, cwd, out, err, network)
    with out.open("ab") as output, err.open("ab") as errors:
        return subprocess.Popen(
            command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=errors
        )


def calling(target: Callable[..., None], *given: Any) -> Any:
    """A process that will call this, with the environment of this moment; its queues are of `FORKS`."""
    return Fork(target=_call, args=(dict(os.environ), target, given), daemon=True)


def _call(env: dict[str, str], target: Callable[..., None], given: tuple[Any, ...]) -> None:
    os.environ.clear()
    os.environ.update(env)
    target(*given)


def _is_dashboard(words: list[str]) -> bool:
    return words[:4] == DASHBOARD and any(word.startswith("--server.port=") for word in words)


def enter_network(namespace: int) -> None:
    """This thread is in this network then, and all that it starts; `os.setns` does it from Python 3.12 on."""
    if _libc.setns(namespace, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Forked:
    """A process of the program; to its owner it is as one of `subprocess.Popen`."""

    def __init__(
        self,
        command: list[str],
        env: Mapping[str, str],
        cwd: Path,
        out: Path,
        err: Path,
        network: Path | None,
    ) -> None:
        for log in (out, err):
            log.touch()
        given = (command, dict(env), str(cwd), str(out), str(err), network)
        self._process = Fork(target=become, args=given, daemon=True)
        self._process.start()
        self.pid = self._process.pid or 0

    def poll(self) -> int | None:
        """Its exit code (negative: the signal that ended it), or None while it lives."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def become(
    command: list[str], env: dict[str, str], cwd: str, out: str, err: str, network: Path | None
) -> None:
    """As a new interpreter begins with this command; it dies with the one it is a copy of."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if network:
        with network.open() as there:
            enter_network(there.fileno())
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(cwd)
    for number, path, mode in ((0, os.devnull, os.O_RDONLY), (1, out, os.O_WRONLY), (2, err, os.O_WRONLY)):
        handle = os.open(path, mode | os.O_APPEND | os.O_CREAT)
        os.dup2(handle, number)
        os.close(handle)
    module = command[0] == "-m"
    sys.argv = command[1:] if module else command
    sys.path[:1] = [cwd if module else str(Path(command[0]).parent), str(ROOT)]
    if module:
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(command[0], run_name="__main__")
