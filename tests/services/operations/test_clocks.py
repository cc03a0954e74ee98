"""A host whose clock goes astray after its start: told by its heartbeat, on the page, and as a number."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from backend.bootstrap import build_deps
from backend.domain.clock import Clock
from backend.services.operations import heartbeat
from backend.services.operations.heartbeat import WorkerHeartbeat
from tests import databases

pytestmark = databases.BOTH

ASTRAY = "clock differs"


@pytest.fixture
def beat(sidecar, database_kind, monkeypatch) -> Callable[[float], WorkerHeartbeat]:
    """One heartbeat of a host whose clock is ahead by so much; what all others know of it then."""

    def heard(ahead_s: float) -> WorkerHeartbeat:
        clock, right = Clock(), Clock()
        monkeypatch.setattr(clock, "now", lambda: right.now() + timedelta(seconds=ahead_s))
        deps = build_deps(sidecar.deps.settings, clock=clock)
        began = time.monotonic()
        heartbeat.record_heartbeat(deps, "host:1", in_hand=0)
        took_s = time.monotonic() - began
        (sign,) = heartbeat.list_workers(deps)
        deps.store.close()
        known_s = ahead_s if database_kind == "postgres" else 0  # a file has no clock that could differ
        assert sign.clock_skew_s == pytest.approx(known_s, abs=took_s + 0.1)
        return sign

    return heard


@pytest.mark.parametrize("ahead_s", [90, -90])
@pytest.mark.databases("postgres")
def test_a_clock_that_went_astray_is_told(sidecar, beat, caplog, ahead_s):
    sign = beat(ahead_s)

    assert sign.clock_is_off
    assert [r.levelno for r in caplog.records if ASTRAY in r.getMessage()] == [logging.ERROR]
    (line,) = [x for x in sidecar.get("/metrics", who=None).text.splitlines() if "clock_off_seconds{" in x]
    assert float(line.split()[-1]) == sign.clock_skew_s


def test_a_clock_that_is_a_little_off_is_no_news(beat, caplog):
    assert not beat(2).clock_is_off
    assert ASTRAY not in caplog.text
