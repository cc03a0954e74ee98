"""Deliveries that are not believed, or not read: refused, and nothing is stored."""

import contextlib
import dataclasses
import gzip
import json
import re

from backend.bootstrap import build_deps
from backend.domain.errors import StoreUnavailable
from backend.models import Job
from backend.services.lifecycle.webhook_target import job_token
from tests.services.client import MIB
from tests.services.receiving import SECRET, Post, ok, verdict
from tests.signing import SECOND_KEY, signed


def refused(answer):
    """A forger is told nothing about why."""
    told = {"error": {"code": "refused", "message": "This delivery is not believed."}}
    return (answer.status_code, answer.get_json()) == (401, told)


def test_a_forged_or_altered_delivery_is_refused_and_nothing_is_stored(post):
    job, body = post.made(), ok("req-1")
    lines = signed(body, request_id="req-1", at=post.clock.now())
    indented = json.dumps(json.loads(body), indent=1).encode()
    for altered in (body.replace(b"out.mp4", b"bad.mp4"), body + b"\n", indented, b""):
        assert refused(post.deliver(job, altered, headers=lines)), altered
    for name, value in lines.items():
        missing = {other: lines[other] for other in lines if other != name}
        for wrong in (missing, {**lines, name: "1793534401"}, [*lines.items(), (name, value)]):
            assert refused(post.deliver(job, headers=wrong)), wrong
    assert refused(post.deliver(job, key=SECOND_KEY))
    assert post.untouched(job)


def test_a_wrong_token_is_refused_although_fal_signed(post):
    job, nobody = post.made(), Job(id="no-such-job", request_id="req-9")
    right = job_token(SECRET, job.id)
    assert re.fullmatch(r"[\w-]{43}", right, re.ASCII), "256 bits, as they fit into a URL"
    others = [right[:at] + ("B" if char == "A" else "A") + right[at + 1 :] for at, char in enumerate(right)]
    others += [job_token(SECRET, post.made().id), job_token("another-secret", job.id)]
    for token in ("x", "%00", "ü", "%F0%9F%92%A9", "..%2f", "x" * 5000, *others):
        assert refused(post.deliver(job, token=token)), token
    assert refused(post.deliver(nobody, token="wrong"))
    assert post.untouched(job)


def test_a_delivery_for_another_jobs_request_is_refused(post):
    """fal's signature does not cover the address, so a genuine body may be sent to another job's."""
    assert verdict(post.deliver(post.made())) == "applied"  # the account is known: it is the common case
    job, other, early = post.made(), post.made(), post.made("submitting")
    for to, request_id in ((job, other.request_id), (early, other.request_id), (job, "req-of-nobody")):
        assert refused(post.deliver(to, ok(request_id)))
    assert len(post.kept()) == 1
    assert [post.job(one) for one in (job, other, early)] == [job, other, early]


def test_the_account_is_learnt_from_the_first_delivery_that_a_token_vouches_for(post):
    first, second = post.made(), post.made()
    assert refused(post.deliver(first, user_id="stranger", token="wrong"))
    assert post.account() is None

    post.deliver(first, user_id="ours")
    assert post.account() == "ours"
    assert refused(post.deliver(second, user_id="stranger"))
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
    with monkeypatch.context() as patch:
        patch.setattr(post.deps.store, "begin", full)
        assert post.deliver(job, user_id="first").status_code == 503
    assert verdict(post.deliver(post.made(), user_id="ours")) == "applied"
    assert post.account() == "ours"
    assert refused(post.deliver(post.made(), user_id="first"))


def test_a_set_account_is_the_only_one_from_the_start(post):
    settings = post.deps.settings.model_copy(update={"fal_user_id": "ours"})
    providers = build_deps(settings, clock=post.clock).providers
    pinned = Post(dataclasses.replace(post.deps, providers=providers), post.clock)
    job = pinned.made()
    assert refused(pinned.deliver(job, user_id="stranger"))
    assert pinned.untouched(job)
    assert verdict(pinned.deliver(job, user_id="ours")) == "applied"
    assert pinned.account() is None, "nothing needs to be learnt"


def test_a_body_of_one_mebibyte_is_read_and_one_byte_more_is_not(post):
    job, whole = post.made(), ok("req-1").ljust(MIB)
    assert post.deliver(job, whole + b" ").status_code == 413
    assert post.untouched(job)
    assert verdict(post.deliver(job, whole)) == "applied"


def test_a_coded_body_is_not_decoded(post):
    job, body = post.made(), gzip.compress(ok("req-1"))
    lines = signed(body, request_id="req-1", at=post.clock.now())
    for coding in ("gzip", "br", "deflate", "x, identity"):
        assert post.deliver(job, body, headers={**lines, "Content-Encoding": coding}).status_code == 415
    assert post.untouched(job)
