"""The computer's clock is set while a worker runs: its sweeps and heartbeats go on all the same."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apscheduler.schedulers import base

from backend.domain.clock import Clock
from backend.work import embedded, worker
from tests.waiting import PATIENCE_S, eventually
from tests.world import World


class Settable(Clock):
    """A wall clock that can be set, for us and for the scheduler."""

    off = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.off


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Settable:
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

        def _beat(self) -> None: ...

        def _refresh(self) -> None: ...

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
def test_sweeps_go_on_when_the_clock_is_set(world, clock, by):
    goes_on(world, clock, by)


def test_control_a_worker_that_does_not_follow_the_clock_is_caught(world, clock, monkeypatch):
    monkeypatch.setattr(worker.Worker, "_follow_the_clock", lambda self: None)
    with pytest.raises(AssertionError):
        goes_on(world, clock, timedelta(hours=-1), within_s=6)  # thirty sweeps
