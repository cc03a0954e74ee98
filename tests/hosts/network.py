"""Hosts of one network, as the kernel can make them: namespaces, each with a cable to one switch.

Nothing of it can be reached from outside, nor reaches outside. A thread is inside one of them at a time;
threads and processes that it starts are born there.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from tests.e2e.launcher import enter_network

#: The first three numbers of every address.
SUBNET = "10.77.0"
NAMES = Path("/run/netns")
_numbers = count(1)


class Network:
    """A switch, and the hosts that were joined to it."""

    def __init__(self) -> None:
        self._prefix = f"dailies-{os.getpid()}-{next(_numbers)}-"
        self._names: list[str] = []
        _remove_left_over()
        self._add("switch")
        self._ip("switch", "link", "add", "wire", "type", "bridge")
        self._ip("switch", "link", "set", "wire", "up")

    def join(self, name: str, number: int) -> str:
        """A new host of this name; returns its address."""
        address = f"{SUBNET}.{number}"
        self._add(name)
        self._ip("switch", "link", "add", name, "type", "veth", "peer", "eth0", "netns", self._prefix + name)
        self._ip("switch", "link", "set", name, "master", "wire", "up")
        self._ip(name, "addr", "add", f"{address}/24", "dev", "eth0")
        self._ip(name, "link", "set", "lo", "up")
        self._ip(name, "link", "set", "eth0", "up")
        return address

    def cut(self, name: str) -> None:
        """Pull its cable: what it sends goes nowhere, and nobody is told."""
        self._ip("switch", "link", "set", name, "down")

    def mend(self, name: str) -> None:
        """Put the cable back."""
        self._ip("switch", "link", "set", name, "up")

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Meanwhile this thread, and whatever it starts, is on that host."""
        with open("/proc/thread-self/ns/net") as before, self.file(name).open() as there:
            enter_network(there.fileno())
            try:
                yield
            finally:
                enter_network(before.fileno())

    def file(self, name: str) -> Path:
        """By which the kernel knows that host's network."""
        return NAMES / (self._prefix + name)

    def send(self, name: str, number: signal.Signals) -> None:
        """A signal to every process of that host, children included."""
        for pid in self.processes(name):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def processes(self, name: str) -> list[int]:
        """The ids of every process that runs there, but for one's own."""
        told = _run("ip", "netns", "pids", self._prefix + name).split()
        return [pid for pid in map(int, told) if pid != os.getpid()]

    def close(self) -> None:
        """Afterwards nothing of it is left, and no process that ran there."""
        for name in self._names[1:]:
            self.send(name, signal.SIGKILL)
        for name in reversed(self._names):
            _run("ip", "netns", "delete", self._prefix + name)
        self._names = []

    def _add(self, name: str) -> None:
        _run("ip", "netns", "add", self._prefix + name)
        self._names.append(name)

    def _ip(self, name: str, *words: str) -> None:
        _run("ip", "-n", self._prefix + name, *words)


def why_not() -> str | None:
    """Why there can be no such network here; None: there can."""
    try:
        Network().close()
    except OSError as error:
        return f"this kernel or this user's rights allow no network namespaces ({error})"
    return None


def _remove_left_over() -> None:
    """The names that a killed test left; its processes died with it (see `cluster.DIES_WITH_US`)."""
    for path in NAMES.glob("dailies-*-*"):
        if not Path("/proc", path.name.split("-")[1]).exists():
            with suppress(OSError):
                _run("ip", "netns", "delete", path.name)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
