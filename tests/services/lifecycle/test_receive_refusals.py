"""Deliveries that are not believed, or not read: refused, and nothing is stored."""

import contextlib
import dataclasses
import gzip
import json

import pytest

from backend.bootstrap import build_deps
from backend.domain.errors import StoreUnavailable
from backend.services.lifecycle.webhook_target import job_token
from tests.services.receiving import MIB, SECRET, Post, ok, verdict
from tests.signing import SECOND_KEY, signed

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

    assert post.deliver(job, token=job_token(SECRET, other.id)).status_code == 401
    assert post.deliver(job, token=job_token("another-secret", job.id)).status_code == 401
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


def test_an_account_whose_commit_failed_is_not_learnt(post, monkeypatch):
    """What this process believes without asking is only what was committed."""
    real = post.deps.store.begin

    @contextlib.contextmanager
    def full(**how):
        with real(**how) as session:
            yield session
            raise StoreUnavailable("database or disk is full")

    job = post.job()
    monkeypatch.setattr(post.deps.store, "begin", full)
    assert post.deliver(job, user_id="first").status_code == 503
    monkeypatch.setattr(post.deps.store, "begin", real)

    assert verdict(post.deliver(post.job(), user_id="ours")) == "applied"
    assert post.account() == "ours"
    assert post.deliver(post.job(), user_id="first").status_code == 401


def test_a_set_account_is_the_only_one_from_the_start(post):
    settings = post.deps.settings.model_copy(update={"fal_user_id": "ours"})
    providers = build_deps(settings, clock=post.clock).providers
    pinned = Post(dataclasses.replace(post.deps, providers=providers), post.clock)
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
