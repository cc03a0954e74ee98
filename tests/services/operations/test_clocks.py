"""A computer's clock is set while a worker runs: that is told, and its sweeps go on all the same."""

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apscheduler.schedulers import base

from backend.bootstrap import build_deps
from backend.domain.clock import Clock
from backend.services.operations import heartbeat
from backend.services.operations.heartbeat import WorkerHeartbeat
from backend.work import embedded, worker
from tests.services.client import SidecarClient
from tests.waiting import PATIENCE_S, eventually
from tests.world import World

BOTH, POSTGRES = pytest.mark.databases("both"), pytest.mark.databases("postgres")
ASTRAY = "clock differs"


class Settable(Clock):
    """A wall clock that can be set: off is how far it is ahead."""

    off = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.off


def beat(sidecar: SidecarClient, ahead_s: float) -> WorkerHeartbeat:
    """One heartbeat of a host whose clock is ahead by so much; what all others know of it then."""
    clock = Settable()
    clock.off = timedelta(seconds=ahead_s)
    deps = build_deps(sidecar.deps.settings, clock=clock)
    began = time.monotonic()
    heartbeat.record_heartbeat(deps, "host:1", in_hand=0)
    took_s = time.monotonic() - began
    (sign,) = heartbeat.list_workers(deps)
    known_s = 0 if deps.store.embedded else ahead_s  # a file has no clock of its own that could differ
    deps.store.close()
    assert sign.clock_skew_s == pytest.approx(known_s, abs=took_s + 0.1)
    return sign


@pytest.mark.parametrize("ahead_s", [90, -90])
@POSTGRES
def test_a_clock_that_went_astray_is_told(sidecar, caplog, ahead_s):
    sign = beat(sidecar, ahead_s)

    assert sign.clock_is_off
    assert [r.levelno for r in caplog.records if ASTRAY in r.getMessage()] == [logging.ERROR]
    (line,) = [x for x in sidecar.get("/metrics", who=None).text.splitlines() if "clock_off_seconds{" in x]
    assert float(line.split()[-1]) == sign.clock_skew_s


@BOTH
def test_a_clock_that_is_a_little_off_is_no_news(sidecar, caplog):
    assert not beat(sidecar, 2).clock_is_off
    assert ASTRAY not in caplog.text


@pytest.fixture
def wall_clock(monkeypatch: pytest.MonkeyPatch) -> Settable:
    """Ours, and the scheduler's."""
    made = Settable()

    class Moments(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return made.now().astimezone(tz)

    monkeypatch.setattr(base, "datetime", Moments)
    monkeypatch.setattr("apscheduler.schedulers.blocking.datetime", Moments, raising=False)
    monkeypatch.setattr(worker, "CLOCK_CHECK_S", 0.1)
    return made


def goes_on(world: World, clock: Settable, by: timedelta, within_s: float = PATIENCE_S) -> None:
    """A worker whose sweeps go on after the clock was set."""
    sweeps: list[datetime] = []

    class Counting(embedded.EmbeddedWorker):
        def _sweep(self) -> None:
            sweeps.append(clock.now())

        _beat = _refresh = lambda self: None

    world = world.with_settings(sweep_interval_s=0.2).another(clock=clock, stopping=threading.Event())
    running = Counting(world.deps)
    running.start()
    try:
        eventually(lambda: len(sweeps) > 2)
        clock.off += by
        before = len(sweeps)
        eventually(lambda: len(sweeps) > before + 3, within_s=within_s)
    finally:
        running.stop()
        running.finish()


@pytest.mark.parametrize("by", [timedelta(hours=-1), timedelta(days=365 * 56)])
def test_sweeps_go_on_when_the_clock_is_set(world, wall_clock, by):
    goes_on(world, wall_clock, by)


def test_control_a_worker_that_does_not_follow_the_clock_is_caught(world, wall_clock, monkeypatch):
    monkeypatch.setattr(worker.Worker, "_follow_the_clock", lambda self: None)
    with pytest.raises(AssertionError):
        goes_on(world, wall_clock, timedelta(hours=-1), within_s=6)  # thirty sweeps
