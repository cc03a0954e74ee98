"""Sending once: every fault of the provider's answer, counted by the provider's own ledger."""

from dataclasses import replace

import pytest
from pydantic import SecretStr

from backend.bootstrap import build_deps
from backend.domain.errors import StoreUnavailable, SubmitDeferred
from backend.domain.states import JobEvent
from backend.services.lifecycle import provider_pause
from backend.services.lifecycle.claims import Claim
from backend.services.takes import held_choices
from backend.services.takes.cancel import cancel_job
from tests import databases
from tests.world import ADMIN, ANA, BLOCKING, MODEL, World, cut_line_in_commit, run_sql

BOTH_PROVIDERS = pytest.mark.parametrize("model", [MODEL, BLOCKING], ids=["fal", "blackbox"])


def set_up(world: World, **settings) -> World:
    """A worker whose providers have other settings."""
    changed = world.deps.settings.model_copy(update=settings)
    return world.another(providers=build_deps(changed).providers)


def test_a_take_is_sent_with_one_post_that_holds_just_what_was_asked_for(world):
    """And the URLs that the provider gave are kept as given."""
    job = world.look(world.ask("A red dress", params={"duration": "5"}, style={"camera": "Dolly in"}))
    ((post,), (request,)) = world.ledger()["posts"], world.ledger()["requests"]
    assert post["input"] == {"prompt": "A red dress. Camera: slow dolly in.", "duration": "5"}
    assert post["webhook"].startswith(f"http://127.0.0.1:1/api/video/webhook/{job.id}/")
    base = f"{world.sim.url}/fal-ai/kling-video/requests/{request['request_id']}"
    assert (job.state, job.request_id) == ("queued", request["request_id"])
    assert (job.response_url, job.status_url, job.cancel_url) == (base, f"{base}/status", f"{base}/cancel")


@pytest.mark.parametrize(
    "marker", ["lost-answer", "half-answer", "garbage", "proxy=502 accepted", "proxy=502"]
)
@BOTH_PROVIDERS
def test_what_may_have_been_accepted_is_held_and_never_sent_again(world, model, marker):
    job = world.look(world.ask(f"Take one [sim:{marker} never]", model=model))
    assert (job.state, job.error["charged"]) == ("held", "maybe")
    assert model == MODEL or "charged" in job.error["message"], "nobody can ask this provider"
    world.looks(job, 3)
    assert world.posts == 1
    assert "submitting" in world.history(job)


#: Whoever blocks has no other time to be asked at: too many at once is a refusal.
REFUSALS = [(MODEL, 400), (MODEL, 413), (BLOCKING, 400), (BLOCKING, 429)]


@pytest.mark.parametrize(("model", "status"), REFUSALS)
def test_a_definite_refusal_fails_with_the_providers_reason_after_one_post(world, model, status):
    job = world.look(world.ask(f"[sim:http={status}]", model=model))
    assert (job.state, job.error["charged"]) == ("failed", "no")
    assert job.error["message"]
    world.looks(job, 1)
    assert world.posts == 1
    assert provider_pause.list_pauses(world.deps) == {}


@BOTH_PROVIDERS
def test_a_provider_that_can_not_be_reached_was_sent_nothing_and_is_tried_again(world, model):
    away = set_up(world, fal_queue_url="http://127.0.0.1:1", blackbox_url="http://127.0.0.1:1")
    job = away.look(away.ask(model=model))
    assert (job.state, job.error["charged"]) == ("created", "no")
    assert job.due_at > job.state_at
    assert world.posts == 0


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_fails_the_take_and_pauses_all_submitting_until_a_person_says_so(world, status):
    refused = world.look(world.ask(f"[sim:http={status}]"))
    waiting = world.look(world.ask("Another"))
    assert (refused.state, waiting.state) == ("failed", "created")
    assert world.posts == 1
    assert list(provider_pause.list_pauses(world.deps)) == ["fal"]
    provider_pause.resume_provider(world.deps, "fal")
    assert world.looks(waiting, 1)[0].state == "queued"


def test_a_pause_whose_time_is_over_lets_one_take_through_and_ends_with_another_key(world, monkeypatch):
    monkeypatch.setattr("backend.domain.policy.PAUSE_FIRST_S", 0.0)
    world.look(world.ask("[sim:http=401]"))
    provider_pause.check_not_paused(world.deps, "fal")  # the one that tries
    with pytest.raises(SubmitDeferred):  # the others wait for its answer
        provider_pause.check_not_paused(world.deps, "fal")
    assert world.look(world.ask("Another")).state == "created"
    again = set_up(world, fal_key=SecretStr("id:another"))
    provider_pause.check_not_paused(again.deps, "fal")
    assert provider_pause.list_pauses(world.deps) == {}


def test_too_many_requests_waits_as_long_as_it_is_told_and_then_sends_once_more(world):
    job = world.look(world.ask("[sim:http=429 retry-after=20 times=1]"))
    assert job.state == "created"
    assert 15 < (job.due_at - job.state_at).total_seconds() < 25
    assert world.look(job).state == "created"  # not before its time
    assert world.posts == 1
    assert world.looks(job, 1)[0].state == "queued"
    assert (world.posts, world.accepted) == (2, 1)


@pytest.mark.parametrize(("marker", "end", "accepted"), [("500", "failed", 0), ("503 times=2", "queued", 1)])
def test_fals_own_breakdown_is_tried_a_few_times_and_costs_nothing_but_time(world, marker, end, accepted):
    job = world.ask(f"[sim:http={marker} stuck]")
    assert world.until(job, end).state == end
    assert 3 <= world.posts <= 5
    assert world.accepted == accepted


def test_a_request_id_of_another_take_is_not_believed(world):
    world.look(world.ask("First"))
    second = world.look(world.ask("Second [sim:dup-id]"))
    assert (second.state, second.request_id) == ("held", None)


def hold_by_another(world: World) -> None:
    """The lease of the take in hand ends, and another worker finds that it may have been sent."""
    (claim,) = world.claims.active_claims()
    world.cut_off(claim)
    assert world.another().look(claim.job).state == "held"


def lose_database_after_answer(world: World, monkeypatch, meanwhile=lambda: None) -> None:
    """Once a request has its answer, the database is away for longer than a lease."""
    provider, begin = world.deps.get_provider("fal"), world.deps.store.begin
    submit = provider.submit

    def answered(*args, **kwargs):
        monkeypatch.setattr(provider, "submit", submit)
        try:
            return submit(*args, **kwargs)
        finally:
            monkeypatch.setattr(world.deps.store, "begin", away)

    def away(**how):
        monkeypatch.setattr(world.deps.store, "begin", begin)
        hold_by_another(world)
        meanwhile()
        raise StoreUnavailable("the server is starting up", outcome_unknown=False)

    monkeypatch.setattr("backend.services.retry_write.FIRST_WAIT_S", 0.0)
    monkeypatch.setattr(provider, "submit", answered)


def lose_begin(world: World, monkeypatch, *, arrives: bool) -> None:
    """The line breaks in the commit that says "about to send"; is it done? Another is faster than its end."""
    real = Claim.record

    def record(claim, event, **values):
        assert event is JobEvent.SUBMIT_BEGUN
        monkeypatch.setattr(Claim, "record", real)
        if arrives:
            real(replace(claim), event, **values)
        hold_by_another(world)
        raise StoreUnavailable("the connection was lost", outcome_unknown=True)

    monkeypatch.setattr(Claim, "record", record)


@databases.BOTH
@pytest.mark.parametrize(("marker", "end"), [("http=422", "failed"), ("http=429", "created"), ("", "queued")])
def test_an_answer_counts_though_another_held_the_take_while_the_database_was_away(
    world, monkeypatch, marker, end
):
    lose_database_after_answer(world, monkeypatch)
    job = world.look(world.ask(f"[sim:{marker} times=1]"))
    assert world.history(job) == ["created", "submitting", "held", end]
    assert (world.posts, world.accepted) == (1, end == "queued")
    assert (job.error or {}).get("charged") == (None if end == "queued" else "no")
    if end != "failed":  # it certainly did not leave, or was accepted
        assert job.due_at is not None
        world.until(job, "stored")
        assert world.accepted == 1


@databases.BOTH
def test_a_begun_that_was_not_heard_is_taken_back_though_another_held_it(world, monkeypatch):
    lose_begin(world, monkeypatch, arrives=True)
    job = world.look(world.ask())
    assert world.history(job) == ["created", "submitting", "held", "created"]
    assert world.posts == 0
    world.until(job, "stored")
    assert world.posts == 1


@databases.BOTH
def test_a_begun_that_never_arrived_takes_nothing_back_from_another_who_sent(world, monkeypatch):
    """A's commit is lost on its way, B sends and nobody hears the answer; then A is back."""
    lose_begin(world, monkeypatch, arrives=False)
    world.looks(world.look(world.ask("A dress [sim:lost-answer never]")), 1)
    assert world.posts == 1


@pytest.mark.databases("postgres")  # a file has no line to be cut
def test_a_begun_whose_commit_died_is_told_and_sent_later(world, caplog):
    """The line is cut in the commit that says "about to send": nothing is sent, and it can be said why."""
    cut_line_in_commit(world.deps.store, "history", "NEW.event = 'submit_begun'")
    with caplog.at_level("INFO"):
        job = world.look(world.ask())
    assert (job.state, job.claimed_by, world.posts) == ("created", None, 0)
    assert "outrun" in caplog.text
    run_sql(world.deps, "DROP TRIGGER dies ON history")
    world.until(job, "stored")
    assert world.posts == 1


@pytest.mark.parametrize(
    ("choice", "state"), [(held_choices.send_again, "cancelled"), (held_choices.keep_waiting, "held")]
)
def test_what_a_person_decided_meanwhile_stays_decided(world, monkeypatch, choice, state):
    job = world.ask("[sim:http=429 times=1]")
    lose_database_after_answer(world, monkeypatch, lambda: choice(world.deps, ANA, job.id))
    assert world.look(job).state == state
    assert world.posts == 1  # the one that was turned away


def test_where_webhooks_can_not_come_none_is_asked_for(world):
    settings = world.deps.settings.model_copy(update={"fal_queue_url": "https://queue.fal.run"})
    job = world.another(settings=settings).look(world.ask())
    assert job.webhook_asked is False
    (post,) = world.ledger()["posts"]
    assert not post["webhook"]


def test_a_cancelled_take_is_never_sent(world):
    job = world.ask()
    assert cancel_job(world.deps, ADMIN, job.id).state == "cancelled"
    world.looks(job, 1)
    assert world.posts == 0
