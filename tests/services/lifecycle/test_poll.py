"""Asking: without any webhook every take comes home; failures are told; what is only unknown never fails."""

import httpx
import pytest

from tests.world import World

PATH = ["created", "submitting", "queued", "running", "rendered", "stored"]


def test_a_failed_model_is_told_in_plain_words_and_never_sent_again(world):
    job = world.until(world.ask("[sim:error=422 never]"), "failed")
    assert job.error["code"] == "content_policy_violation"
    assert "safety filter" in job.error["message"]
    for _ in range(3):
        world.hurry(job)
        world.look(job)
    assert len(world.ledger()["posts"]) == 1


def test_the_prompt_is_not_echoed_into_the_error(world):
    job = world.until(world.ask("a very private prompt [sim:error=422 never]"), "failed")
    assert "a very private prompt" not in str(job.error)


def test_a_breakdown_of_the_model_is_a_failure_that_was_not_charged(world):
    job = world.until(world.ask("[sim:error=500 never]"), "failed")
    assert job.error["charged"] == "no"
    assert job.owner == "ana", "whoever records an end leaves a take to its person"


def test_a_completed_request_without_a_video_is_failed_with_what_came_instead(world):
    job = world.until(world.ask("[sim:no-video never]"), "failed")
    assert job.error["code"] == "no_video"
    assert job.error["detail"]


def test_a_request_that_goes_back_into_the_line_is_followed(world):
    job = world.until(world.ask("[sim:requeue never]"), "stored")
    history = world.history(job)
    assert history[-2:] == ["rendered", "stored"]
    assert "failed" not in history


def test_a_provider_in_trouble_is_asked_again_and_the_take_shows_no_failure(world):
    job = world.look(world.ask("[sim:poll-500=3 never]"))
    world.hurry(job)
    troubled = world.look(job)
    assert troubled.state in ("queued", "running")
    assert troubled.due_at > world.deps.clock.now()
    stored = world.until(job, "stored")
    assert "failed" not in world.history(stored)
    assert stored.error is None


def test_a_request_that_the_provider_forgot_is_held_after_several_answers_in_a_row_not_failed(world):
    job = world.look(world.ask("[sim:stuck never]"))
    with world.deps.store.begin() as session:
        from backend.store.jobs import jobs

        gone = f"{world.sim.url}/fal-ai/kling-video/requests/00000000-0000-7000-8000-000000000000"
        jobs.make_due(
            session, job.id, at=world.deps.clock.now(), status_url=f"{gone}/status", response_url=gone
        )
    states = []
    for _ in range(7):
        world.hurry(job)
        states.append(world.look(job).state)
    assert states[0] == "queued"
    assert states[-1] == "held"
    assert "failed" not in states


def test_polls_stretch_while_a_take_is_running(world):
    job = world.look(world.ask("[sim:stuck never]"))
    gaps = []
    for _ in range(6):
        world.hurry(job)
        job = world.look(job)
        gaps.append((job.due_at - world.deps.clock.now()).total_seconds())
    assert gaps[-1] > 2 * gaps[0]
    assert max(gaps) <= 72


@pytest.mark.parametrize("kind", ["[sim:never]", "[sim:never media-500=2]", "[sim:never slow=0.2]"])
def test_without_any_webhook_the_sweep_alone_brings_every_take_home(world, kind):
    job = world.until(world.ask(f"A quiet harbour {kind}"), "stored")
    assert world.history(job)[-2:] == ["rendered", "stored"]
    assert len(world.ledger()["posts"]) == 1


def test_the_key_is_sent_to_fals_own_hosts_only(world: World):
    from backend.providers.base import RequestRef

    fal = world.deps.get_provider("fal")
    ref = RequestRef(
        "fal-ai/veo3.1",
        "abc",
        "https://evil.example/status",
        "http://queue.fal.run/x",
        "https://queue.fal.run/c",
    )
    handle = fal._handle(ref)
    assert handle.status_url == f"{world.sim.url}/fal-ai/veo3.1/requests/abc/status"
    assert handle.response_url == f"{world.sim.url}/fal-ai/veo3.1/requests/abc"
    assert handle.cancel_url == "https://queue.fal.run/c"


@pytest.mark.parametrize(
    "body", [b"<html>It works!</html>", b"", b'{"video": {"url": "https://v3.fal.media/fi']
)
def test_a_result_that_cant_be_read_fails_no_take(world, monkeypatch, body):
    job = world.look(world.ask("[sim:never]"))
    fal = world.deps.get_provider("fal")
    monkeypatch.setattr(fal, "_get", lambda url, **more: httpx.Response(200, content=body))
    monkeypatch.setattr(fal, "status", lambda ref: fal.result(ref))
    world.hurry(job)
    asked = world.look(job)
    assert (asked.state, asked.error["code"]) == ("queued", "unreadable_answer")
    assert asked.due_at is not None
