"""What nearly every delivery does in one statement: the same as the long way, and only where it may."""

import hashlib
import threading
from datetime import timedelta
from typing import Any

import pytest
from psycopg import _queries as driver
from sqlalchemy import bindparam, true

from backend.domain.states import JobEvent
from backend.models import Delivery, Job
from backend.services.lifecycle import receive_webhook
from backend.store.fast import delivery as fast_delivery
from backend.store.fast.new_row import new_row
from backend.store.jobs import deliveries, jobs, transitions
from tests import databases
from tests.services.receiving import LINK, Post, body_of, ok, verdict
from tests.waiting import eventually
from tests.world import run_sql, throw

pytestmark = databases.BOTH


@pytest.fixture
def post(post: Post) -> Post:
    """It knows its account: the first delivery, which it is learnt from, goes the long way."""
    assert verdict(post.deliver(post.made())) == "applied"
    return post


def break_build(monkeypatch: pytest.MonkeyPatch, name: str, part: Any) -> None:
    """Break a part on purpose; its statements are made anew, and kept for nobody else."""
    monkeypatch.setattr(fast_delivery, name, part)
    for kept in ("_step", "_at_once"):
        monkeypatch.setattr(fast_delivery, kept, getattr(fast_delivery, kept).__wrapped__)


def waits_for_a_fetch(post: Post, job: Job) -> bool:
    """Is there a task of its own for the fetch? On a file the row is the message."""
    if post.deps.store.embedded:
        return bool(post.job(job).due_at <= post.clock.now())
    asked = (
        "SELECT 1 FROM procrastinate_jobs WHERE queue_name = 'fetch' AND priority = 10 "
        "AND status = 'todo' AND args ->> 'job_id' = :job"
    )
    return len(run_sql(post.deps, asked, job=job.id)) == 1


@pytest.mark.databases("postgres")  # a file is not asked over a wire
def test_a_delivery_asks_the_server_once(post, tmp_path):
    """The guarded move, its line, the inbox and the task are one statement, which is its own transaction."""
    post.deliver(post.made())
    job = post.made()
    with databases.asked_of(post.deps.store, tmp_path) as questions:
        assert verdict(post.deliver(job)) == "applied"
    assert len(questions) == 1, questions


@pytest.mark.databases("postgres")  # a file's driver has no such bound
def test_the_driver_keeps_the_statement_and_does_not_take_it_apart_each_time(post, monkeypatch):
    """Above its bounds psycopg parses it anew at each run, which took longer than all the rest."""
    anew = AssertionError("too long, or too many parameters")
    monkeypatch.setattr(driver, "_query2pg_nocache", lambda *_: throw(anew))
    assert verdict(post.deliver(post.made())) == "applied"


@pytest.mark.parametrize("state", ["queued", "running"])
@pytest.mark.parametrize("video", [{"url": LINK, "file_size": 4096}, {"url": LINK}], ids=["size", "no size"])
def test_both_ways_write_the_same(post, monkeypatch, state, video):
    """The long way looks first; what it makes of a usual delivery is the measure of the short one."""

    def written(without: str, instead: Any) -> tuple[Any, ...]:
        job = post.made(state)
        stale = {"attempts": 3, "error": {"code": "x"}, "queue_position": 4, "fetched_bytes": 1}
        post.hurry(job, claimed_by="somebody", **stale)
        body = body_of(job.request_id, status="OK", payload={"video": video})
        with monkeypatch.context() as patch:
            patch.setattr(receive_webhook, without, instead)
            assert verdict(post.deliver(job, body)) == "applied"
        assert waits_for_a_fetch(post, job)
        with post.deps.store.read() as session:
            lines = [line.model_dump(exclude={"id", "job_id"}) for line in jobs.list_history(session, job.id)]
        own = {"id", "job_id", "request_id", "gateway_request_id", "form_key", "created_at", "params",
               "payload", "body", "body_sha256", "headers"}  # fmt: skip
        kept = [one.model_dump(exclude=own) for one in post.kept() if one.job_id == job.id]
        return post.job(job).model_dump(exclude=own), lines, kept

    short = written("_judge", lambda *_: throw(AssertionError("this is the long way")))
    assert short == written("_accept_common", lambda *_: False)


def earlier(post: Post) -> Job:
    """A take that still waits, though a delivery came: too late to be applied as it stood."""
    job = post.made()
    late = ok(job.request_id, "https://x.example/first")
    assert verdict(post.deliver(job, late, at=post.clock.now() - timedelta(minutes=10))) == "stale"
    assert post.job(job).state == "queued"
    return job


def test_what_came_before_with_the_same_word_is_looked_at_first(post):
    job = earlier(post)
    assert verdict(post.deliver(job)) == "conflict"
    assert post.job(job).state == "queued", "the provider is asked"


def test_control_a_guard_that_forgets_what_came_before_is_caught(post, monkeypatch):
    def forgetful(fresh: Any) -> Any:
        states = fast_delivery.AWAITING_RESULT
        update = transitions.guarded_update(JobEvent.FINISHED, fresh.new, nulls=fresh.nulls, states=states)
        return update.where(transitions.JOB_TABLE.c.request_id == bindparam("old_request"))

    job = earlier(post)
    break_build(monkeypatch, "_guarded", forgetful)
    assert verdict(post.deliver(job)) == "applied"


def judged_meanwhile(post: Post, other: str) -> tuple[str, str]:
    """(verdict, state of its take) of a delivery that came while another one, judged so, was being kept."""
    job, now = post.made(), post.clock.now()
    body = ok(job.request_id) if other == "applied" else b"{}"
    row = new_row(
        Delivery, id=post.deps.clock.new_id(), job_id=job.id, request_id=job.request_id, status="OK",
        verdict=other, body=body, body_sha256=hashlib.sha256(body).hexdigest(), headers={},
        signed_at=now, received_at=now, last_at=now,
    )  # fmt: skip
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    done: list[str] = []
    second = threading.Thread(target=lambda: done.append(verdict(post.deliver(job))))
    with post.deps.store.begin() as session:
        deliveries.insert_delivery(session, row)
        if other == "stale":
            jobs.make_due(session, job.id, at=now)
        second.start()
        eventually(lambda: run_sql(post.deps, waiting))
    second.join()
    return done[0], post.job(job).state


@pytest.mark.databases("postgres")  # a file has one writer at a time
def test_whoever_comes_second_at_the_same_moment_judges_by_what_the_first_one_wrote(post):
    """Its row can't be read before its commit: the index knows the same one, the job's version any other."""
    assert judged_meanwhile(post, "applied") == ("duplicate", "queued")
    assert judged_meanwhile(post, "stale") == ("conflict", "queued")


@pytest.mark.databases("postgres")  # a file has one writer at a time
def test_control_a_guard_that_does_not_see_the_row_move_on_is_caught(post, monkeypatch):
    break_build(monkeypatch, "_as_seen", true)
    assert judged_meanwhile(post, "stale") == ("applied", "rendered")
