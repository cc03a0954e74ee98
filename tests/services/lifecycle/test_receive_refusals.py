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
        ("Timestamp", "nan"), ("Signature", "00" * 64),
    ],
)  # fmt: skip
def test_a_delivery_with_a_header_at_fault_is_refused_and_nothing_is_stored(post, name, value):
    job = post.made()
    lines = signed(ok("req-1"), request_id="req-1", at=post.clock.now())
    assert lines["X-Fal-Webhook-Timestamp"] == "1793534400"
    lines[f"X-Fal-Webhook-{name}"] = value

    answer = post.deliver(job, headers={name: value for name, value in lines.items() if value is not None})

    assert answer.status_code == 401
    assert answer.get_json()["error"]["code"] == "refused"
    assert post.untouched(job)


def test_a_doubled_header_is_refused(post):
    job = post.made()
    lines = list(signed(ok("req-1"), request_id="req-1", at=post.clock.now()).items())
    for line in lines:
        answer = post.client.post(post.path(job.id), data=ok("req-1"), headers=[*lines, line])
        assert answer.status_code == 401, line[0]
    assert post.untouched(job)


def test_a_forged_or_altered_delivery_is_refused_and_nothing_is_stored(post):
    job = post.made()
    body = ok("req-1")
    lines = signed(body, request_id="req-1", at=post.clock.now())

    indented = json.dumps(json.loads(body), indent=1).encode()
    for altered in (body.replace(b"out.mp4", b"bad.mp4"), body + b"\n", indented, b""):
        assert post.deliver(job, altered, headers=lines).status_code == 401
    assert post.deliver(job, key=SECOND_KEY).status_code == 401
    assert post.untouched(job)


def test_a_wrong_token_is_refused_although_fal_signed(post):
    job = post.made()
    others = job_token(SECRET, post.made().id), job_token("another-secret", job.id)

    for token in ("x", "A" * 43, "%00", "ü", "%F0%9F%92%A9", "..%2f", "x" * 5000, *others):
        assert post.deliver(job, token=token).status_code == 401
    assert post.untouched(job)


def test_a_delivery_for_another_jobs_request_is_refused(post):
    """fal's signature does not cover the address, so a genuine body may be sent to another job's."""
    job, other, early = post.made(), post.made(), post.made("submitting")

    for to, request_id in ((job, other.request_id), (early, other.request_id), (job, "req-of-nobody")):
        assert post.deliver(to, ok(request_id)).status_code == 401

    assert post.kept() == []
    assert [post.job(one) for one in (job, other, early)] == [job, other, early]


# -- whose account ----------------------------------------------------------------------------


def test_the_account_is_learnt_from_the_first_delivery_that_a_token_vouches_for(post):
    first, second = post.made(), post.made()
    assert post.deliver(first, user_id="stranger", token="wrong").status_code == 401
    assert post.account() is None

    post.deliver(first, user_id="ours")

    assert post.account() == "ours"
    assert post.deliver(second, user_id="stranger").status_code == 401
    assert post.job(second) == second
    assert verdict(post.deliver(second, user_id="ours")) == "applied"


def test_an_account_whose_commit_failed_is_not_learnt(post, monkeypatch):
    """What this process believes without asking is only what was committed."""
    real = post.deps.store.begin

    @contextlib.contextmanager
    def full(**how):
        with real(**how) as session:
            yield session
            raise StoreUnavailable("database or disk is full")

    job = post.made()
    monkeypatch.setattr(post.deps.store, "begin", full)
    assert post.deliver(job, user_id="first").status_code == 503
    monkeypatch.setattr(post.deps.store, "begin", real)

    assert verdict(post.deliver(post.made(), user_id="ours")) == "applied"
    assert post.account() == "ours"
    assert post.deliver(post.made(), user_id="first").status_code == 401


def test_a_set_account_is_the_only_one_from_the_start(post):
    settings = post.deps.settings.model_copy(update={"fal_user_id": "ours"})
    providers = build_deps(settings, clock=post.clock).providers
    pinned = Post(dataclasses.replace(post.deps, providers=providers), post.clock)
    job = pinned.made()

    assert pinned.deliver(job, user_id="stranger").status_code == 401
    assert (pinned.kept(), pinned.job(job)) == ([], job)
    assert verdict(pinned.deliver(job, user_id="ours")) == "applied"
    assert pinned.account() is None, "nothing needs to be learnt"


def test_a_body_of_one_mebibyte_is_read_and_one_byte_more_is_not(post):
    job = post.made()
    whole = ok("req-1")
    whole += b" " * (MIB - len(whole))

    assert post.deliver(job, whole + b" ").status_code == 413
    assert post.kept() == []
    assert verdict(post.deliver(job, whole)) == "applied"


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "x, identity"])
def test_a_coded_body_is_not_decoded(post, coding):
    job = post.made()
    body = gzip.compress(ok("req-1"))
    lines = signed(body, request_id="req-1", at=post.clock.now())

    assert post.deliver(job, body, headers={**lines, "Content-Encoding": coding}).status_code == 415
    assert post.untouched(job)
