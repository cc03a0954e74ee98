"""Every take that waits says what for, since when and until when; *Check now* looks where that helps."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backend.domain import policy
from backend.domain.errors import NotAllowed, NotFound, StateConflict
from backend.domain.states import ENDED_STATES, JobEvent
from backend.models import Job
from backend.services.access import Role, Viewer
from backend.services.lifecycle import provider_pause
from backend.services.operations import heartbeat, readiness
from backend.services.operations.waiting.check_now import AFTER_FAULT, check_now
from backend.services.operations.waiting.why import why_waiting
from backend.store.jobs import claims, jobs
from tests.services.client import PUBLIC
from tests.services.conftest import installed
from tests.services.receiving import SECRET, WAY, Post, body_of
from tests.signing import FakeClock, Publisher
from tests.world import ADMIN, ANA, BEN, BLOCKING, run_sql


class Desk(Post):
    """Takes of every kind that wait, and a worker that was heard of just now. away: what of ours is."""

    away: str | None = None

    def waits(
        self, state: str, *, trouble: str = "", attempts: int = 0, in_s: float = 40, **more: Any
    ) -> Job:
        """A take in this state, due in so many seconds, after so many faults of this code."""
        job, now = self.made(state), self.clock.now()
        values: dict[str, Any] = {"due_at": now + timedelta(seconds=in_s), "attempts": attempts, **more}
        if trouble:
            values["error"] = {
                "code": trouble, "message": "It did not work.", "charged": "no", "at": now.isoformat()
            }  # fmt: skip
        with self.deps.store.begin() as session:
            return jobs.update_if_unchanged(session, job, **values)

    def held_by(self, job: Job, lease_s: float = 15) -> Job:
        """A worker has this take in hand."""
        run_sql(
            self.deps,
            "UPDATE job SET due_at = :at WHERE id = :id",
            at="2020-01-01 00:00:00.000000",
            id=job.id,
        )
        with self.deps.store.begin() as session:
            now = self.clock.now()
            claimed = claims.try_claim(session, job.id, lease_token="t", now=now, lease_s=lease_s)
        assert claimed is not None
        return claimed

    def why(self, job: Job) -> Any:
        self.deps.looks.clear()
        return why_waiting(self.deps, self.take(job))


@pytest.fixture
def desk(publisher: Publisher, clock: FakeClock, tmp_path: Path) -> Iterator[Desk]:
    given = {"blackbox_api_key": "sk-of-this-test", "blackbox_calls": 1, "public_url": PUBLIC}
    given |= {"fal_queue_url": "http://127.0.0.1:1", "fal_rest_url": publisher.base, "secret_key": SECRET}
    with installed(tmp_path, clock, **given) as deps:
        heartbeat.record_heartbeat(deps, "host:1", in_hand=0)
        yield Desk(deps, clock)


def paused(desk: Desk) -> Job:
    provider_pause.pause_provider(desk.deps, "fal", reason="fal refused our key (401).", code="http_401")
    return desk.waits("created", in_s=3)


def in_line(desk: Desk) -> Job:
    first = desk.ask("Under way", model=BLOCKING)
    desk.held_by(desk.advance(first, JobEvent.SUBMIT_BEGUN, due_at=desk.clock.now()))
    desk.ask("Ahead", model=BLOCKING)
    return desk.ask("Behind", model=BLOCKING)


def without_a_worker(desk: Desk) -> Job:
    job = desk.waits("queued")
    desk.clock.pass_s(45)
    return job


def with_a_silent_worker(desk: Desk) -> Job:
    job = desk.held_by(desk.waits("rendered"), lease_s=60)
    desk.clock.pass_s(33)
    return job


def late(desk: Desk) -> Job:
    job = desk.waits("queued", webhook_asked=True, in_s=4000)
    desk.clock.pass_s(3600)
    heartbeat.record_heartbeat(desk.deps, "host:1", in_hand=0)
    return job


def unclear(desk: Desk) -> Job:
    job = desk.waits("running", webhook_asked=True)
    desk.deliver(job, body_of(job.request_id, status="OK", payload=None, payload_error="too large"))
    return job


def away(check: str) -> Callable[[Desk], Job]:
    def arrange(desk: Desk) -> Job:
        desk.away = check
        return desk.waits("rendered")

    return arrange


def orphaned(desk: Desk) -> Job:
    job = desk.waits("created")
    run_sql(desk.deps, "UPDATE job SET provider = 'gone'")
    return desk.job(job)


def at_provider(state: str = "running", **more: Any) -> Callable[[Desk], Job]:
    return lambda desk: desk.waits(state, **{"webhook_asked": True, **more})


def failing(state: str, code: str, attempts: int) -> Callable[[Desk], Job]:
    return lambda desk: desk.waits(state, trouble=code, attempts=attempts)


def stopping(desk: Desk) -> Job:
    return desk.waits("running", cancel_requested_at=desk.clock.now())


#: what stands in its way -> (how it comes about, cause, seconds to its next try, would a look help)
CASES: dict[str, tuple[Callable[[Desk], Job], str, float | None, bool]] = {
    "just asked for": (lambda desk: desk.waits("created", in_s=0), "turn", 0, True),
    "its provider refuses our key": (paused, "pause", policy.PAUSE_FIRST_S, False),
    "all calls are open": (in_line, "line", 0, False),
    "too many requests": (failing("created", "http_429", 1), "turned_away", 40, False),
    "could not be sent": (failing("created", "unreachable", 3), "unsent", 40, True),
    "a provider that is gone": (orphaned, "no_provider", 40, True),
    "being sent": (lambda desk: desk.held_by(desk.waits("submitting")), "in_hand", None, False),
    "whoever sent it stopped": (lambda desk: desk.waits("submitting"), "turn", 40, True),
    "in the provider's line": (at_provider("queued", queue_position=2), "provider_line", 40, True),
    "being rendered": (at_provider(), "rendering", 40, True),
    "no webhook reaches us": (at_provider(webhook_asked=False), "rendering", 40, True),
    "a webhook that has not come": (late, "webhook", 400, True),
    "a webhook that says nothing": (unclear, "webhook", 0, True),
    "no usable answers": (failing("running", "http_503", 2), "asking", 40, True),
    "being stopped": (stopping, "stopping", 40, True),
    "files that don't come": (failing("rendered", "media_gone", 4), "fetch", 40, True),
    "files on their way": (lambda desk: desk.waits("rendered", in_s=0), "fetching", 0, True),
    "our bucket refuses": (failing("rendered", "storage_down", 1), "storage", 40, True),
    "a person's decision": (lambda desk: desk.waits("held"), "person", 40, True),
    "no worker": (without_a_worker, "worker", None, False),
    "a silent worker has it": (with_a_silent_worker, "worker", 27, False),
    "our storage is away": (away("storage"), "storage", 40, True),
    "our database is away": (away("database"), "database", None, False),
}


#: What is known by the silence of a worker.
SILENT = ("no worker", "a silent worker has it")


@pytest.mark.parametrize("case", [case for case in CASES if case not in SILENT])
def test_a_take_says_what_it_waits_for_since_when_and_until_when(desk, case, monkeypatch):
    check_why(desk, case, monkeypatch)


@pytest.mark.databases("sqlite")  # a server's own clock can't be set
@pytest.mark.parametrize("case", SILENT)
def test_a_take_that_waits_for_a_silent_worker_says_so(desk, case, monkeypatch):
    check_why(desk, case, monkeypatch)


def check_why(desk, case, monkeypatch):
    arrange, cause, next_s, helps = CASES[case]
    job, now = arrange(desk), desk.clock.now()
    if desk.away:
        checks = [readiness.HealthCheck(desk.away, False, "It is away.", remedy="Put DATABASE_URL right.")]
        monkeypatch.setattr(readiness, "check_readiness", lambda deps: checks)

    found = desk.why(job)

    assert (found.cause, found.may_check) == (cause, helps)
    left_s = None if found.next_try is None else max(0, (found.next_try - now).total_seconds())
    assert left_s == next_s
    assert found.since <= now
    for told in (found.words, found.why_not):
        assert "_URL" not in told
        assert "python -m" not in told
    assert found.words.endswith((".", "?"))
    before = desk.job(job).due_at
    if helps:
        check_now(desk.deps, ADMIN, job.id)
        soonest = now if not found.detail else now + AFTER_FAULT
        assert desk.job(job).due_at == min(before, soonest)
    else:
        with pytest.raises(StateConflict, match=found.why_not.split()[0]):
            check_now(desk.deps, ADMIN, job.id)
        assert desk.job(job).due_at == before


def test_what_has_ended_waits_for_nothing(desk):
    for state in ENDED_STATES:
        job = desk.advance(desk.ask(), *[each for each in WAY[state] if each != JobEvent.SAVED])
        if state == "stored":
            desk.saved(job, b"0123456789" * 9)
        assert desk.why(job) is None
        with pytest.raises(StateConflict, match="waits for nothing"):
            check_now(desk.deps, ADMIN, job.id)


def test_only_who_may_change_a_take_has_it_looked_at(desk):
    job = desk.waits("queued")
    teammate, eve = Viewer("ben", Role.CREATOR), Viewer("eve", Role.VIEWER)
    for viewer, refused in ((teammate, NotAllowed), (eve, NotAllowed), (BEN, NotFound)):
        with pytest.raises(refused):
            check_now(desk.deps, viewer, job.id)
    assert desk.job(job) == job
    check_now(desk.deps, Viewer("rob", Role.REVIEWER), job.id)
    assert desk.job(job).due_at == desk.clock.now()


def test_a_provider_that_forgets_for_a_moment_is_not_believed_because_somebody_presses_fast(world):
    job = world.advance(
        world.ask(), JobEvent.SUBMIT_BEGUN, JobEvent.ACCEPTED, request_id="r", **world.gone_urls
    )
    heartbeat.record_heartbeat(world.deps, "host:1", in_hand=0)
    world.hurry(job)
    world.look(job)
    for _ in range(20):
        check_now(world.deps, ANA, job.id)
        world.look(job)
    assert (world.job(job).state, world.job(job).attempts) == ("queued", 1)
