"""Stopping a take: honest about money, and nothing that was paid for is thrown away."""

import pytest

from backend.domain import policy
from backend.domain.errors import ProviderBusy, ProviderForgot
from backend.domain.states import JobEvent
from backend.models import Job
from backend.providers.base import Errored, RequestRef, Working
from backend.services.access import Role, Viewer
from backend.services.lifecycle import record_answer
from backend.services.lifecycle.apply_result import apply_outcome
from backend.services.money import budgets
from backend.services.takes.cancel import cancel_job
from backend.store.jobs import jobs
from tests.waiting import eventually
from tests.world import ANA, World, throw

#: A request that goes on though it was cancelled.
DEAF = ("cancel-ignored", "never")


def deaf(world: World) -> Job:
    """A take whose request goes on until it is let go, also though it was cancelled."""
    return world.ask(f"[sim:stuck {' '.join(DEAF)}]")


def stopped(world: World) -> Job:
    """One that was cancelled while it ran."""
    job = world.until(deaf(world), "running")
    cancel_job(world.deps, ANA, job.id)
    job = world.look(job)
    assert (job.state, job.due_at is None) == ("cancelled", False)
    return job


def billed(world: World) -> bool:
    (request,) = world.ledger()["requests"]
    return bool(request["billed"])


def test_a_take_in_the_providers_line_is_stopped_there_once(world):
    job = world.look(world.ask("[sim:slow=60 never]"))
    first = cancel_job(world.deps, ANA, job.id)
    assert first.cancel_requested_at is not None
    assert cancel_job(world.deps, ANA, job.id).cancel_requested_at == first.cancel_requested_at
    assert world.look(job).state == "cancelled"
    assert cancel_job(world.deps, ANA, job.id).state == "cancelled"
    assert world.history(job).count("cancelled") == 1
    assert not billed(world)


def asked_in_vain(world: World, job: Job, times: int) -> Job:
    """The job after so many answers that there is no such request."""
    for _ in range(times):
        world.hurry(job, **world.gone_urls)
        asked = world.look(job)
    return asked


def test_a_stray_answer_that_there_is_no_such_request_ends_no_watch_and_its_video_is_kept(world):
    job = stopped(world)
    puzzled = asked_in_vain(world, job, policy.FORGOTTEN_AFTER - 1)
    assert (puzzled.state, puzzled.error) == ("cancelled", job.error)
    assert puzzled.due_at > world.deps.clock.now()
    world.hurry(job, status_url=job.status_url, response_url=job.response_url)
    world.set_faults(job, *DEAF)
    assert world.until(job, "stored").video_id


def test_a_request_that_is_gone_after_a_cancel_gives_its_reservation_back(world):
    closed = asked_in_vain(world, stopped(world), policy.FORGOTTEN_AFTER)
    assert (closed.state, closed.due_at) == ("cancelled", None)
    assert budgets.spending_summary(world.deps).today_usd == 0


def test_a_request_that_goes_on_after_its_take_has_ended_is_watched_for_a_day(world):
    job, waited_s = stopped(world), 0.0
    while job.due_at is not None:
        waited_s += (job.due_at - world.deps.clock.now()).total_seconds()
        (job,) = world.looks(job, 1)
    assert waited_s > 23 * 3600


BUSY = [ProviderBusy("fal answered 503.", code="http_503")] * 99
FORGOT = [ProviderForgot("fal has no such request.", code="forgotten")]


@pytest.mark.parametrize(
    ("troubles", "shown", "end"), [(BUSY, "http_503", "stored"), (FORGOT, None, "cancelled")]
)
def test_a_cancel_that_can_not_be_said_or_is_not_believed_ends_nothing(
    world, monkeypatch, troubles, shown, end
):
    fal, left = world.deps.get_provider("fal"), [*troubles]
    real = fal.cancel
    monkeypatch.setattr(fal, "cancel", lambda ref: throw(left.pop()) if left else real(ref))
    job = world.look(world.ask("[sim:stuck never]"))
    cancel_job(world.deps, ANA, job.id)
    told = world.look(job)
    assert told.state in ("queued", "running")
    assert (told.error or {}).get("code") == shown
    if end == "stored":
        world.set_faults(job, "never")
    world.until(job, end)
    assert billed(world) == (end == "stored")


def test_a_cancel_while_the_provider_is_being_asked_is_carried_out_at_once(world, monkeypatch):
    job = world.look(world.ask("[sim:slow=60 never]"))

    def asked(ref: RequestRef) -> Working:
        cancel_job(world.deps, ANA, job.id)
        return Working()

    with monkeypatch.context() as patch:
        patch.setattr(world.deps.get_provider("fal"), "status", asked)
        (asked_job,) = world.looks(job, 1)
    assert asked_job.due_at <= world.deps.clock.now()
    assert world.look(job).state == "cancelled"


def test_a_take_that_finished_before_the_cancel_came_is_kept(world):
    job = world.look(world.ask("[sim:never]"))
    eventually(lambda: world.ledger()["requests"][0]["status"] == "COMPLETED")  # nobody here knows
    cancel_job(world.deps, ANA, job.id)
    assert world.until(job, "stored").video_id
    assert cancel_job(world.deps, ANA, job.id).state == "stored"


def test_a_cancel_that_crosses_the_submit_is_carried_out_after_it(world):
    job = world.ask("[sim:slow=60 never]")
    with world.claims.claim_job(job.id) as claim:
        claim.record(JobEvent.SUBMIT_BEGUN, due_in_s=0)
        assert cancel_job(world.deps, ANA, job.id).state == "submitting"
        receipt = world.deps.get_provider("fal").submit(job.model, job.payload, webhook_url=None)
        record_answer.record_answer(world.deps, claim, receipt)
    assert world.job(job).due_at <= world.deps.clock.now()
    assert world.look(job).state == "cancelled"


def test_a_take_whose_files_are_given_up_once_it_is_rendered_has_its_bill(world):
    job = world.until(world.ask("[sim:never media-404]"), "rendered")
    world.hurry(job, billed_units=None, billed_usd=None)  # a webhook told of it, and those have no bill
    cancel_job(world.deps, ANA, job.id)
    billed_job = world.look(job)
    assert (billed_job.state, billed_job.due_at) == ("cancelled", None)
    (request,) = world.ledger()["requests"]
    assert (billed_job.billed_units, request["billed"]) == (request["units"], True)
    assert world.looks(job, 2)[-1] == world.job(job), "nothing more is asked"


def test_a_stopped_take_names_who_stopped_it_wherever_it_ends(world):
    """At once, by the worker before it was sent, by the provider's word, and by the provider's own end."""
    maya = Viewer("Maya", Role.REVIEWER)
    at_once, unsent, told, ended = (deaf(world) for _ in range(4))
    cancel_job(world.deps, maya, at_once.id)
    world.advance(unsent, JobEvent.SUBMIT_BEGUN)
    cancel_job(world.deps, maya, unsent.id)
    world.advance(unsent, JobEvent.UNSENT)
    world.hurry(unsent)
    world.look(unsent)
    world.look(told)
    cancel_job(world.deps, maya, told.id)
    cancel_job(world.deps, ANA, told.id)
    world.look(told)
    world.look(ended)
    cancel_job(world.deps, maya, ended.id)
    with world.deps.store.begin() as session:
        stopped = Errored("cancelled", "The request was cancelled.", cancelled=True)
        apply_outcome(session, world.job(ended), stopped, at=world.deps.clock.now(), by="webhook")
    for job in (at_once, unsent, told, ended):
        with world.deps.store.read() as session:
            last = jobs.list_history(session, job.id)[-1]
        assert (last.event, last.by) == ("cancelled", "Maya")
        assert world.job(job).error["message"].startswith("Cancelled by Maya. ")
