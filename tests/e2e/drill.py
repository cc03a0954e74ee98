"""One installation whose processes can be killed or frozen at a named point."""

import signal
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psutil
import requests

from tests.e2e.checker import ledger_at
from tests.e2e.installation import Installation, Process
from tests.e2e.points import Point
from tests.waiting import PATIENCE_S, eventually

LAUNCHER = ("-m", "tests.e2e.crash")


class Killed(NamedTuple):
    """A take whose process was killed: when that was found dead, and when a sidecar served again."""

    job_id: str
    dead_at: datetime
    served_at: datetime


class Drill:
    """A studio, and the processes of it that can be armed, by name."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.armed = installation.data / "armed"
        self.running: dict[str, Process] = {}

    @classmethod
    def of_build(
        cls, make_installation: Callable[..., Installation], build: str, process: str = "worker"
    ) -> "Drill":
        """A new installation whose one process is a broken build."""
        drill = cls(make_installation(FIRST_POLL_S=2))
        for name in ("sidecar", "worker"):
            drill.start(name, **({"BROKEN_BUILD": build} if name == process else {}))
        return drill

    def start(self, name: str, **env: str) -> None:
        """Start the sidecar or the worker of this installation."""
        self.running[name] = getattr(self.installation, name)(*LAUNCHER, name, **env)

    def ready(self) -> None:
        """Both processes run, no take wants a look, no webhook is owed: who reaches a point next is ours."""
        self.armed.unlink(missing_ok=True)
        for name in ("sidecar", "worker"):
            if name not in self.running or not self.running[name].alive:
                self.start(name)
        busy = "SELECT id, state FROM job WHERE due_at IS NOT NULL OR claimed_by IS NOT NULL"
        eventually(lambda: not self.installation.rows(busy))
        eventually(lambda: not self._owed())

    def _owed(self) -> list[Any]:
        """Deliveries that are still to come for takes that are at rest.

        A take may be stored by polling while its webhook, cut off by the last kill, waits to be tried again.
        It would reach a point that is armed for the next take, and be counted as that one's.
        """
        settings = self.installation.settings
        ledger = ledger_at(str(settings["FAL_QUEUE_URL"]), f"{settings['PUBLIC_URL']}/")
        return [delivery for delivery in ledger["deliveries"] if not delivery["done"]]

    def arm(self, point: Point, number: signal.Signals = signal.SIGKILL) -> None:
        """The next process that reaches this point gets this signal."""
        draft = self.armed.with_suffix(".draft")
        draft.write_text(f"{number.name} {point.name}")
        draft.rename(self.armed)

    def killed_at(self, point: Point) -> Killed:
        """Start a take, have the process killed at the point, start it again."""
        prompt, key = f"Killed. {point.name} {point.marker}", uuid.uuid4().hex
        if not point.later:
            self.arm(point)
        job_id = None
        with suppress(requests.ConnectionError):  # the sidecar dies over it
            job_id = self.installation.ask(prompt, key=key)
        if (point.cancels or point.later) and job_id:
            self.installation.until(job_id, "queued", "running")
        if point.cancels and job_id:
            self.installation.call("POST", f"/api/video/cancel/{job_id}")
        if point.later:
            self.arm(point)
        assert self.running[point.process].wait() == -signal.SIGKILL
        dead_at = datetime.now(UTC)
        self.start(point.process)
        served_at = datetime.now(UTC)  # starting a sidecar waits until it serves
        return Killed(job_id or self.installation.ask(prompt, key=key), dead_at, served_at)

    def frozen_at(self, point: Point) -> str:
        """Start a take, and have the worker frozen at the point; returns the take's id."""
        self.arm(point, signal.SIGSTOP)
        job_id = self.installation.ask(f"Frozen. {point.name} {point.marker}")
        reached, worker = self.armed.with_suffix(".reached"), self.running[point.process]
        eventually(reached.exists, process=worker)
        with self._nobody_writes():
            worker.send(signal.SIGSTOP)
            eventually(lambda: psutil.Process(worker.popen.pid).status() == psutil.STATUS_STOPPED)
        reached.unlink()  # which it sees when it thaws
        return job_id

    @contextmanager
    def _nobody_writes(self) -> Iterator[None]:
        """Meanwhile no process is in a transaction that would keep all others waiting, if it were frozen."""
        if self.installation.settings["DATABASE_URL"]:
            yield  # a server ends such a one by itself
            return
        with closing(sqlite3.connect(self.armed.with_name("dailies.db"), timeout=PATIENCE_S)) as file:
            file.execute("BEGIN IMMEDIATE")
            yield
            file.execute("ROLLBACK")
