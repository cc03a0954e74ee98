"""Stopping a take: honest about money, and nothing that was paid for is thrown away."""

from dataclasses import replace
from typing import Any

import pytest

from backend.domain import policy
from backend.domain.errors import NotAllowed, NotFound, ProviderBusy, ProviderForgot
from backend.models import Job
from backend.providers.base import RequestRef, Working
from backend.services.access import Role, Viewer
from backend.services.money import budgets
from backend.services.takes.cancel import cancel_job
from backend.store.jobs import jobs
from tests import databases
from tests.world import ADMIN, ANA, World

pytestmark = databases.BOTH


def test_a_take_in_the_providers_line_is_stopped_there(world):
    job = world.look(world.ask("[sim:slow=60 never]"))
    assert cancel_job(world.deps, ANA, job.id).cancel_requested_at is not None
    stopped = world.look(job)
    assert stopped.state == "cancelled"
    (request,) = world.ledger()["requests"]
    assert not request["billed"]


def test_a_video_that_comes_in_spite_of_a_cancel_is_kept(world):
    job = world.until(world.ask("[sim:cancel-ignored slow=1 never]"), "running")
    cancel_job(world.deps, ANA, job.id)
    assert world.look(job).state == "cancelled"
    stored = world.until(job, "stored")
    assert stored.video_id
    assert "cancelled" in world.history(stored)


def asked_in_vain(world: World, job: Job, times: int) -> Job:
    """The job after so many answers that there is no such request."""
    gone = f"{world.sim.url}/fal-ai/kling-video/requests/00000000-0000-7000-8000-000000000000"
    before = world.job(job)
    for _ in range(times):
        with world.deps.store.begin() as session:
            now = world.deps.clock.now()
            jobs.make_due(session, job.id, at=now, status_url=f"{gone}/status", response_url=gone)
        world.look(job)
    asked = world.job(job)
    with world.deps.store.begin() as session:
        jobs.update_if_unchanged(
            session, asked, status_url=before.status_url, response_url=before.response_url
        )
    return asked


def test_a_stray_answer_that_there_is_no_such_request_ends_no_watch(world):
    job = world.until(world.ask("[sim:cancel-ignored slow=1 never]"), "running")
    cancel_job(world.deps, ANA, job.id)
    stopped = world.look(job)
    puzzled = asked_in_vain(world, job, policy.FORGOTTEN_AFTER - 1)
    assert (puzzled.state, puzzled.error) == ("cancelled", stopped.error)
    assert puzzled.due_at > world.deps.clock.now()
    assert world.until(job, "stored").video_id


def test_a_request_that_is_gone_after_a_cancel_gives_its_reservation_back(world):
    job = world.until(world.ask("[sim:cancel-ignored slow=60 never]"), "running")
    cancel_job(world.deps, ANA, job.id)
    assert world.look(job).due_at is not None
    closed = asked_in_vain(world, job, policy.FORGOTTEN_AFTER)
    assert (closed.state, closed.due_at) == ("cancelled", None)
    assert budgets.spending_summary(world.deps).today_usd == 0


class Unwell:
    """The provider, with a `cancel` that never works."""

    def __init__(self, real: Any, trouble: Exception, times: int = 99) -> None:
        self._real, self._trouble, self._left = real, trouble, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def cancel(self, ref: RequestRef) -> bool:
        self._left -= 1
        if self._left >= 0:
            raise self._trouble
        return bool(self._real.cancel(ref))


def unwell(world: World, trouble: Exception, times: int = 99) -> World:
    providers = {**world.deps.providers, "fal": Unwell(world.deps.get_provider("fal"), trouble, times)}
    return World(replace(world.deps, providers=providers), world.sim)


def test_a_video_that_is_ready_is_found_although_the_cancel_can_not_be_said(world):
    world = unwell(world, ProviderBusy("fal answered 503.", code="http_503"))
    job = world.look(world.ask("[sim:slow=0.2 never]"))
    cancel_job(world.deps, ANA, job.id)
    told = world.look(job)
    assert told.state in ("queued", "running")
    assert told.error["code"] == "http_503"
    assert world.until(job, "stored").video_id


def test_a_stray_answer_that_there_is_nothing_to_cancel_is_not_believed(world):
    world = unwell(world, ProviderForgot("fal has no such request.", code="forgotten"), times=1)
    job = world.look(world.ask("[sim:slow=60 never]"))
    cancel_job(world.deps, ANA, job.id)
    assert world.look(job).state in ("queued", "running")
    world.until(job, "cancelled")
    (request,) = world.ledger()["requests"]
    assert not request["billed"]


def test_a_cancel_while_the_provider_is_being_asked_is_carried_out_at_once(world, monkeypatch):
    job = world.look(world.ask("[sim:slow=60 never]"))
    fal = world.deps.get_provider("fal")

    def asked(ref: RequestRef) -> Working:
        cancel_job(world.deps, ANA, job.id)
        return Working()

    with monkeypatch.context() as patch:
        patch.setattr(fal, "status", asked)
        world.hurry(job)
        world.look(job)
    assert world.job(job).due_at <= world.deps.clock.now()
    assert world.look(job).state == "cancelled"


def test_a_request_that_goes_on_after_its_take_has_ended_is_watched_for_a_day(world, monkeypatch):
    job = world.until(world.ask("[sim:cancel-ignored slow=60 never]"), "running")
    cancel_job(world.deps, ANA, job.id)
    waited_s = 0.0
    job = world.look(job)
    while job.due_at is not None:
        waited_s += (job.due_at - world.deps.clock.now()).total_seconds()
        world.hurry(job)
        job = world.look(job)
    assert waited_s > 23 * 3600


def test_a_take_that_finished_before_the_cancel_came_is_kept(world):
    job = world.look(world.ask("[sim:never]"))
    import time

    time.sleep(1.0)  # it finishes at the provider; nobody here knows
    cancel_job(world.deps, ANA, job.id)
    world.until(job, "stored")


def test_cancelling_twice_asks_the_provider_once(world):
    job = world.look(world.ask("[sim:slow=60 never]"))
    first = cancel_job(world.deps, ANA, job.id)
    assert cancel_job(world.deps, ANA, job.id).cancel_requested_at == first.cancel_requested_at
    world.look(job)
    assert cancel_job(world.deps, ANA, job.id).state == "cancelled"
    assert world.history(job).count("cancelled") == 1


def test_a_stored_take_is_not_changed_by_a_cancel(world):
    job = world.until(world.ask(), "stored")
    assert cancel_job(world.deps, ANA, job.id).state == "stored"
    assert world.job(job).video_id


def test_nobody_cancels_what_is_not_theirs(world):
    job = world.ask()
    with pytest.raises(NotFound):
        cancel_job(world.deps, Viewer("ben", Role.CREATOR), job.id)
    with pytest.raises(NotAllowed):
        cancel_job(world.deps, Viewer("eve", Role.VIEWER), job.id)
    assert cancel_job(world.deps, ADMIN, job.id).state == "cancelled"


def test_a_cancel_that_crosses_the_submit_is_carried_out_after_it(world):
    from backend.domain.states import JobEvent
    from backend.store.jobs import jobs

    job = world.ask("[sim:slow=60 never]")
    with world.claims.claim_job(job.id) as claim:
        claim.record(JobEvent.SUBMIT_BEGUN, due_in_s=0)
        assert cancel_job(world.deps, ANA, job.id).state == "submitting"
        receipt = world.deps.get_provider("fal").submit(job.model, job.payload, webhook_url=None)
        from backend.services.lifecycle import record_answer

        record_answer.record_answer(world.deps, claim, receipt)
    with world.deps.store.read() as session:
        assert jobs.get(session, job.id).due_at <= world.deps.clock.now()
    assert world.look(job).state == "cancelled"
