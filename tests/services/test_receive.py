"""A delivery comes in: what is believed, what is kept, what it does to its job, and what fal is answered."""

import dataclasses
import gzip
import itertools
import json
import logging
import sqlite3
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text
from werkzeug.test import TestResponse

from backend.bootstrap import build_deps
from backend.domain.errors import NotAllowed, NotFound, NotNow, Outrun
from backend.domain.states import JobEvent
from backend.models import Delivery, Job
from backend.providers.fal_keys import FalKeys
from backend.providers.fal_webhook import token_of
from backend.services import create, receive
from backend.services.access import Role, Viewer
from backend.services.claims import Claims, record
from backend.services.deps import Deps
from backend.settings import load
from backend.store import deliveries, engine, facts, jobs
from backend.store.migrate import migrate
from backend.web.app import create_app
from tests.signing import SECOND_KEY, Hands, Publisher, jwks, public, signed
from tests.world import ADMIN, ANA, MODEL

SECRET = "a-secret-of-this-test-alone"
FAL_KEY = "id:key-of-this-test"
LINK = "https://v3b.fal.media/files/b/x/out.mp4"
MIB = 1024 * 1024

#: The events that bring a new job to each state.
WAY = {
    "created": [],
    "submitting": [JobEvent.SUBMIT_BEGUN],
    "queued": [JobEvent.SUBMIT_BEGUN, JobEvent.ACCEPTED],
    "running": [JobEvent.SUBMIT_BEGUN, JobEvent.ACCEPTED, JobEvent.STARTED],
    "held": [JobEvent.SUBMIT_BEGUN, JobEvent.UNANSWERED],
    "failed": [JobEvent.SUBMIT_BEGUN, JobEvent.ACCEPTED, JobEvent.ERRORED],
    "cancelled": [JobEvent.SUBMIT_BEGUN, JobEvent.ACCEPTED, JobEvent.CANCELLED],
    "rendered": [JobEvent.SUBMIT_BEGUN, JobEvent.ACCEPTED, JobEvent.FINISHED],
    "stored": [JobEvent.SUBMIT_BEGUN, JobEvent.ACCEPTED, JobEvent.FINISHED, JobEvent.SAVED],
}


class Post:
    """The receiving side and its fal: jobs in any state, and deliveries for them."""

    def __init__(self, deps: Deps, clock: Hands) -> None:
        self.deps, self.clock = deps, clock
        self.client: FlaskClient = create_app(deps).test_client()
        self._numbers = itertools.count(1)

    def job(self, state: str = "queued") -> Job:
        """A job in this state, with a request id if it was accepted."""
        job = create.create_job(self.deps, ANA, {"model": MODEL, "prompt": "A red dress"})
        for move in WAY[state]:
            self.move(job, move)
        return self.now(job)

    def move(self, job: Job, move: JobEvent) -> None:
        values: dict[str, Any] = {}
        if move == JobEvent.ACCEPTED:
            values = {"request_id": f"req-{next(self._numbers)}"}
        with self.deps.store.begin() as session:
            jobs.advance(session, job.id, move, at=self.clock.now(), by="test", **values)

    def now(self, job: Job) -> Job:
        with self.deps.store.read() as session:
            return jobs.get(session, job.id)

    def history(self, job: Job) -> list[str]:
        with self.deps.store.read() as session:
            return [line.state for line in jobs.history(session, job.id)]

    def kept(self) -> list[Delivery]:
        """The inbox, newest first."""
        with self.deps.store.read() as session:
            return list(deliveries.newest(session, limit=100))

    def account(self) -> str | None:
        with self.deps.store.read() as session:
            fact = facts.get(session, receive.ACCOUNT)
        return fact and fact.value["user_id"]

    def path(self, job_id: str, token: str | None = None) -> str:
        return f"/api/video/webhook/{job_id}/{token or token_of(SECRET, job_id)}"

    def deliver(
        self,
        job: Job,
        body: bytes | None = None,
        *,
        at: datetime | None = None,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        **who: Any,
    ) -> TestResponse:
        """POST a delivery for a job, signed as fal would sign it."""
        request_id = job.request_id or "req-new"
        body = ok(request_id) if body is None else body
        lines = headers if headers is not None else signed(
            body, request_id=request_id, at=at or self.clock.now(), **who
        )  # fmt: skip
        return self.client.post(self.path(job.id, token), data=body, headers=lines)


def body_of(request_id: str, **value: Any) -> bytes:
    return json.dumps({"request_id": request_id, "gateway_request_id": request_id, **value}).encode()


def ok(request_id: str, link: str = LINK) -> bytes:
    return body_of(request_id, status="OK", error=None, payload={"video": {"url": link, "file_size": 4096}})


def failed(request_id: str, kind: str = "content_policy_violation") -> bytes:
    detail = [{"type": kind, "msg": "flagged", "loc": ["body", "prompt"], "input": {"prompt": "A red dress"}}]
    return body_of(request_id, status="ERROR", error="Invalid status code: 422", payload={"detail": detail})


def verdict(answer: TestResponse) -> str:
    assert answer.status_code == 200, answer.get_data(as_text=True)
    said: str = answer.get_json()["verdict"]
    return said


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def fal() -> Iterator[Publisher]:
    made = Publisher()
    yield made
    made.close()


@pytest.fixture
def deps(fal: Publisher, clock: Hands, tmp_path: Path) -> Iterator[Deps]:
    """A migrated installation that nothing is ever sent from; its fal only publishes keys."""
    made = build_deps(
        load(
            data_dir=tmp_path / "data",
            secret_key=SECRET,
            fal_key=FAL_KEY,
            fal_queue_url="http://127.0.0.1:1",
            fal_rest_url=fal.base,
        ),
        clock=clock,
    )
    migrate(made.store)
    yield made
    made.store.close()


@pytest.fixture
def post(deps: Deps, clock: Hands) -> Post:
    return Post(deps, clock)


# -- what a delivery does ---------------------------------------------------------------------


@pytest.mark.parametrize("state", ["submitting", "queued", "running", "held", "failed", "cancelled"])
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


@pytest.mark.parametrize("state", ["queued", "running", "held", "submitting"])
def test_a_failure_is_told_in_plain_words_and_the_job_is_not_looked_at_again(post, state):
    job = post.job(state)

    assert verdict(post.deliver(job, failed(job.request_id or "req-new"))) == "applied"

    now = post.now(job)
    assert now.state == "failed"
    assert now.error["code"] == "content_policy_violation"
    assert "safety filter" in now.error["message"]
    assert "A red dress" not in json.dumps(now.error)
    assert now.due_at is None


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
        jobs.wake(session, job.id, at=post.clock.now(), cancel_requested_at=post.clock.now())
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


#: What may come for one request, by the names of this list, and `saved`: the worker brought the file home.
KINDS = {
    "ok": lambda request: ok(request),
    "other ok": lambda request: ok(request, LINK + "?again"),
    "error": lambda request: failed(request),
    "other error": lambda request: failed(request, "internal_server_error"),
    "null": lambda request: body_of(request, status="OK", payload=None, payload_error="too large"),
    "new word": lambda request: body_of(request, status="PARTIAL", payload={"video": {"url": LINK}}),
    "unreadable": lambda request: b"{" + request.encode(),
}


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
@pytest.mark.parametrize("state", ["submitting", "queued", "held"])
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
    with Claims(post.deps).take(job.id) as claim:
        record(post.deps, claim, JobEvent.SUBMIT_BEGUN)

        assert verdict(post.deliver(job, ok("req-early"))) == "applied"

        with pytest.raises(Outrun):
            record(post.deps, claim, JobEvent.ACCEPTED, request_id="req-early")

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


# -- refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, None) for name in ("Request-Id", "User-Id", "Timestamp", "Signature")),
        *((name, "") for name in ("Request-Id", "User-Id", "Timestamp", "Signature")),
        ("Request-Id", "req-2"), ("User-Id", "somebody-else"), ("Timestamp", "1793534401"),
        ("Timestamp", "nan"), ("Timestamp", "1_793_534_400"), ("Timestamp", "-1"), ("Timestamp", "1e309"),
        ("Signature", "00" * 64), ("Signature", "00"), ("Signature", "zz" * 64),
    ],
)  # fmt: skip
def test_a_delivery_with_a_header_at_fault_is_refused_and_nothing_is_stored(post, name, value):
    job = post.job()
    lines = signed(ok("req-1"), request_id="req-1", at=post.clock.now())
    assert lines["X-Fal-Webhook-Timestamp"] == "1793534400"
    if value is None:
        del lines[f"X-Fal-Webhook-{name}"]
    else:
        lines[f"X-Fal-Webhook-{name}"] = value

    answer = post.deliver(job, headers=lines)

    assert answer.status_code == 401
    assert answer.get_json()["error"]["code"] == "refused"
    assert (post.kept(), post.now(job), post.account()) == ([], job, None)


def test_a_doubled_header_is_refused(post):
    job = post.job()
    lines = list(signed(ok("req-1"), request_id="req-1", at=post.clock.now()).items())
    for line in lines:
        answer = post.client.post(post.path(job.id), data=ok("req-1"), headers=[*lines, line])
        assert answer.status_code == 401, line[0]
    assert post.kept() == []


def test_a_forged_or_altered_delivery_is_refused_and_nothing_is_stored(post):
    job = post.job()
    body = ok("req-1")
    lines = signed(body, request_id="req-1", at=post.clock.now())

    answers = [
        post.deliver(job, key=SECOND_KEY),
        post.deliver(job, body.replace(b"out.mp4", b"bad.mp4"), headers=lines),
        post.deliver(job, body + b"\n", headers=lines),
        post.deliver(job, json.dumps(json.loads(body), indent=1).encode(), headers=lines),
        post.deliver(job, b"", headers=lines),
    ]

    assert [answer.status_code for answer in answers] == [401] * 5
    assert (post.kept(), post.now(job), post.account()) == ([], job, None)


@pytest.mark.parametrize("token", ["x", "A" * 43, "%00", "ü", "%F0%9F%92%A9", "..%2f", "x" * 5000])
def test_a_wrong_token_is_refused_although_fal_signed(post, token):
    job = post.job()

    assert post.deliver(job, token=token).status_code == 401
    assert (post.kept(), post.now(job), post.account()) == ([], job, None)


def test_the_token_of_another_job_or_of_another_secret_is_refused(post):
    job, other = post.job(), post.job()

    assert post.deliver(job, token=token_of(SECRET, other.id)).status_code == 401
    assert post.deliver(job, token=token_of("another-secret", job.id)).status_code == 401
    assert post.kept() == []


def test_a_delivery_for_another_jobs_request_is_refused(post):
    """fal's signature does not cover the address, so a genuine body may be sent to another job's."""
    job, other, early = post.job(), post.job(), post.job("submitting")

    assert post.deliver(job, ok(other.request_id)).status_code == 401
    assert post.deliver(early, ok(other.request_id)).status_code == 401
    assert post.deliver(job, ok("req-of-nobody")).status_code == 401

    assert post.kept() == []
    assert [post.now(one) for one in (job, other, early)] == [job, other, early]


# -- whose account ----------------------------------------------------------------------------


def test_the_account_is_learnt_from_the_first_delivery_that_a_token_vouches_for(post):
    first, second = post.job(), post.job()
    assert post.deliver(first, user_id="stranger", token="wrong").status_code == 401
    assert post.account() is None

    post.deliver(first, user_id="ours")

    assert post.account() == "ours"
    assert post.deliver(second, user_id="stranger").status_code == 401
    assert post.now(second) == second
    assert verdict(post.deliver(second, user_id="ours")) == "applied"


def test_a_set_account_is_the_only_one_from_the_start(post):
    settings = post.deps.settings.model_copy(update={"fal_user_id": "ours"})
    pinned = Post(dataclasses.replace(post.deps, settings=settings), post.clock)
    job = pinned.job()

    assert pinned.deliver(job, user_id="stranger").status_code == 401
    assert (pinned.kept(), pinned.now(job)) == ([], job)
    assert verdict(pinned.deliver(job, user_id="ours")) == "applied"
    assert pinned.account() is None, "nothing needs to be learnt"


# -- bodies that are not read -----------------------------------------------------------------


def test_a_body_of_one_mebibyte_is_read_and_one_byte_more_is_not(post):
    job = post.job()
    whole = ok("req-1")
    whole += b" " * (MIB - len(whole))

    assert post.deliver(job, whole + b" ").status_code == 413
    assert post.kept() == []
    assert verdict(post.deliver(job, whole)) == "applied"


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "x, identity"])
def test_a_coded_body_is_not_decoded(post, coding):
    job = post.job()
    body = gzip.compress(ok("req-1"))
    lines = signed(body, request_id="req-1", at=post.clock.now())

    answer = post.deliver(job, body, headers={**lines, "Content-Encoding": coding})

    assert answer.status_code == 415
    assert post.kept() == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
def test_a_webhook_is_posted_and_nothing_else(post, method):
    answer = post.client.open(post.path(post.job().id), method=method)

    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


# -- keys -------------------------------------------------------------------------------------


def test_without_any_key_fal_is_asked_to_come_again_and_with_keys_the_delivery_counts(post, fal):
    job = post.job()
    fal.status = 500

    answer = post.deliver(job)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"].isdigit()
    assert (post.kept(), post.now(job), post.account()) == ([], job, None)

    fal.status = 200
    post.clock.pass_s(5)
    assert verdict(post.deliver(job)) == "applied"


def test_the_keys_of_the_last_run_serve_while_fal_publishes_none(post, fal, clock, tmp_path):
    post.deliver(post.job())
    fal.status = 500
    again = FalKeys(fal.url, tmp_path / "data" / "fal_keys.json", clock)
    restarted = Post(dataclasses.replace(post.deps, fal_keys=again), clock)

    assert verdict(restarted.deliver(Job(id="j", request_id="req-late"))) == "orphan"


def test_a_new_key_is_fetched_once_and_then_known(post, fal):
    post.deliver(post.job())
    fal.body = jwks(public(SECOND_KEY))
    assert len(fal.asked) == 1

    answers = [post.deliver(post.job(), key=SECOND_KEY) for _ in range(5)]

    assert [verdict(answer) for answer in answers] == ["applied"] * 5
    assert len(fal.asked) == 2


def test_forgeries_lead_to_one_fetch_at_the_most(post, fal):
    job = post.job()
    post.deliver(post.job())
    fal.asked.clear()
    body = ok(job.request_id)
    lines = signed(body, request_id=job.request_id, at=post.clock.now(), key=SECOND_KEY)

    answers = {post.client.post(post.path(job.id), data=body, headers=lines).status_code for _ in range(500)}

    assert answers == {401}
    assert len(fal.asked) <= 1
    assert len(post.kept()) == 1


def test_with_keys_at_hand_a_delivery_needs_no_network(post, fal):
    post.deliver(post.job())
    fal.asked.clear()

    for _ in range(10):
        verdict(post.deliver(post.job()))

    assert fal.asked == []


# -- when it can not be kept ------------------------------------------------------------------


def is_put_off(answer: TestResponse) -> bool:
    return answer.status_code == 503 and answer.headers["Retry-After"].isdigit()


def test_while_the_database_is_locked_fal_is_asked_to_come_again(post, deps, monkeypatch, tmp_path):
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 100)
    job = post.job()
    deps.store.close()  # connections are opened anew, with the shorter wait
    other = sqlite3.connect(tmp_path / "data" / "dailies.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    assert is_put_off(post.deliver(job))

    other.execute("ROLLBACK")
    other.close()
    assert (post.kept(), post.now(job)) == ([], job)
    assert verdict(post.deliver(job)) == "applied"


def test_with_a_broken_database_fal_is_asked_to_come_again(post, deps):
    job = post.job()
    with deps.store.begin() as session:
        session.execute(text("ALTER TABLE delivery RENAME TO gone"))

    assert is_put_off(post.deliver(job))
    assert post.now(job) == job


def test_nothing_is_acknowledged_before_it_is_committed(post, deps):
    """The commit itself fails; the line to the database is good for the next delivery all the same."""
    job = post.job()
    event.listen(deps.store.engine, "connect", lambda line, _: line.execute("PRAGMA foreign_keys = ON"))
    deps.store.close()
    with deps.store.begin() as session:
        session.execute(text("CREATE TABLE parent (id INTEGER PRIMARY KEY)"))
        session.execute(text("CREATE TABLE child (id REFERENCES parent DEFERRABLE INITIALLY DEFERRED)"))
        session.execute(
            text("CREATE TRIGGER broken AFTER INSERT ON delivery BEGIN INSERT INTO child VALUES (1); END")
        )

    assert is_put_off(post.deliver(job))
    assert (post.kept(), post.now(job)) == ([], job)

    with deps.store.begin() as session:
        session.execute(text("DROP TRIGGER broken"))
    assert verdict(post.deliver(job)) == "applied"


def test_on_a_full_disk_fal_is_asked_to_come_again(post, deps):
    job = post.job()
    whole = ok("req-1") + b" " * (MIB // 2)
    with deps.store.begin() as session:
        pages = session.execute(text("PRAGMA page_count")).scalar_one()
    event.listen(
        deps.store.engine, "connect", lambda line, _: line.execute(f"PRAGMA max_page_count = {pages + 20}")
    )
    deps.store.close()

    assert is_put_off(post.deliver(job, whole))
    assert (post.kept(), post.now(job)) == ([], job)
    assert verdict(post.deliver(job, ok("req-1"))) == "applied"


# -- what is told -----------------------------------------------------------------------------


def test_no_log_line_holds_a_token_a_key_or_a_payload(post, deps, fal, caplog):
    caplog.set_level(logging.DEBUG)
    job = post.job()
    post.deliver(job)
    post.deliver(job, failed(job.request_id))
    post.deliver(job, token="wrong-token-of-this-test")
    post.deliver(job, key=SECOND_KEY)
    post.deliver(job, user_id="stranger")
    post.deliver(job, b"<html>unreadable")
    post.deliver(job, b"x" * (MIB + 1))
    post.client.get(post.path(job.id))
    with deps.store.begin() as session:
        session.execute(text("ALTER TABLE delivery RENAME TO gone"))
    post.deliver(job, ok(job.request_id, LINK + "?2"))

    told = "\n".join(f"{line.getMessage()} {line.exc_text} {line.__dict__}" for line in caplog.records)
    assert "delivery refused" in told
    for secret in (
        token_of(SECRET, job.id), "wrong-token-of-this-test", SECRET, FAL_KEY, LINK, "A red dress",
        signed(ok("req-1"), request_id="req-1", at=post.clock.now())["X-Fal-Webhook-Signature"],
    ):  # fmt: skip
        assert secret not in told


def test_an_answer_tells_a_forger_nothing_about_why(post):
    job = post.job()
    post.deliver(post.job(), user_id="ours")

    answers = [
        post.deliver(job, key=SECOND_KEY),
        post.deliver(job, token="wrong"),
        post.deliver(job, user_id="stranger"),
        post.deliver(job, ok("req-of-nobody"), user_id="ours"),
        post.deliver(job, headers={}),
        post.deliver(Job(id="no-such-job", request_id="req-9"), token="wrong"),
    ]

    assert len({(answer.status_code, answer.get_data()) for answer in answers}) == 1


# -- replay -----------------------------------------------------------------------------------


def test_a_replay_has_the_effect_once(post):
    job = post.job("running")
    post.deliver(job, body_of(job.request_id, status="OK", payload=None, payload_error="x"))
    (kept,) = post.kept()

    assert receive.replay(post.deps, ADMIN, kept.id) == "running"
    post.move(job, JobEvent.FINISHED)
    post.move(job, JobEvent.SAVED)
    stored = post.now(job)

    assert [receive.replay(post.deps, ADMIN, kept.id) for _ in range(2)] == ["stored", "stored"]
    assert post.now(job) == stored
    assert post.kept()[0].replays == 3


def test_an_orphan_is_applied_when_its_job_is_back(post):
    job = post.job()
    with post.deps.store.begin() as session:
        session.execute(text("CREATE TABLE aside AS SELECT * FROM job"))
        session.execute(text("DELETE FROM job"))
    assert verdict(post.deliver(job)) == "orphan"
    (kept,) = post.kept()
    with pytest.raises(NotNow):
        receive.replay(post.deps, ADMIN, kept.id)
    with post.deps.store.begin() as session:
        session.execute(text("INSERT INTO job SELECT * FROM aside"))

    assert receive.replay(post.deps, ADMIN, kept.id) == "rendered"
    assert receive.replay(post.deps, ADMIN, kept.id) == "rendered"
    assert post.history(job).count("rendered") == 1


def test_only_an_admin_replays_and_only_what_was_kept(post):
    post.deliver(post.job())
    (kept,) = post.kept()

    for viewer in (ANA, Viewer("eve", Role.VIEWER)):
        with pytest.raises(NotAllowed):
            receive.replay(post.deps, viewer, kept.id)
    with pytest.raises(NotFound):
        receive.replay(post.deps, ADMIN, "no-such-delivery")
    assert post.kept()[0].replays == 0
