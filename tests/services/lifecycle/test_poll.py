"""Asking: without any webhook every take comes home; failures are told; what is only unknown never fails."""

import httpx
import pytest

from backend.catalogue.models import Catalogue
from backend.providers.base import RequestRef
from backend.services.money.charges import ChargeState, charge_of, told_trouble
from backend.store.money import ledger
from tests import databases


@databases.BOTH
def test_without_any_webhook_a_take_goes_from_the_form_to_a_stored_video(world):
    job = world.until(world.ask("A quiet harbour [sim:never]"), "stored")
    assert world.history(job) == ["created", "submitting", "queued", "running", "rendered", "stored"]
    video = world.take(job).video
    assert video.size_bytes == world.deps.storage.size(video.key)
    assert world.posts == 1


def test_an_old_job_goes_on_when_its_model_is_gone(world):
    job = world.ask()
    world.another(catalogue=Catalogue(())).until(job, "stored")


@pytest.mark.parametrize(
    ("marker", "code", "told"),
    [
        ("error=422", "content_policy_violation", "safety filter"),
        ("error=500", "internal_server_error", "'charged': 'no'"),
        ("no-video", "no_video", "'detail': {"),
    ],
)
def test_a_failure_is_told_in_plain_words_without_the_prompt_and_nothing_is_sent_again(
    world, marker, code, told
):
    job = world.until(world.ask(f"a very private prompt [sim:{marker} never]"), "failed")
    assert job.error["code"] == code
    assert told in str(job.error)
    assert "a very private prompt" not in str(job.error)
    assert job.owner == "ana", "whoever records an end leaves a take to its person"
    world.looks(job, 3)
    assert world.posts == 1


@databases.BOTH
@pytest.mark.parametrize(
    ("marker", "state", "charged"),
    [
        ("error=422", ChargeState.MAY_BE_CHARGED, "maybe"),  # fal may bill it where time was used
        ("error=422 never", ChargeState.MAY_BE_CHARGED, "maybe"),
        ("error=500", ChargeState.NOT_CHARGED, "no"),  # fal never bills its own breakdown
    ],
)
def test_a_failure_of_which_no_header_says_what_it_cost_stays_open_however_often_it_is_asked_about(
    world, marker, state, charged
):
    job = world.until(world.ask(f"[sim:{marker}]", params={"duration": "5"}), "failed")
    for _ in range(3):
        world.looks(job, 1)
        job, charge = world.job(job), charge_of(world.job(job))
        told = told_trouble(job, charge)
        assert (charge.state, told.charged if told else None) == (state, charged)
        with world.deps.store.read() as session:
            counts = ledger.counted_micros(session, job.id)
        assert counts == (700_000 if charged == "maybe" else 0)
    assert job.due_at is None, "it is asked about no more: an admin, or billing events, say the rest"


@pytest.mark.parametrize("marker", ["requeue", "poll-500=3"])
def test_a_request_that_goes_back_into_the_line_or_a_provider_in_trouble_is_no_failure(world, marker):
    job = world.look(world.ask(f"[sim:{marker} never]"))
    (asked,) = world.looks(job, 1)
    assert asked.state in ("queued", "running")
    assert asked.due_at > world.deps.clock.now()
    stored = world.until(job, "stored")
    assert "failed" not in world.history(stored)
    assert stored.error is None


def test_a_request_that_the_provider_forgot_is_held_after_several_answers_in_a_row_not_failed(world):
    job = world.look(world.ask("[sim:stuck never]"))
    world.hurry(job, **world.gone_urls)
    states = [asked.state for asked in world.looks(job, 7)]
    assert (states[0], states[-1]) == ("queued", "held")
    assert "failed" not in states


def test_polls_stretch_while_a_take_is_running(world):
    job = world.look(world.ask("[sim:stuck never]"))
    gaps = [world.looks(job, 1)[0].due_at - world.deps.clock.now() for _ in range(6)]
    assert 2 * gaps[0] < gaps[-1]
    assert max(gaps).total_seconds() <= 72


def test_the_key_is_sent_to_fals_own_hosts_only(world):
    given = ("https://evil.example/status", "http://queue.fal.run/x", "https://queue.fal.run/c")
    handle = world.deps.get_provider("fal")._handle(RequestRef("fal-ai/veo3.1", "abc", *given))
    ours = f"{world.sim.url}/fal-ai/veo3.1/requests/abc"
    assert (handle.status_url, handle.response_url, handle.cancel_url) == (f"{ours}/status", ours, given[2])


def test_a_result_that_cant_be_read_fails_no_take(world, monkeypatch):
    job, fal = world.look(world.ask("[sim:never]")), world.deps.get_provider("fal")
    monkeypatch.setattr(fal, "status", fal.result)
    for body in (b"<html>It works!</html>", b"", b'{"video": {"url": "https://v3.fal.media/fi'):
        monkeypatch.setattr(fal, "_get", lambda url, body=body, **more: httpx.Response(200, content=body))
        (asked,) = world.looks(job, 1)
        assert (asked.state, asked.error["code"]) == ("queued", "unreadable_answer")
        assert asked.due_at is not None
