"""A host whose clock goes astray after its start: told by its heartbeat, on the page, and as a number."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from backend.bootstrap import build_deps
from backend.domain.clock import Clock
from backend.services.operations import heartbeat
from backend.services.operations.heartbeat import WorkerHeartbeat
from tests import databases

pytestmark = databases.BOTH

ASTRAY = "clock differs"


class Astray(Clock):
    """The host's clock, so many seconds ahead of the right time."""

    def __init__(self, ahead_s: float) -> None:
        super().__init__()
        self.ahead = timedelta(seconds=ahead_s)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def beat(sidecar) -> Callable[[float], WorkerHeartbeat]:
    """One heartbeat of a host whose clock is ahead by so much; what all others know of it then."""

    def heard(ahead_s: float) -> WorkerHeartbeat:
        deps = build_deps(sidecar.deps.settings, clock=Astray(ahead_s))
        heartbeat.record_heartbeat(deps, "host:1", in_hand=0)
        (sign,) = heartbeat.list_workers(deps)
        deps.store.close()
        return sign

    return heard


@pytest.mark.parametrize("ahead_s", [90, -90])
@pytest.mark.databases("postgres")  # a file has no clock of its own that could differ
def test_a_clock_that_went_astray_is_told(sidecar, beat, caplog, ahead_s):
    sign = beat(ahead_s)

    assert sign.clock_is_off
    assert sign.clock_skew_s == pytest.approx(ahead_s, abs=2)
    assert [r.levelno for r in caplog.records if ASTRAY in r.getMessage()] == [logging.ERROR]
    (line,) = [x for x in sidecar.get("/metrics", who=None).text.splitlines() if "clock_off_seconds{" in x]
    assert float(line.split()[-1]) == sign.clock_skew_s


def test_a_clock_that_is_a_little_off_is_no_news(database_kind, beat, caplog):
    sign = beat(2)

    assert not sign.clock_is_off
    assert ASTRAY not in caplog.text
    assert sign.clock_skew_s == (0.0 if database_kind == "sqlite" else pytest.approx(2, abs=1))
