"""A worker that says nothing is not shown as at work: amber after two of its leases, red after three."""

import re

import pytest

from backend.domain.kinds import Health
from backend.services.operations import heartbeat, status

#: Two workers side by side, each with its own lease. (seconds of silence, its lease) -> how it does
SILENCE = [
    (0, 15, "green"), (29.9, 15, "green"),
    (30, 15, "amber"), (33, 15, "amber"), (44.9, 15, "amber"),
    (45, 15, "red"), (3600, 15, "red"),
    (5.9, 3, "green"), (6, 3, "amber"), (9, 3, "red"),
    (1200, 3600, "green"), (7200, 3600, "amber"),
]  # fmt: skip


@pytest.mark.parametrize(("silent_s", "lease_s", "health"), SILENCE)
def test_a_worker_is_judged_by_its_own_leases(silent_s, lease_s, health):
    assert heartbeat.judge_silence(silent_s, lease_s) == health


def told(sidecar) -> tuple[int, str, dict[str, str], float]:
    """/readyz: its code, the worker's state; /metrics: each worker's state, and how many work."""
    answer = sidecar.get("/readyz", who=None)
    lines = sidecar.get("/metrics", who=None).text.splitlines()
    holds = [line for line in lines if line.startswith("dailies_worker_state{") and line.endswith(" 1.0")]
    named = {worker: state for line in holds for state, worker in [re.findall(r'="([^"]*)"', line)]}
    (count,) = [float(line.split()[-1]) for line in lines if line.startswith("dailies_workers ")]
    return answer.status_code, answer.get_json()["checks"]["worker"]["state"], named, count


#: What pages say of a worker that is late, and of none that works.
WORKERS = ("The worker needs a look", status.PAUSED)


@pytest.mark.databases("sqlite")  # a server's clock does not stand still, as this test's does
def test_a_frozen_worker_turns_amber_and_red_everywhere_at_once(sidecar):
    def banner() -> list[str]:
        return [each.level for each in status.list_banners(sidecar.deps) if each.title in WORKERS]

    heartbeat.record_heartbeat(sidecar.deps, "host:1", in_hand=2)
    assert told(sidecar) == (200, "green", {"host:1": "green"}, 1)

    sidecar.clock.pass_s(33)
    assert told(sidecar) == (200, "amber", {"host:1": "amber"}, 0)
    assert banner() == ["warning"]

    sidecar.clock.pass_s(12)
    assert told(sidecar) == (503, "red", {"host:1": "red"}, 0)
    assert banner() == ["error"]

    heartbeat.record_heartbeat(sidecar.deps, "host:2", in_hand=0)
    assert told(sidecar) == (200, "green", {"host:1": "red", "host:2": "green"}, 1)
    assert (
        "1 at work, host:1 has been silent for 45 s."
        in sidecar.get("/readyz", who=None).get_json()["checks"]["worker"]["says"]
    )


@pytest.mark.databases("postgres")
def test_a_frozen_worker_whose_clock_was_ahead_is_not_green_for_as_long(sidecar, monkeypatch):
    deps = sidecar.deps
    monkeypatch.setattr(deps.store.database, "clock_skew_s", lambda *_: 3600.0)  # of the worker's host
    heartbeat.record_heartbeat(deps, "host:1", in_hand=0)
    monkeypatch.setattr(deps.store.database, "clock_skew_s", lambda *_: 0.0)  # of ours
    sidecar.clock.pass_s(-3600 + 46)
    assert [sign.health for sign in heartbeat.list_workers(deps)] == [Health.RED]
