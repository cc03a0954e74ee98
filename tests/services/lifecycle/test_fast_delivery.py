"""What nearly every delivery does in one statement: when it does it, when nothing, and what it costs."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from psycopg import _queries as driver
from sqlalchemy import bindparam, true

from backend.domain.states import JobEvent
from backend.models import Delivery, Job
from backend.store.fast import delivery as fast_delivery
from backend.store.fast.new_row import new_row
from backend.store.jobs import deliveries, jobs, transitions
from tests import databases
from tests.services.receiving import LINK, body_of, ok, verdict
from tests.waiting import eventually
from tests.world import run_sql, throw

pytestmark = databases.BOTH


def delivery_for(post: Any, job: Job, request_id: str | None = None, **values: Any) -> Delivery:
    now = post.clock.now()
    made: dict[str, Any] = {
        "id": post.deps.clock.new_id(), "job_id": job.id, "request_id": request_id or job.request_id,
        "status": "OK", "verdict": "applied", "body": b"{}", "body_sha256": "a" * 64, "headers": {},
        "signed_at": now, "received_at": now, "last_at": now,
    }  # fmt: skip
    return new_row(Delivery, **{**made, **values})


def taken_in(post: Any, delivery: Delivery) -> bool:
    now, tasks = post.clock.now(), post.deps.carrier.enqueue_clause
    values = {"due_at": now, "result_url": LINK}
    return fast_delivery.accept_delivery(
        post.deps.store, delivery, at=now, by="webhook", build_tasks=tasks, **values
    )


def break_build(monkeypatch: pytest.MonkeyPatch, name: str, part: Any) -> None:
    """Break a part on purpose; its statements are made anew, and kept for nobody else."""
    monkeypatch.setattr(fast_delivery, name, part)
    for kept in ("_step", "_at_once"):
        monkeypatch.setattr(fast_delivery, kept, getattr(fast_delivery, kept).__wrapped__)


def counted(post: Any) -> list[int]:
    """How many jobs, lines of history, deliveries and tasks there are."""
    tables = "(SELECT count(*) FROM job), (SELECT count(*) FROM history), (SELECT count(*) FROM delivery)"
    tasks = "" if post.deps.store.embedded else ", (SELECT count(*) FROM procrastinate_jobs)"
    return list(run_sql(post.deps, f"SELECT {tables}{tasks}")[0])


def waits_for_a_fetch(post: Any, job: Job) -> bool:
    """Is there a task of its own for the fetch? On a file the row is the message."""
    if post.deps.store.embedded:
        return bool(post.job(job).due_at <= post.clock.now())
    asked = (
        "SELECT 1 FROM procrastinate_jobs WHERE queue_name = 'fetch' AND priority = 10 "
        "AND status = 'todo' AND args ->> 'job_id' = :job"
    )
    return len(run_sql(post.deps, asked, job=job.id)) == 1


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_take_that_waits_for_just_this_is_moved_and_everything_is_kept(post, state):
    job, before = post.made(state), counted(post)
    assert taken_in(post, delivery_for(post, job))
    now = post.job(job)
    assert (now.state, now.result_url, now.version) == ("rendered", LINK, job.version + 1)
    assert post.history(job)[-1] == "rendered"
    assert [kept.request_id for kept in post.kept()] == [job.request_id]
    assert waits_for_a_fetch(post, job)
    grown = [after - number for after, number in zip(counted(post), before, strict=True)]
    assert grown == [0, 1, 1, 1][: len(grown)]


@pytest.mark.parametrize(
    "state", ["created", "submitting", "held", "failed", "cancelled", "rendered", "stored", "queued"]
)
def test_nothing_is_done_for_a_take_that_is_elsewhere_or_about_another_request(post, state):
    job = post.made(state)
    before = counted(post)
    other = job.request_id if job.request_id and state != "queued" else "req-of-another"
    assert not taken_in(post, delivery_for(post, job, other))
    assert not taken_in(post, delivery_for(post, job, "req-of-another", job_id="not-here"))
    assert (post.job(job), counted(post)) == (job, before)


def earlier(post: Any) -> Job:
    """A take that still waits, though a delivery came: too late to be applied as it stood."""
    job = post.made()
    late = ok(job.request_id, "https://x.example/first")
    assert verdict(post.deliver(job, late, at=post.clock.now() - timedelta(minutes=10))) == "stale"
    assert post.job(job).state == "queued"
    return job


def test_what_came_before_with_the_same_word_is_looked_at_first(post):
    job = earlier(post)
    before = counted(post)
    assert not taken_in(post, delivery_for(post, job))
    assert counted(post) == before
    assert verdict(post.deliver(job, ok(job.request_id))) == "conflict"
    assert post.job(job).state == "queued", "the provider is asked"


def test_control_a_guard_that_forgets_what_came_before_is_caught(post, monkeypatch):
    def forgetful(fresh: Any) -> Any:
        states = fast_delivery.AWAITING_RESULT
        update = transitions.guarded_update(JobEvent.FINISHED, fresh.new, nulls=fresh.nulls, states=states)
        return update.where(transitions.JOB_TABLE.c.request_id == bindparam("old_request"))

    job = earlier(post)
    break_build(monkeypatch, "_guarded", forgetful)
    assert verdict(post.deliver(job, ok(job.request_id))) == "applied"


def taken_in_meanwhile(post: Any, job: Job, other: Delivery) -> bool:
    """Was a delivery taken in that came while another one was being kept, and had to wait for its commit?"""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    done: list[bool] = []
    second = threading.Thread(target=lambda: done.append(taken_in(post, delivery_for(post, job))))
    with post.deps.store.begin() as session:
        deliveries.insert_delivery(session, other)
        if other.verdict == "stale":
            jobs.make_due(session, job.id, at=post.clock.now())
        second.start()
        eventually(lambda: run_sql(post.deps, waiting))
    second.join()
    return done[0]


@pytest.mark.databases("postgres")  # a file has one writer at a time
def test_the_same_delivery_at_the_same_moment_is_judged_by_whoever_comes_second(post):
    """Its row is written but not committed: nothing can be read of it yet, and the index knows it already."""
    job = post.made()
    assert not taken_in_meanwhile(post, job, delivery_for(post, job))
    assert post.job(job) == job
    assert len(post.kept()) == 1


def contradicted(post: Any) -> tuple[Job, bool]:
    """(a take, was its delivery taken in) where one too late to be applied was being kept when it came."""
    job = post.made()
    other = delivery_for(post, job, verdict="stale", body_sha256="b" * 64)
    return job, taken_in_meanwhile(post, job, other)


@pytest.mark.databases("postgres")  # a file has one writer at a time
def test_a_contradiction_that_was_being_kept_meanwhile_is_looked_at(post):
    """Whoever waited for the row sees it as it is now, and everything else as it was before."""
    job, taken = contradicted(post)
    assert (taken, post.job(job).state) == (False, "queued")
    assert [kept.verdict for kept in post.kept()] == ["stale"]


@pytest.mark.databases("postgres")  # a file has one writer at a time
def test_control_a_guard_that_does_not_see_the_row_move_on_is_caught(post, monkeypatch):
    break_build(monkeypatch, "_as_seen", true)
    assert contradicted(post)[1]


@pytest.mark.parametrize("video", [{"url": LINK, "file_size": 4096}, {"url": LINK}])
def test_both_ways_write_the_same(post, monkeypatch, video):
    """The long way looks first; what it makes of a usual delivery is the measure of the short one."""

    def written() -> tuple[Any, ...]:
        job = post.made("running")
        stale = {"attempts": 3, "error": {"code": "x"}, "queue_position": 4, "fetched_bytes": 1}
        post.hurry(job, claimed_by="somebody", **stale)
        body = body_of(job.request_id, status="OK", payload={"video": video})
        assert verdict(post.deliver(job, body)) == "applied"
        with post.deps.store.read() as session:
            lines = [line.model_dump(exclude={"id", "job_id"}) for line in jobs.list_history(session, job.id)]
        own = {"id", "job_id", "request_id", "gateway_request_id", "form_key", "created_at", "params",
               "payload", "body", "body_sha256", "headers"}  # fmt: skip
        row, kept = (one.model_dump(exclude=own) for one in (post.job(job), post.kept()[0]))
        return row, lines, kept, waits_for_a_fetch(post, job)

    written()  # the account is learnt
    short = written()
    monkeypatch.setattr("backend.services.lifecycle.receive_webhook._accept_common", lambda *_: False)
    assert written() == short


@pytest.mark.databases("postgres")  # a file's driver has no such bound
def test_the_driver_keeps_the_statement_and_does_not_take_it_apart_each_time(post, monkeypatch):
    """Above its bounds psycopg parses it anew at each run, which took longer than all the rest."""
    anew = AssertionError("too long, or too many parameters")
    monkeypatch.setattr(driver, "_query2pg_nocache", lambda *_: throw(anew))
    assert taken_in(post, delivery_for(post, post.made()))
