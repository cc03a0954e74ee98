"""A delivery comes in: what is kept, and what it does to its job, in whatever order and number."""

import json
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.domain.errors import StaleState
from backend.domain.states import JobEvent
from backend.models import Job
from backend.services.lifecycle.claims import Claims
from backend.store.jobs import jobs
from tests import databases
from tests.services.receiving import KINDS, LINK, body_of, failed, ok, verdict
from tests.signing import signed

pytestmark = databases.BOTH

# -- what a delivery costs --------------------------------------------------------------------


@pytest.mark.databases("postgres")  # a file is not asked over a wire
def test_a_delivery_asks_the_server_once(post, tmp_path):
    """The guarded move, its line, the inbox and the task are one statement, which is its own transaction."""
    for _ in range(2):  # whose account it is is learnt, then known
        post.deliver(post.job())
    job = post.job()

    with databases.asked_of(post.deps.store, tmp_path) as questions:
        assert verdict(post.deliver(job)) == "applied"

    assert len(questions) == 1, questions


# -- what a delivery does ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "state", ["created", "submitting", "queued", "running", "held", "failed", "cancelled"]
)
def test_a_finished_video_moves_its_job_on_from(post, state):
    job = post.job(state)

    assert verdict(post.deliver(job)) == "applied"

    now = post.now(job)
    assert (now.state, now.result_url, now.result_size_bytes) == ("rendered", LINK, 4096)
    assert now.due_at == post.clock.now(), "the worker fetches it now"
    assert now.request_id == (job.request_id or "req-new")
    assert now.error is None
    assert post.history(job)[-1] == "rendered"


def test_the_delivery_is_kept_as_it_came(post):
    job = post.job()
    body = b'  {"status" : "OK",\n"request_id":"req-1", "payload":{"video":{"url":"https://x.example/y"}}} '

    post.deliver(job, body)

    (kept,) = post.kept()
    assert kept.body == body
    assert (kept.job_id, kept.request_id, kept.status, kept.verdict) == (job.id, "req-1", "OK", "applied")
    assert kept.received_at == kept.signed_at == post.clock.now()
    assert kept.headers["user_id"] == "our-account"
    assert "ignature" not in json.dumps(kept.headers)


@pytest.mark.parametrize("state", ["created", "queued", "running", "held", "submitting"])
def test_a_failure_is_told_in_plain_words_and_only_its_bill_is_asked_for(post, state):
    job = post.job(state)

    assert verdict(post.deliver(job, failed(job.request_id or "req-new"))) == "applied"

    now = post.now(job)
    assert now.state == "failed"
    assert now.error["code"] == "content_policy_violation"
    assert "safety filter" in now.error["message"]
    assert "A red dress" not in json.dumps(now.error)
    assert now.due_at == post.clock.now()  # a refusal after GPU time may be billed: one more look tells


@pytest.mark.parametrize("state", ["rendered", "stored"])
@pytest.mark.parametrize("make", [ok, failed])
def test_what_comes_after_the_video_has_no_effect(post, state, make):
    job = post.job(state)

    assert verdict(post.deliver(job, make(job.request_id))) == "no_effect"

    assert post.now(job) == job
    assert [kept.verdict for kept in post.kept()] == ["no_effect"]


def test_a_stop_that_a_person_asked_for_ends_as_stopped_and_not_as_failed(post):
    job = post.job("running")
    with post.deps.store.begin() as session:
        jobs.make_due(session, job.id, at=post.clock.now(), cancel_requested_at=post.clock.now())
    body = body_of(
        job.request_id, status="ERROR", error="499", payload={"detail": "x", "error_type": "client_cancelled"}
    )

    post.deliver(job, body)

    assert post.now(job).state == "cancelled"


# -- again and again --------------------------------------------------------------------------


def test_a_delivery_that_comes_twenty_times_at_once_is_one_row_and_has_one_effect(post):
    job = post.job()
    body = ok(job.request_id)
    lines = signed(body, request_id=job.request_id, at=post.clock.now())
    together, answers = threading.Barrier(20), []

    def send() -> None:
        client = post.client.application.test_client()
        together.wait()
        answers.append(client.post(post.path(job.id), data=body, headers=lines).status_code)

    threads = [threading.Thread(target=send) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [200] * 20
    (kept,) = post.kept()
    assert kept.copies == 20
    assert post.history(job) == ["created", "submitting", "queued", "rendered"]


def test_a_copy_years_later_counts_and_does_nothing(post):
    job = post.job()
    post.deliver(job)
    post.move(job, JobEvent.SAVED)
    stored = post.now(job)
    post.clock.pass_s(3 * 365 * 86400)

    assert verdict(post.deliver(job)) == "duplicate"

    assert post.now(job) == stored
    assert post.kept()[0].copies == 2
    assert post.kept()[0].last_at == post.clock.now()


def test_another_body_under_the_same_request_and_word_is_kept_as_a_conflict_and_asked_about(post):
    job = post.job()
    post.deliver(job, failed(job.request_id))

    assert verdict(post.deliver(job, failed(job.request_id, "no_media_generated"))) == "conflict"

    assert [kept.verdict for kept in post.kept()] == ["conflict", "applied"]
    now = post.now(job)
    assert (now.state, now.due_at) == ("failed", post.clock.now())
    assert now.error["code"] == "content_policy_violation"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    state=st.sampled_from(["submitting", "queued", "running", "held", "cancelled"]),
    order=st.permutations([*KINDS, "ok", "error", "saved", "stale ok", "stale error"]),
    length=st.integers(1, 12),
)
def test_no_order_of_deliveries_takes_a_video_away(post, state, order, length):
    job = post.job(state)
    request = job.request_id or f"req-{job.id}"
    job.request_id = request
    had_video = False
    for kind in order[:length]:
        before = post.now(job).state
        if kind == "saved":
            if before == "rendered":
                post.move(job, JobEvent.SAVED)
        else:
            stale = kind.startswith("stale ")
            body = KINDS[kind.removeprefix("stale ")](request)
            at = post.clock.now().replace(year=2025) if stale else None
            assert post.deliver(job, body, at=at).status_code == 200
        after = post.now(job).state
        had_video = had_video or after == "rendered"
        assert not had_video or after in ("rendered", "stored"), (before, kind, after)
        assert before != "stored" or after == "stored"
    if any(kind.endswith("ok") for kind in order[:length]):
        assert had_video or post.now(job).due_at, "where fal once said OK, its video is here or asked for"
    assert post.history(job).count("rendered") <= 1


@pytest.mark.parametrize(
    "first", [("null", False), ("ok", True), ("stale error", False)], ids=["null", "stale", "stale error"]
)
def test_a_failure_after_a_word_of_success_is_asked_about_once_more(post, first):
    """Whatever kept the OK from being applied, a video may be there; a failure is not the last word then."""
    job = post.job()
    kind, stale = first
    old = post.clock.now().replace(year=2025)
    if kind == "stale error":
        post.deliver(job, KINDS["error"](job.request_id), at=old)
        kind = "null"
    post.deliver(job, KINDS[kind](job.request_id), at=old if stale else None)

    post.deliver(job, failed(job.request_id))

    assert (post.now(job).state, post.now(job).due_at) == ("failed", post.clock.now())


# -- what can not be applied as it stands -----------------------------------------------------


@pytest.mark.parametrize("off_s", [301, -301, 86400, -86400])
def test_a_genuine_delivery_of_another_time_is_not_applied_but_asked_about_now(post, off_s):
    job = post.job()
    lines_at = post.clock.now()
    post.clock.pass_s(off_s)

    assert verdict(post.deliver(job, at=lines_at)) == "stale"

    now = post.now(job)
    assert (now.state, now.result_url) == ("queued", None)
    assert now.due_at == post.clock.now()
    assert [kept.verdict for kept in post.kept()] == ["stale"]


def test_a_stale_delivery_that_comes_again_with_a_fresh_signature_is_applied(post):
    job, then = post.job(), post.clock.now()
    post.clock.pass_s(3600)
    post.deliver(job, at=then)

    post.deliver(job)

    assert post.now(job).state == "rendered"
    assert len(post.kept()) == 1


@pytest.mark.parametrize(
    "value",
    [
        {"status": "OK", "payload": None, "payload_error": "not serializable"},
        {"status": "OK", "payload": {"video": {"url": LINK}}, "payload_error": "cut short"},
        {"status": "OK", "payload": {"images": []}},
        {"status": "PARTIAL", "payload": {"video": {"url": LINK}}},
        {"status": "CANCELLED"},
        {"status": None, "payload": {"video": {"url": LINK}}},
    ],
)
@pytest.mark.parametrize("state", ["created", "submitting", "queued", "held"])
def test_what_says_neither_video_nor_failure_is_kept_and_asked_about_now(post, state, value):
    job = post.job(state)
    request = job.request_id or "req-new"

    assert verdict(post.deliver(job, body_of(request, **value))) in ("asked", "unreadable")

    now = post.now(job)
    assert (now.state, now.request_id) == ("queued", request), "accepted, as we know now"
    assert now.due_at == post.clock.now()
    assert len(post.kept()) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"[]", b"null", b"\xff\xfe\x00", b"[" * 100_000])
def test_a_genuine_body_that_can_not_be_read_is_kept_and_asked_about_now(post, body):
    job = post.job()

    assert verdict(post.deliver(job, body)) == "unreadable"

    assert [kept.body for kept in post.kept()] == [body]
    assert (post.now(job).state, post.now(job).due_at) == ("queued", post.clock.now())


NESTED = b'{"a":' * 500 + b"1" + b"}" * 500


@pytest.mark.parametrize(
    "payload",
    [
        b'{"video": {"url": "https://x/\\ud800"}}', b'{"video": {"url": "https://x/\\u0000"}}',
        b'{"video": {"url": "https://x/y", "file_size": ' + b"9" * 4000 + b"}}",
        b'{"video": {"url": "https://x/y", "file_size": NaN}}', b'{"video": {"url": 1e999}}',
        b'{"detail": [{"type": ["x"], "loc": 5, "msg": {}}]}', b'{"detail": "\\u0000\\ud800"}',
        b'{"detail": [{"msg": "a"}], "seed": 1e999, "deep": ' + NESTED + b"}", NESTED, b"9" * 5000,
        b'{"video": {"url": "https://x/y"}, "video": null}',
    ],
    ids=lambda payload: ascii(payload[:40]),
)  # fmt: skip
@pytest.mark.parametrize("word", ["OK", "ERROR"])
def test_no_genuine_body_whatever_breaks_the_receiver_or_its_reader(post, payload, word):
    job = post.job()
    body = b'{"request_id": "req-1", "status": "%s", "error": "x\\u0000", "payload": %s}' % (
        word.encode(),
        payload,
    )

    verdict(post.deliver(job, body))

    assert len(post.kept()) == 1
    assert post.now(job).state in ("queued", "rendered", "failed")


# -- before we knew its request id ------------------------------------------------------------


def test_a_delivery_before_the_submits_answer_is_recorded_gives_the_job_its_request_id(post):
    job = post.job("created")
    with Claims(post.deps).claim_job(job.id) as claim:
        claim.record(JobEvent.SUBMIT_BEGUN)

        assert verdict(post.deliver(job, ok("req-early"))) == "applied"

        with pytest.raises(StaleState):
            claim.record(JobEvent.ACCEPTED, request_id="req-early")

    now = post.now(job)
    assert (now.state, now.request_id, now.result_url) == ("rendered", "req-early", LINK)
    assert now.submitted_at is not None
    assert post.history(job) == ["created", "submitting", "rendered"]


def test_a_lost_answer_is_made_good_by_the_webhooks_token(post):
    job = post.job("held")

    assert verdict(post.deliver(job, ok("req-found"))) == "applied"

    assert (post.now(job).state, post.now(job).request_id) == ("rendered", "req-found")


def test_a_delivery_for_a_job_that_is_not_here_is_kept_as_an_orphan(post):
    job = Job(id="01a00000-0000-7000-8000-00000000dead", request_id="req-lost")

    assert verdict(post.deliver(job)) == "orphan"
    assert verdict(post.deliver(job)) == "duplicate"

    (kept,) = post.kept()
    assert (kept.job_id, kept.request_id, kept.verdict, kept.copies) == (job.id, "req-lost", "orphan", 2)
