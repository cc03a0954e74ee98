"""Sending once: every fault of the provider's answer, counted by the provider's own ledger."""

import socket
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from backend.bootstrap import build_deps
from backend.domain.errors import StoreUnavailable, SubmitDeferred
from backend.domain.states import JobEvent
from backend.services.lifecycle import provider_pause, record_answer
from backend.services.lifecycle.claims import Claim
from backend.services.takes import held_choices
from backend.store.jobs import claims
from tests import databases
from tests.world import ADMIN, ANA, World

pytestmark = databases.BOTH


def posts(world: World) -> int:
    return len(world.ledger()["posts"])


def accepted(world: World) -> int:
    return len(world.ledger()["requests"])


def test_a_take_is_sent_with_one_post_that_holds_just_what_was_asked_for(world):
    job = world.ask("A red dress", params={"duration": "5"}, style={"camera": "Dolly in"})
    sent = world.look(job)
    assert sent.state == "queued"
    (post,) = world.ledger()["posts"]
    assert post["input"] == {"prompt": "A red dress. Camera: slow dolly in.", "duration": "5"}
    assert post["webhook"].startswith(f"http://127.0.0.1:1/api/video/webhook/{job.id}/")


def test_the_urls_that_the_provider_gave_are_kept_as_given(world):
    job = world.look(world.ask())
    (request,) = world.ledger()["requests"]
    base = f"{world.sim.url}/fal-ai/kling-video/requests/{request['request_id']}"
    assert job.request_id == request["request_id"]
    assert (job.response_url, job.status_url, job.cancel_url) == (base, f"{base}/status", f"{base}/cancel")


@pytest.mark.parametrize(
    "marker", ["lost-answer", "half-answer", "garbage", "proxy=502 accepted", "proxy=502", "proxy=408"]
)
def test_what_may_have_been_accepted_is_held_and_never_sent_again(world, marker):
    job = world.look(world.ask(f"Take one [sim:{marker} never]"))
    assert job.state == "held"
    assert job.error["charged"] == "maybe"
    for _ in range(3):
        world.hurry(job)
        world.look(job)
    assert posts(world) == 1
    assert "submitting" in world.history(job)


def test_an_answer_that_never_comes_is_held_after_one_post(world, monkeypatch):
    monkeypatch.setattr("backend.providers.fal.client.SUBMIT_READ_S", 0.3)
    job = world.look(world.ask("[sim:stall=5 never]"))
    assert job.state == "held"
    assert posts(world) == 1


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_a_definite_refusal_fails_with_the_providers_reason_after_one_post(world, status):
    job = world.look(world.ask(f"[sim:http={status}]"))
    assert job.state == "failed"
    assert job.error["charged"] == "no"
    assert job.error["message"]
    assert posts(world) == 1
    assert provider_pause.list_pauses(world.deps) == {}


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_fails_the_take_and_pauses_all_submitting(world, status):
    refused = world.look(world.ask(f"[sim:http={status}]"))
    waiting = world.look(world.ask("Another"))
    assert (refused.state, waiting.state) == ("failed", "created")
    assert posts(world) == 1
    assert list(provider_pause.list_pauses(world.deps)) == ["fal"]


def test_a_pause_ends_when_a_person_says_so(world):
    world.look(world.ask("[sim:http=401]"))
    waiting = world.look(world.ask("Another"))
    provider_pause.resume_provider(world.deps, "fal")
    world.hurry(waiting)
    assert world.look(waiting).state == "queued"


def test_a_pause_lets_one_take_through_when_its_time_is_over_and_ends_when_that_is_accepted(
    world, monkeypatch
):
    monkeypatch.setattr("backend.domain.policy.PAUSE_FIRST_S", 0.0)
    world.look(world.ask("[sim:http=401]"))
    first, second = world.ask("First"), world.ask("Second")
    provider_pause.check_not_paused(world.deps, "fal")  # the one that tries
    with pytest.raises(SubmitDeferred):  # the others wait for its answer
        provider_pause.check_not_paused(world.deps, "fal")
    assert world.look(first).state == "created"
    provider_pause.resume_provider(world.deps, "fal")
    world.hurry(second)
    assert world.look(second).state == "queued"


def test_a_pause_ends_with_another_key(world):
    world.look(world.ask("[sim:http=401]"))
    from pydantic import SecretStr

    settings = world.deps.settings.model_copy(update={"fal_key": SecretStr("id:another")})
    again = replace(world.deps, providers=build_deps(settings).providers)
    provider_pause.check_not_paused(again, "fal")
    assert provider_pause.list_pauses(world.deps) == {}


def test_too_many_requests_waits_as_long_as_it_is_told_and_then_sends_once_more(world):
    job = world.look(world.ask("[sim:http=429 retry-after=2 times=1]"))
    assert job.state == "created"
    assert 1.5 < (job.due_at - job.state_at).total_seconds() < 2.5
    assert world.look(job).state == "created"  # not before its time
    assert posts(world) == 1
    world.hurry(job)
    assert world.look(job).state == "queued"
    assert posts(world) == 2
    assert accepted(world) == 1


def test_fals_own_breakdown_is_tried_a_few_times_and_then_fails(world):
    job = world.ask("[sim:http=500]")
    seen = []
    for _ in range(8):
        world.hurry(job)
        seen.append(world.look(job).state)
    assert seen[-1] == "failed"
    assert 2 <= posts(world) <= 5
    assert accepted(world) == 0


def test_fals_own_breakdown_that_passes_costs_nothing_but_time(world):
    job = world.ask("[sim:http=503 times=2]")
    for _ in range(3):
        world.hurry(job)
        world.look(job)
    assert world.job(job).state == "queued"
    assert accepted(world) == 1


def _elsewhere(world: World, url: str) -> World:
    settings = world.deps.settings.model_copy(update={"fal_queue_url": url})
    fal = build_deps(settings).get_provider("fal")
    return World(replace(world.deps, providers={"fal": fal}), world.sim)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "https://127.0.0.1:{port}"])
def test_a_provider_that_can_not_be_reached_was_sent_nothing_and_is_tried_again(world, url):
    port = world.sim.url.rsplit(":", 1)[1]
    away = _elsewhere(world, url.format(port=port))
    job = away.look(away.ask())
    assert job.state == "created"
    assert job.error["charged"] == "no"
    assert job.due_at > job.state_at
    assert accepted(world) == 0


def test_a_name_that_can_not_be_looked_up_was_sent_nothing(world, monkeypatch):
    def nobody(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    away = _elsewhere(world, "http://provider.example")
    monkeypatch.setattr("socket.getaddrinfo", nobody)
    job = away.look(away.ask())
    assert (job.state, job.error["charged"]) == ("created", "no")


def test_a_request_id_of_another_take_is_not_believed(world):
    world.look(world.ask("First"))
    second = world.look(world.ask("Second [sim:dup-id]"))
    assert second.state == "held"
    assert second.request_id is None


def test_a_worker_that_died_while_sending_leaves_a_take_that_is_held_not_sent_again(world):
    from backend.domain.states import JobEvent

    job = world.ask()
    with world.claims.claim_job(job.id) as claim:
        claim.record(JobEvent.SUBMIT_BEGUN, due_in_s=0)
    assert world.look(job).state == "held"
    assert posts(world) == 0


def test_two_workers_send_a_take_once(world):
    import threading

    jobs = [world.ask(f"Take {number}") for number in range(10)]
    workers = [World(world.deps, world.sim) for _ in range(4)]

    def work(worker: World) -> None:
        for job in jobs:
            worker.look(job)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {world.job(job).state for job in jobs} <= {"queued", "running"}
    assert posts(world) == 10


def test_a_receipt_is_kept_even_when_the_lease_was_lost_meanwhile(world):
    from datetime import timedelta

    from backend.domain.states import JobEvent
    from backend.providers.base import Receipt

    job = world.ask()
    with world.claims.claim_job(job.id) as frozen:
        frozen.record(JobEvent.SUBMIT_BEGUN, due_in_s=0)
        with world.deps.store.begin() as session:  # its lease runs out while it sleeps
            claims.renew_leases(
                session, [frozen.lease_token], until=world.deps.clock.now() - timedelta(seconds=1)
            )
        assert World(world.deps, world.sim).look(job).state == "held"
        record_answer.record_answer(world.deps, frozen, Receipt("late-id", "s", "r", "c"))
    assert world.job(job).state == "queued"
    assert world.job(job).request_id == "late-id"


class Silenced:
    """A worker whose database is away from the moment its request has an answer, for longer than its lease.

    meanwhile: what others do until it is back.
    """

    def __init__(self, world: World, monkeypatch, *, from_commit: bool = False) -> None:
        self.world, self.meanwhile, self.from_commit = world, [self.held_by_another], from_commit
        self.away, self.real = False, world.deps.store.begin
        monkeypatch.setattr("backend.services.retry_write.FIRST_WAIT_S", 0.0)
        monkeypatch.setattr(world.deps.store, "begin", self.begin)
        provider = world.deps.get_provider("fal")
        real_submit = provider.submit

        def submit(*args, **kwargs):
            try:
                return real_submit(*args, **kwargs)
            finally:
                self.away = True

        monkeypatch.setattr(provider, "submit", submit)

    @contextmanager
    def begin(self, **how):
        if self.away:
            self.away = False
            for what in self.meanwhile:
                what()
            raise StoreUnavailable("the server is starting up", outcome_unknown=False)
        with self.real(**how) as session:
            yield session
            begins = self.from_commit and bool(session.info.get("begins"))
        if begins:
            self.from_commit = False
            self.held_by_another()
            raise StoreUnavailable("the connection was lost", outcome_unknown=True)

    def held_by_another(self) -> None:
        (claim,) = self.world.claims.active_claims()
        with self.real() as session:
            claims.renew_leases(
                session, [claim.lease_token], until=self.world.deps.clock.now() - timedelta(seconds=1)
            )
        assert World(self.world.deps, self.world.sim).look(claim.job).state == "held"


def test_a_refusal_counts_though_another_held_the_take_while_the_database_was_away(world, monkeypatch):
    Silenced(world, monkeypatch)
    job = world.look(world.ask("[sim:http=422]"))
    assert (job.state, job.error["charged"]) == ("failed", "no")
    assert world.history(job) == ["created", "submitting", "held", "failed"]
    assert posts(world) == 1


def test_what_certainly_did_not_leave_waits_again_though_another_held_it(world, monkeypatch):
    Silenced(world, monkeypatch)
    job = world.look(world.ask("[sim:http=429 times=1]"))
    assert world.history(job) == ["created", "submitting", "held", "created"]
    assert job.due_at is not None
    world.until(job, "stored")
    assert accepted(world) == 1


def test_a_begun_that_was_not_heard_is_taken_back_though_another_held_it(world, monkeypatch):
    real = Claim.record

    def marked(claim, event, **values):
        if event is JobEvent.SUBMIT_BEGUN:
            values["also"] = lambda session: session.info.update(begins=True) or {}
        return real(claim, event, **values)

    monkeypatch.setattr(Claim, "record", marked)
    Silenced(world, monkeypatch, from_commit=True)
    job = world.look(world.ask())
    assert world.history(job) == ["created", "submitting", "held", "created"]
    assert posts(world) == 0
    monkeypatch.setattr(Claim, "record", real)
    world.until(job, "stored")
    assert posts(world) == 1


@pytest.mark.databases("postgres")  # a file has no line to be cut
def test_a_begun_whose_commit_died_is_told_and_sent_later(world, caplog):
    """The line is cut in the commit that says "about to send": nothing is sent, and it can be said why."""
    with world.deps.store.begin() as session:
        session.execute(text(
            "CREATE FUNCTION die() RETURNS trigger AS $$ BEGIN IF NEW.event = 'submit_begun' THEN "
            "PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NULL; END $$ LANGUAGE plpgsql"
        ))  # fmt: skip
        session.execute(text(
            "CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON history DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION die()"
        ))  # fmt: skip
    with caplog.at_level("INFO"):
        job = world.look(world.ask())
    assert (job.state, job.claimed_by, posts(world)) == ("created", None, 0)
    assert "outrun" in caplog.text
    with world.deps.store.begin() as session:
        session.execute(text("DROP TRIGGER dies ON history"))
    world.until(job, "stored")
    assert posts(world) == 1


def test_what_a_person_decided_meanwhile_stays_decided(world, monkeypatch):
    silenced = Silenced(world, monkeypatch)
    job = world.ask("[sim:http=429 times=1]")
    silenced.meanwhile.append(lambda: held_choices.send_again(world.deps, ANA, job.id))
    assert world.look(job).state == "cancelled"
    assert posts(world) == 1  # the one that was turned away


def test_a_person_s_wish_to_go_on_waiting_is_left_alone(world, monkeypatch):
    silenced = Silenced(world, monkeypatch)
    job = world.ask("[sim:http=429 times=1]")
    silenced.meanwhile.append(lambda: held_choices.keep_waiting(world.deps, ANA, job.id))
    assert world.look(job).state == "held"


def test_where_webhooks_can_not_come_none_is_asked_for(world):
    settings = world.deps.settings.model_copy(update={"fal_queue_url": "https://queue.fal.run"})
    away = World(replace(world.deps, settings=settings), world.sim)
    job = away.look(away.ask())
    assert job.webhook_asked is False
    (post,) = world.ledger()["posts"]
    assert not post["webhook"]


def test_a_cancelled_take_is_never_sent(world):
    from backend.services.takes.cancel import cancel_job

    job = world.ask()
    assert cancel_job(world.deps, ADMIN, job.id).state == "cancelled"
    world.hurry(job)
    world.look(job)
    assert posts(world) == 0
