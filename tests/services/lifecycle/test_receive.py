"""A delivery comes in: what is kept, and what it does to its job, in whatever order and number."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.domain.errors import StaleState
from backend.domain.states import JobEvent
from backend.models import Job
from backend.services.money import settling
from backend.store.money import ledger
from tests import databases
from tests.services.receiving import KINDS, LINK, body_of, failed, ok, verdict
from tests.signing import signed
from tests.world import at_once

pytestmark = databases.BOTH
#: Where the words of a delivery decide, and no statement.
ONE = pytest.mark.databases(None)


@pytest.mark.parametrize(
    "state", ["created", "submitting", "queued", "running", "held", "failed", "cancelled"]
)
def test_a_finished_video_moves_its_job_on_from(post, state):
    job = post.made(state)
    assert verdict(post.deliver(job)) == "applied"
    now = post.job(job)
    assert (now.state, now.result_url, now.result_size_bytes) == ("rendered", LINK, 4096)
    assert now.due_at == post.clock.now(), "the worker fetches it now"
    assert (now.request_id, now.error) == (job.request_id or "req-new", None)
    assert post.history(job)[-1] == "rendered"


@pytest.mark.parametrize("state", ["created", "queued", "running", "held", "submitting"])
def test_a_failure_is_told_in_plain_words_and_only_its_bill_is_asked_for(post, state):
    job = post.made(state)
    assert verdict(post.deliver(job, failed(job.request_id or "req-new"))) == "applied"
    now = post.job(job)
    assert (now.state, now.error["code"]) == ("failed", "content_policy_violation")
    assert "safety filter" in now.error["message"]
    assert "A red dress" not in json.dumps(now.error)
    assert now.due_at == post.clock.now()  # a refusal after GPU time may be billed: one more look tells


@pytest.mark.parametrize("state", ["rendered", "stored"])
def test_what_comes_after_the_video_has_no_effect(post, state):
    post.deliver(post.made())  # the account is known: it is the common case but for its state
    job = post.made(state)
    assert [verdict(post.deliver(job, make(job.request_id))) for make in (ok, failed)] == ["no_effect"] * 2
    assert post.job(job) == job
    assert [kept.verdict for kept in post.kept()] == ["no_effect", "no_effect", "applied"]


def test_a_delivery_after_a_video_that_was_free_counts_nothing_again(post):
    job = post.made("stored")
    with post.deps.store.begin() as session:
        settling.settle_bill(session, job, 0.0, at=post.clock.now())
    assert verdict(post.deliver(job)) == "no_effect"
    with post.deps.store.read() as session:
        assert ledger.counted_micros(session, job.id) == 0


@ONE
def test_the_delivery_is_kept_as_it_came(post):
    job = post.made()
    body = b'  {"status" : "OK",\n"request_id":"req-1", "payload":{"video":{"url":"https://x.example/y"}}} '
    post.deliver(job, body)
    (kept,) = post.kept()
    assert kept.body == body
    assert (kept.job_id, kept.request_id, kept.status, kept.verdict) == (job.id, "req-1", "OK", "applied")
    assert kept.received_at == kept.signed_at == post.clock.now()
    assert kept.headers["user_id"] == "our-account"
    assert "ignature" not in json.dumps(kept.headers)


@ONE
def test_a_stop_that_a_person_asked_for_ends_as_stopped_and_not_as_failed(post):
    job = post.made("running")
    post.hurry(job, cancel_requested_at=post.clock.now())
    said = {"detail": "x", "error_type": "client_cancelled"}
    post.deliver(job, body_of(job.request_id, status="ERROR", error="499", payload=said))
    assert post.job(job).state == "cancelled"


def test_a_delivery_that_comes_twenty_times_at_once_and_again_years_later_has_one_effect(post):
    job = post.made()
    body = ok(job.request_id)
    lines = signed(body, request_id=job.request_id, at=post.clock.now())

    def send(_: int) -> int:
        client = post.client.application.test_client()
        return client.post(post.path(job.id), data=body, headers=lines).status_code

    assert at_once(20, send) == [200] * 20
    assert post.history(job) == ["created", "submitting", "queued", "rendered"]

    stored = post.advance(job, JobEvent.SAVED)
    post.clock.pass_s(3 * 365 * 86400)
    assert verdict(post.deliver(job)) == "duplicate"
    (kept,) = post.kept()
    assert (post.job(job), kept.copies, kept.last_at) == (stored, 21, post.clock.now())


def test_another_body_under_the_same_request_and_word_is_kept_as_a_conflict_and_asked_about(post):
    job = post.made()
    post.deliver(job, failed(job.request_id))
    assert verdict(post.deliver(job, failed(job.request_id, "no_media_generated"))) == "conflict"
    assert [kept.verdict for kept in post.kept()] == ["conflict", "applied"]
    now = post.job(job)
    assert (now.state, now.due_at) == ("failed", post.clock.now())
    assert now.error["code"] == "content_policy_violation"


def deliver_kind(post, job, kind):
    """One of `KINDS`, or the same when it is long too late."""
    at = post.clock.now().replace(year=2025) if kind.startswith("stale ") else None
    return post.deliver(job, KINDS[kind.removeprefix("stale ")](job.request_id), at=at)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    state=st.sampled_from(["submitting", "queued", "running", "held", "cancelled"]),
    order=st.permutations([*KINDS, "ok", "error", "saved", "stale ok", "stale error"]),
    length=st.integers(1, 12),
)
def test_no_order_of_deliveries_takes_a_video_away(post, state, order, length):
    job, had_video = post.made(state), False
    job.request_id = job.request_id or f"req-{job.id}"
    for kind in order[:length]:
        before = post.job(job).state
        if kind != "saved":
            assert deliver_kind(post, job, kind).status_code == 200
        elif before == "rendered":
            post.advance(job, JobEvent.SAVED)
        after = post.job(job).state
        had_video = had_video or after == "rendered"
        assert not had_video or after in ("rendered", "stored"), (before, kind, after)
        assert before != "stored" or after == "stored"
    if any(kind.endswith("ok") for kind in order[:length]):
        assert had_video or post.job(job).due_at, "where fal once said OK, its video is here or asked for"
    assert post.history(job).count("rendered") <= 1


@ONE
@pytest.mark.parametrize("earlier", [["null"], ["stale ok"], ["stale error", "null"]])
def test_a_failure_after_a_word_of_success_is_asked_about_once_more(post, earlier):
    """Whatever kept the OK from being applied, a video may be there; a failure is not the last word then."""
    job = post.made()
    for kind in earlier:
        deliver_kind(post, job, kind)
    post.deliver(job, failed(job.request_id))
    assert (post.job(job).state, post.job(job).due_at) == ("failed", post.clock.now())


@ONE
@pytest.mark.parametrize("off_s", [301, -301])
def test_a_genuine_delivery_of_another_time_is_asked_about_now_and_applied_when_signed_anew(post, off_s):
    post.deliver(post.made())  # the account is known: it is the common case but for its time
    job, then = post.made(), post.clock.now()
    post.clock.pass_s(off_s)
    assert verdict(post.deliver(job, at=then)) == "stale"
    now = post.job(job)
    assert (now.state, now.result_url, now.due_at) == ("queued", None, post.clock.now())
    assert post.kept()[0].verdict == "stale"

    post.deliver(job)
    assert post.job(job).state == "rendered"
    assert len(post.kept()) == 2


@ONE
@pytest.mark.parametrize("kind", ["null", "new word"])
@pytest.mark.parametrize("state", ["created", "submitting", "queued", "held"])
def test_what_says_neither_video_nor_failure_is_kept_and_asked_about_now(post, state, kind):
    job = post.made(state)
    request = job.request_id or "req-new"
    assert verdict(post.deliver(job, KINDS[kind](request))) == "asked"
    now = post.job(job)
    assert (now.state, now.request_id) == ("queued", request), "accepted, as we know now"
    assert now.due_at == post.clock.now()
    assert len(post.kept()) == 1


UNREADABLE = [b"", b"<html>", b"[]", b"\xff\xfe\x00", b"[" * 100_000]
ODD = [
    b'{"status": "%s", "error": "x\\u0000", "payload": %s}' % (status, payload)
    for status in (b"OK", b"ERROR")
    for payload in (
        b'{"video": {"url": "https://x/\\ud800\\u0000"}}',
        b'{"video": {"url": "https://x/y", "file_size": ' + b"9" * 4000 + b"}}",
        b'{"detail": [{"type": ["x"], "loc": 5, "msg": {}}]}',
        b'{"detail": "\\u0000\\ud800"}',
        b'{"detail": [{"msg": "a"}], "seed": 1e999, "deep": ' + b'{"a":' * 500 + b"1" + b"}" * 501,
    )
]


def test_no_genuine_body_whatever_breaks_the_receiver_and_what_can_not_be_read_is_asked_about(post):
    for body in UNREADABLE + ODD:
        job = post.made()
        told = verdict(post.deliver(job, body))
        now = post.job(job)
        if body in ODD:
            assert now.state in ("queued", "rendered", "failed"), body
        else:
            assert (told, now.state, now.due_at) == ("unreadable", "queued", post.clock.now()), body
    assert [kept.body for kept in reversed(post.kept())] == UNREADABLE + ODD


def test_a_delivery_before_the_submits_answer_is_recorded_gives_the_job_its_request_id(post):
    job = post.made("created")
    with post.claims.claim_job(job.id) as claim:
        claim.record(JobEvent.SUBMIT_BEGUN)
        assert verdict(post.deliver(job, ok("req-early"))) == "applied"
        with pytest.raises(StaleState):
            claim.record(JobEvent.ACCEPTED, request_id="req-early")
    now = post.job(job)
    assert (now.state, now.request_id, now.result_url) == ("rendered", "req-early", LINK)
    assert now.submitted_at is not None
    assert post.history(job) == ["created", "submitting", "rendered"]


def test_a_delivery_for_a_job_that_is_not_here_is_kept_as_an_orphan(post):
    job = Job(id="01a00000-0000-7000-8000-00000000dead", request_id="req-lost")
    assert [verdict(post.deliver(job)) for _ in range(2)] == ["orphan", "duplicate"]
    (kept,) = post.kept()
    assert (kept.job_id, kept.request_id, kept.verdict, kept.copies) == (job.id, "req-lost", "orphan", 2)
