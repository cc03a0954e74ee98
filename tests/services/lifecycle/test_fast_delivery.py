"""What nearly every delivery does in one statement: when it does it, when nothing, and what it costs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from psycopg import _queries as driver
from sqlalchemy import bindparam, func, select, text, true
from sqlmodel import col

from backend.domain.states import TRANSITIONS, JobEvent
from backend.models import Delivery, History, Job
from backend.services.lifecycle import apply_result
from backend.store.fast import compiled
from backend.store.fast import delivery as fast_delivery
from backend.store.fast.new_row import new_row
from backend.store.jobs import deliveries, jobs, transitions
from tests import databases
from tests.services.receiving import LINK, body_of, failed, ok, verdict

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
    values = {"due_at": post.clock.now(), "result_url": LINK}
    return fast_delivery.accept_delivery(
        post.deps.store,
        delivery,
        at=post.clock.now(),
        by="webhook",
        build_tasks=post.deps.carrier.enqueue_clause,
        **values,
    )


@contextmanager
def fresh_statements() -> Iterator[None]:
    """For builds that are broken on purpose: their statements are made anew, and nobody else's."""
    for made in (fast_delivery._step, fast_delivery._at_once):
        made.cache_clear()
    yield
    for made in (fast_delivery._step, fast_delivery._at_once):
        made.cache_clear()


def rows(post: Any) -> dict[str, int]:
    with post.deps.store.read() as session:
        counts = {
            table.__tablename__: session.exec(select(func.count()).select_from(table)).one()[0]
            for table in (Job, History, Delivery)
        }
        if not post.deps.store.embedded:
            counts["task"] = session.exec(text("SELECT count(*) FROM procrastinate_jobs")).one()[0]
    return counts


def waits_for_a_fetch(post: Any, job: Job) -> bool:
    """Is there a task of its own for the fetch? On a file the row is the message."""
    if post.deps.store.embedded:
        return bool(post.now(job).due_at <= post.clock.now())
    asked = text(
        "SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'fetch' AND priority = 10 "
        "AND status = 'todo' AND args ->> 'job_id' = :job"
    )
    with post.deps.store.read() as session:
        return bool(session.execute(asked, {"job": job.id}).scalar() == 1)


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_take_that_waits_for_just_this_is_moved_and_everything_is_kept(post, state):
    job, before = post.job(state), rows(post)

    assert taken_in(post, delivery_for(post, job))

    now = post.now(job)
    assert (now.state, now.result_url, now.version) == ("rendered", LINK, job.version + 1)
    assert post.history(job)[-1] == "rendered"
    assert [kept.request_id for kept in post.kept()] == [job.request_id]
    assert waits_for_a_fetch(post, job)
    grown = {name: number - before[name] for name, number in rows(post).items()}
    assert grown == {"job": 0, "history": 1, "delivery": 1} | ({"task": 1} if "task" in before else {})


@pytest.mark.parametrize(
    "state", ["created", "submitting", "held", "failed", "cancelled", "rendered", "stored"]
)
def test_nothing_is_done_for_a_take_that_is_elsewhere(post, state):
    job = post.job(state)
    before = rows(post)

    assert not taken_in(post, delivery_for(post, job, job.request_id or "req-of-its-own"))

    assert post.now(job) == job
    assert rows(post) == before


def test_nothing_is_done_for_another_request_or_for_a_take_that_is_not_here(post):
    job = post.job()
    before = rows(post)

    assert not taken_in(post, delivery_for(post, job, "req-of-another"))
    assert not taken_in(post, delivery_for(post, job, job_id="not-here"))

    assert post.now(job) == job
    assert rows(post) == before


def earlier(post: Any) -> Job:
    """A take that still waits, though a delivery came: too late to be applied as it stood."""
    job = post.job()
    late = ok(job.request_id, "https://x.example/first")
    assert verdict(post.deliver(job, late, at=post.clock.now() - timedelta(minutes=10))) == "stale"
    assert post.now(job).state == "queued"
    return job


def test_what_came_before_with_the_same_word_is_looked_at_first(post):
    job = earlier(post)
    before = rows(post)

    assert not taken_in(post, delivery_for(post, job))
    assert rows(post) == before

    assert verdict(post.deliver(job, ok(job.request_id))) == "conflict"
    assert post.now(job).state == "queued", "the provider is asked"


def test_control_a_guard_that_forgets_what_came_before_is_caught(post, monkeypatch):
    def forgetful(fresh: Any) -> Any:
        update = transitions.guarded_update(
            JobEvent.FINISHED, fresh.new, nulls=fresh.nulls, states=fast_delivery.AWAITING_RESULT
        )
        told = bindparam("old_request"), bindparam("old_status")
        return update.where(transitions.JOB_TABLE.c.request_id == told[0], told[1] == told[1])

    job = earlier(post)
    monkeypatch.setattr(fast_delivery, "_guarded", forgetful)
    with fresh_statements():
        assert verdict(post.deliver(job, ok(job.request_id))) == "applied"


def test_the_states_it_may_happen_in_are_states_of_the_event():
    assert set(fast_delivery.AWAITING_RESULT) <= TRANSITIONS[JobEvent.FINISHED][0]


@pytest.mark.databases("postgres")  # a file has one writer at a time
def test_the_same_delivery_at_the_same_moment_is_judged_by_whoever_comes_second(post):
    """Its row is written but not committed: nothing can be read of it yet, and the index knows it already."""
    job = post.job()
    done: list[bool] = []
    with post.deps.store.begin() as session:
        deliveries.insert_delivery(session, delivery_for(post, job))
        second = threading.Thread(target=lambda: done.append(taken_in(post, delivery_for(post, job))))
        second.start()
        second.join(0.5)
        assert second.is_alive(), "it waits for the other one's end"
    second.join(10)

    assert done == [False]
    assert post.now(job) == job
    assert len(post.kept()) == 1


def asked_meanwhile(post: Any) -> tuple[Job, bool]:
    """(a take, was a delivery taken in) that had to wait for the row: another one, about the same request
    and too late to be applied, was being kept when it came.
    """
    job, done = post.job(), []
    with post.deps.store.begin() as session:
        jobs.head(session, job.id)
        other = delivery_for(post, job, verdict="stale", body_sha256="b" * 64)
        deliveries.insert_delivery(session, other)
        jobs.make_due(session, job.id, at=post.clock.now())
        second = threading.Thread(target=lambda: done.append(taken_in(post, delivery_for(post, job))))
        second.start()
        second.join(0.5)
        assert second.is_alive(), "it waits for the row"
    second.join(10)
    return job, done[0]


@pytest.mark.databases("postgres")  # a file has one writer at a time
def test_a_contradiction_that_was_being_kept_meanwhile_is_looked_at(post):
    """Whoever waited for the row sees it as it is now, and everything else as it was before."""

    job, taken = asked_meanwhile(post)

    assert not taken
    assert post.now(job).state == "queued"
    assert [kept.verdict for kept in post.kept()] == ["stale"]


@pytest.mark.databases("postgres")  # a file has one writer at a time
def test_control_a_guard_that_does_not_see_the_row_move_on_is_caught(post, monkeypatch):
    monkeypatch.setattr(fast_delivery, "_as_seen", true)
    with fresh_statements():
        _, taken = asked_meanwhile(post)
    assert taken


def test_a_failure_and_a_bill_are_no_common_deliveries(post, monkeypatch):
    monkeypatch.setattr(
        "backend.services.lifecycle.receive_webhook.accept_delivery",
        lambda *_, **__: pytest.fail("it was taken for a common one"),
    )
    job = post.job()

    assert verdict(post.deliver(job, failed(job.request_id))) == "applied"

    assert post.now(job).state == "failed"


@pytest.mark.parametrize("video", [{"url": LINK, "file_size": 4096}, {"url": LINK}])
def test_both_ways_write_the_same(post, monkeypatch, video):
    """The long way looks first; what it makes of a usual delivery is the measure of the short one."""

    def of(job: Job) -> dict[str, Any]:
        row = post.now(job).model_dump()
        with post.deps.store.read() as session:
            lines = [line.model_dump(exclude={"id", "job_id"}) for line in jobs.list_history(session, job.id)]
        kept = [one.model_dump(exclude={"id"}) for one in post.kept() if one.job_id == job.id]
        return {"job": row, "lines": lines, "kept": kept, "task": waits_for_a_fetch(post, job)}

    def delivered() -> dict[str, Any]:
        job = post.job("running")
        stale = {"attempts": 3, "error": {"code": "x"}, "queue_position": 4, "fetched_bytes": 1}
        with post.deps.store.begin() as session:
            jobs.make_due(session, job.id, at=post.clock.now(), claimed_by="somebody", **stale)
        body = body_of(job.request_id, status="OK", payload={"video": video})
        assert verdict(post.deliver(job, body)) == "applied"
        told = of(job)
        for own in ("id", "request_id", "form_key", "created_at", "params", "payload"):
            told["job"].pop(own)
        for kept in told["kept"]:
            for own in ("job_id", "request_id", "gateway_request_id", "body", "body_sha256", "headers"):
                kept.pop(own)
        return told

    delivered()  # the account is learnt
    short = delivered()
    monkeypatch.setattr("backend.services.lifecycle.receive_webhook._accept_common", lambda *_: False)
    assert delivered() == short


@pytest.mark.databases("postgres")  # a file's driver has no such bound
def test_the_driver_keeps_the_statement_and_does_not_take_it_apart_each_time(post):
    """Above either bound psycopg parses it anew at each run, which took longer than all the rest."""
    finished: Any = type("Finished", (), {"url": LINK, "size_bytes": 1, "output": {}})
    fresh = transitions.columns_of(
        JobEvent.FINISHED, apply_result.rendered_values(finished, at=post.clock.now()), at=post.clock.now()
    )
    columns = fast_delivery._Columns(frozenset(fresh), frozenset())
    statement = fast_delivery._at_once(
        columns, frozenset(Delivery.model_fields), post.deps.carrier.enqueue_clause
    )
    made = compiled._DialectSql(statement, post.deps.store.engine.dialect, ())

    assert len(made._sql) <= driver.MAX_CACHED_STATEMENT_LENGTH
    assert len(made._params) <= driver.MAX_CACHED_STATEMENT_PARAMS
    assert col(Job.state).name in made._sql
