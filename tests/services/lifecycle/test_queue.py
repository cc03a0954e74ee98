"""The queue on PostgreSQL: a task for what is due now, put in with its row; the row decides all else."""

import threading
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import text

from backend.domain.errors import SettingsError, StoreUnavailable
from backend.domain.states import JobEvent
from backend.services.operations import backlog
from backend.store.database.schema.migrate import migrate_schema
from backend.store.queue import schema
from backend.store.queue import tasks as queue_tasks
from backend.store.queue.leader_lock import LeaderLock
from backend.work import distributed
from tests.services.client import ACCEPTED
from tests.waiting import PATIENCE_S, eventually
from tests.world import BLOCKING, at_once, run_sql

#: SQLite has no queue: the row itself is the message.
pytestmark = pytest.mark.databases("postgres")


def sql(world, statement):
    return [tuple(row) for row in run_sql(world.deps, statement)]


def tasks(world):
    """(kind, job id) of every task that waits, as it would be taken."""
    waiting = "SELECT queue_name, args ->> 'job_id' FROM procrastinate_jobs WHERE status = 'todo' "
    return sql(world, waiting + "ORDER BY priority DESC, id")


def empty(world):
    sql(world, "DELETE FROM procrastinate_jobs")


def wake(world, session, job):
    world.deps.wake_job(session, job.id, at=world.deps.clock.now())


def put_missing(world) -> int:
    with world.deps.store.begin() as session:
        return world.deps.carrier.enqueue_missing(session)


def test_a_task_is_there_if_and_only_if_its_transaction_was_committed(world):
    job = world.ask()
    assert tasks(world) == [("submit", job.id)]
    empty(world)
    with suppress(StoreUnavailable), world.deps.store.begin() as session:
        wake(world, session, job)
        raise StoreUnavailable("rolled back")
    assert tasks(world) == []
    with world.deps.store.begin() as session:
        wake(world, session, job)
        seen_outside = sql(world, "SELECT count(*) FROM procrastinate_jobs")
    assert seen_outside == [(0,)]
    assert tasks(world) == [("submit", job.id)]


def test_each_kind_of_work_has_its_queue(world):
    short, long = world.ask(), world.ask(model=BLOCKING)
    asked, home = world.ask(), world.ask()
    for job in (asked, home):
        world.advance(job, *ACCEPTED, request_id=job.id)
    world.advance(home, JobEvent.FINISHED)
    sql(world, "UPDATE job SET due_at = now()")
    empty(world)
    assert put_missing(world) == 4
    queues = {short.id: "submit", long.id: "call", asked.id: "poll", home.id: "fetch"}
    assert {job: name for name, job in tasks(world)} == queues
    waiting = {kind.name: kind.waiting for kind in backlog.list_work_kinds(world.deps)}
    assert waiting == dict.fromkeys(queue_tasks.WORK_KINDS, 1)


def test_a_wake_while_the_job_is_in_hand_is_not_lost(world):
    job = world.ask()
    with world.claims.claim_job(job.id):
        with world.deps.store.begin() as session:
            wake(world, session, job)
        empty(world)  # the task came while the job was in hand, and so did nothing
        with world.another().claims.claim_job(job.id) as second:
            assert second is None
        assert tasks(world) == []
    assert tasks(world) == [("submit", job.id)]


def test_what_is_due_later_waits_already_or_is_in_hand_is_not_put_in(world):
    job = world.ask()
    assert put_missing(world) == 0
    empty(world)
    assert [put_missing(world) for _ in range(2)] == [1, 0]
    empty(world)
    with world.claims.claim_job(job.id):
        assert put_missing(world) == 0
    sql(world, "UPDATE job SET due_at = now() + interval '1 hour'")
    empty(world)
    assert put_missing(world) == 0
    with world.deps.store.begin() as session:
        world.deps.carrier.enqueue_job(session, job.id)
    assert tasks(world) == []


def test_a_task_whose_worker_died_is_forgotten_and_its_job_put_in_again_and_a_long_look_keeps_its_own(world):
    job = world.ask()
    sql(world, "UPDATE procrastinate_jobs SET status = 'doing'")
    now = world.deps.clock.now()
    later = now + 2 * queue_tasks.STALLED_AFTER

    def forgotten(at) -> int:
        with world.deps.store.begin() as session:
            return queue_tasks.forget_stalled(session, now=at)

    sql(world, "UPDATE job SET claimed_by = 'somebody', claimed_until = now() + interval '1 day'")
    assert forgotten(later) == 0
    sql(world, "UPDATE job SET claimed_by = NULL, claimed_until = NULL")
    assert (forgotten(now), forgotten(later)) == (0, 1)  # just now it may have begun
    assert put_missing(world) == 1
    assert tasks(world) == [("submit", job.id)]


def test_a_queue_that_breaks_in_an_unforeseen_way_is_served_again(world, monkeypatch, caplog):
    """One queue's trouble ends neither the worker nor the queue."""
    real, broken = distributed.DistributedWorker._once, []

    async def breaks_once(worker, app, kind):
        if kind == "submit" and not broken:
            broken.append(kind)
            raise RuntimeError("never heard of")
        await real(worker, app, kind)

    monkeypatch.setattr(distributed.DistributedWorker, "_once", breaks_once)
    worker = distributed.DistributedWorker(world.deps)
    serving = threading.Thread(target=worker.run_until_stopped)
    serving.start()
    job = world.ask()
    eventually(lambda: world.job(job).state in ("queued", "running"))
    worker.stop()
    serving.join(PATIENCE_S)
    assert not serving.is_alive()
    assert broken == ["submit"]
    assert "never heard of" in caplog.text


def test_an_older_schema_is_brought_along_once_by_the_librarys_own_migrations(world):
    sql(world, "DROP SCHEMA public CASCADE")
    for step in ("CREATE SCHEMA public", *schema._steps("0", "3.3.0")):
        with world.deps.store.begin() as session:
            schema._run(session.connection(), step)
    sql(world, "COMMENT ON TABLE procrastinate_jobs IS '3.3.0'")
    newer = "SELECT 1 FROM pg_proc WHERE proname = 'procrastinate_retry_job_v2'"
    assert not sql(world, newer)
    for _ in range(2):
        migrate_schema(world.deps.store)
        with world.deps.store.read() as session:
            assert schema.applied_version(session.connection()) == schema.installed_version()
        assert sql(world, newer)
        world.ask()
    assert len(tasks(world)) == 2


def test_a_newer_schema_is_told_and_left_alone(world):
    sql(world, "COMMENT ON TABLE procrastinate_jobs IS '99.0.0'")
    with pytest.raises(SettingsError, match="newer than this program"):
        migrate_schema(world.deps.store)


@pytest.fixture
def duties(world):
    """Makes hosts that want the duty."""
    made: list[LeaderLock] = []

    def make(number, **how):
        made.extend(LeaderLock(world.deps.store, "sweep", **how) for _ in range(number))
        return made[-number:]

    yield make
    for duty in made:
        duty.release()


def test_a_duty_has_one_holder_and_moves_on_when_it_is_given_up(duties):
    hosts = duties(8)
    at_once(8, lambda number: hosts[number].try_acquire())
    (holder,) = [duty for duty in hosts if duty.is_held]
    assert [duty for duty in hosts if duty.try_acquire()] == [holder]
    holder.release()
    other = hosts[hosts.index(holder) - 1]
    assert other.try_acquire()
    assert not holder.try_acquire()


@pytest.mark.parametrize("how", ["cut off", "silent"])
def test_a_holder_whose_line_ends_or_that_falls_silent_loses_its_duty_and_notices(world, duties, how):
    (first,), (second,) = duties(1, idle_timeout_s=0.5 if how == "silent" else PATIENCE_S), duties(1)
    eventually(first.try_acquire)
    if how == "cut off":
        others = "FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        sql(world, f"SELECT pg_terminate_backend(pid) {others}")
    eventually(second.try_acquire)
    assert not first.try_acquire()
    assert not first.is_held


@pytest.mark.parametrize(("lease_s", "silence_s"), [(3.0, 5.0), (5.0, 7.0), (30.0, 8.0)])
def test_the_duty_of_a_frozen_host_moves_over_within_its_lease_and_five_seconds(world, lease_s, silence_s):
    settings = world.deps.settings.model_copy(update={"lease_s": lease_s})
    worker = distributed.DistributedWorker(replace(world.deps, settings=settings))
    assert worker._duty.try_acquire()
    told = worker._duty._connection.scalar(text("SELECT current_setting('idle_session_timeout')"))
    worker._duty.release()
    assert told == f"{silence_s:.0f}s"
    assert silence_s + distributed.LEADER_CHECK_S <= lease_s + 5.0


@pytest.mark.parametrize("part", ["_tick", "_sweep"])
def test_who_fails_in_the_duty_leaves_it_to_another_host(world, duties, monkeypatch, part):
    def fails(_worker):
        raise StoreUnavailable("this host's temporary files are full")

    worker, (other,) = distributed.DistributedWorker(world.deps), duties(1)
    worker._ask()
    assert not other.try_acquire()
    monkeypatch.setattr(distributed.DistributedWorker, "_put_in_due", fails)
    getattr(worker, part)()
    assert other.try_acquire()
    worker._ask()
    assert not worker._duty.is_held
    worker._duty.release()
