"""Two things in the order that hurts: a host cut off between two lines, a person between two looks."""

import threading
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import event
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlmodel import Session

from backend.domain import policy
from backend.domain.errors import (
    ProviderRefused,
    ProviderUnanswered,
    ProviderUnsent,
    StaleState,
    StoreUnavailable,
)
from backend.domain.states import JobEvent
from backend.models import Job, KeyValue, TakeFile
from backend.providers.base import ProviderRecord, Receipt
from backend.services.lifecycle import record_answer
from backend.services.lifecycle.claims import Claim
from backend.services.operations import after_restore
from backend.services.takes import cancel, held_choices
from backend.store.database.engine import Store
from backend.store.database.schema import copies
from backend.store.fast.row_insert import insert_values
from backend.store.jobs import jobs
from backend.store.records import key_values, take_files, tokens, videos
from tests import databases
from tests.services.lifecycle.test_files import clip, lay, made
from tests.waiting import eventually
from tests.world import ANA, World, run_sql, throw

pytestmark = databases.BOTH


def about_to_send(world: World, claim: Claim) -> Job:
    claim.submit_begun_at = world.deps.clock.now()
    return claim.record(JobEvent.SUBMIT_BEGUN, due_in_s=0, at=claim.submit_begun_at)


@pytest.mark.parametrize("given_up", [False, True])
def test_a_receipt_is_kept_and_asked_about_though_the_lease_was_lost_or_the_take_given_up(world, given_up):
    job = world.ask()
    with world.claims.claim_job(job.id) as frozen:
        about_to_send(world, frozen)
        world.cut_off(frozen)
        assert world.another().look(job).state == "held"
        if given_up:
            held_choices.give_up(world.deps, ANA, job.id)
        record_answer.record_answer(world.deps, frozen, Receipt("late-id", "s", "r", "c"))
    now = world.job(job)
    assert (now.state, now.request_id) == ("cancelled" if given_up else "queued", "late-id")
    assert now.due_at is not None, "nobody would ever ask for its video"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (ProviderUnsent("Held up.", code="held_up"), "created"),
        (ProviderRefused("No.", code="no"), "failed"),
    ],
)
def test_what_certainly_came_of_a_take_counts_though_another_has_just_taken_it_over(world, answer, state):
    """The sender thaws between the other's claim and what the other writes."""
    job, other = world.ask("A dress [sim:never]"), world.another()
    with world.claims.claim_job(job.id) as frozen:
        about_to_send(world, frozen)
        world.cut_off(frozen)
        with other.claims.claim_job(job.id) as taken:
            record_answer.record_answer(world.deps, frozen, answer)
            with pytest.raises(StaleState):
                record_answer.hold_job(other.deps, taken, ProviderUnanswered("Who knows?", code="cut"))
    assert world.history(job) == ["created", "submitting", state]


@pytest.mark.parametrize(
    ("answer", "state", "request_id"),
    [
        (Receipt("late-id", "s", "r", "c"), "queued", "late-id"),
        (ProviderUnanswered("Cut off.", code="cut"), "held", None),
    ],
)
def test_an_answer_that_meets_a_database_which_forgot_the_begin_is_kept_and_nothing_is_sent_again(
    world, answer, state, request_id
):
    """A standby took over that had not heard of the begin."""
    job = world.ask("A dress [sim:never]")
    with world.claims.claim_job(job.id) as sender:
        about_to_send(world, sender)
        back = "UPDATE job SET state = 'created', version = version - 1 WHERE id = :id"
        run_sql(world.deps, back, id=job.id)
        record_answer.record_answer(world.deps, sender, answer)
    now = world.look(job) if state == "held" else world.job(job)
    assert (now.state, now.request_id, world.posts) == (state, request_id, 0)
    assert state == "queued" or now.error["charged"] == "maybe"


def test_a_sender_that_was_frozen_before_its_post_sends_nothing_until_it_may(world, monkeypatch):
    real = Claim.record

    def frozen(claim: Claim, event: JobEvent, **news: Any) -> Job:
        job = real(claim, event, **news)
        if event == JobEvent.SUBMIT_BEGUN:
            claim.submit_begun_at -= timedelta(seconds=world.deps.settings.lease_s)  # so long ago by now
        return job

    job = world.ask("A dress [sim:never]")
    monkeypatch.setattr(Claim, "record", frozen)
    assert world.look(job).state == "created"
    assert world.posts == 0
    monkeypatch.setattr(Claim, "record", real)
    assert world.looks(job, 1)[0].state == "queued"
    assert world.posts == 1


def list_only(world: World, monkeypatch: pytest.MonkeyPatch, request_id: str, job: Job) -> None:
    """The provider's records show this request, with this job's words."""
    shown = ProviderRecord(request_id=request_id, input=dict(job.payload), sent_at=world.deps.clock.now())
    monkeypatch.setattr(world.deps.get_provider("fal"), "list_requests", lambda model, since: [shown])


def test_a_held_take_does_not_adopt_what_its_twin_is_just_sending(world, monkeypatch):
    held = world.look(world.ask("Same words [sim:proxy=502 never]"))  # it was not accepted
    twin = world.ask("Same words [sim:proxy=502 never]")
    with world.claims.claim_job(twin.id) as claim:
        begun = about_to_send(world, claim)
        list_only(world, monkeypatch, "of-the-twin", begun)
        assert world.looks(held, 1)[0].request_id is None
        record_answer.record_answer(world.deps, claim, Receipt("of-the-twin", "s", "r", "c"))
    assert (world.job(twin).state, world.job(twin).request_id) == ("queued", "of-the-twin")


def test_of_two_twins_whose_requests_are_out_neither_takes_the_other_s(world, monkeypatch):
    first, second = world.ask("Same words [sim:never]"), world.ask("Same words [sim:never]")
    with world.claims.claim_job(first.id) as one, world.claims.claim_job(second.id) as two:
        about_to_send(world, one)
        begun = about_to_send(world, two)
        world.cut_off(one)
        other = world.another()
        assert other.look(first).state == "held"
        list_only(world, monkeypatch, "second's", begun)
        other.looks(first, 1)
        record_answer.record_answer(world.deps, one, Receipt("first's", "s", "r", "c"))
        record_answer.record_answer(world.deps, two, Receipt("second's", "s", "r", "c"))
    assert [world.job(job).request_id for job in (first, second)] == ["first's", "second's"]


def test_a_copy_that_another_process_has_settled_is_left_alone(world, monkeypatch):
    """Two start on a restored copy; the first serves already while the second still looks."""
    now = world.deps.clock.now()
    with world.deps.store.begin() as session:
        key_values.set_value(session, copies.COPY_FACT, {"at": now.isoformat()}, at=now)
    real, new = world.deps.store.begin, []

    @contextmanager
    def late(**how):
        monkeypatch.setattr(world.deps.store, "begin", real)
        after_restore.settle_if_restored(world.deps)
        new.append(world.ask("Asked for after the restore"))
        with real(**how) as session:
            yield session

    monkeypatch.setattr(world.deps.store, "begin", late)
    after_restore.settle_if_restored(world.deps)
    assert world.job(new[0]).state == "created"


def test_a_take_that_was_stopped_while_it_was_turned_away_is_not_sent_later(world, monkeypatch):
    provider, job = world.deps.get_provider("fal"), world.ask("[sim:http=429 times=1 never]")
    real = provider.submit

    def stopped_meanwhile(*args, **kwargs):
        cancel.cancel_job(world.deps, ANA, job.id)
        return real(*args, **kwargs)

    monkeypatch.setattr(provider, "submit", stopped_meanwhile)
    world.look(job)
    monkeypatch.setattr(provider, "submit", real)
    (ended,) = world.looks(job, 1)
    assert (ended.state, ended.error["charged"]) == ("cancelled", "no")
    assert world.accepted == 0


def test_waiting_for_other_reasons_uses_up_no_try_of_a_provider_that_breaks_down(world, monkeypatch):
    """Six times too busy, then once broken: that is its first breakdown, and not the last try."""
    job = world.ask("[sim:http=429 times=6]")
    world.looks(job, 6)
    with monkeypatch.context() as patch:
        broken = ProviderUnsent("broken", code="http_503", tries=policy.SERVER_ERROR_TRIES)
        patch.setattr(world.deps.get_provider("fal"), "submit", lambda *_, **__: throw(broken))
        assert world.looks(job, 1)[0].state == "created"
    world.until(job, "stored")


def test_a_video_whose_first_commit_died_has_its_row(world, monkeypatch):
    """A full disk refuses the first commit that says "stored", or its line is cut."""
    real, saves = videos.insert_or_restore, []
    monkeypatch.setattr(videos, "insert_or_restore", lambda *row: saves.append(row) or real(*row))

    @event.listens_for(world.deps.store.engine, "commit")
    def refuse(_connection):
        if len(saves) == 1:
            saves.append("refused")
            raise OperationalError("COMMIT", None, Exception("database or disk is full"))

    job = world.until(world.ask(), "stored")
    assert "refused" in saves
    with world.deps.store.read() as session:
        assert videos.get(session, job.video_id).sha256


@pytest.mark.databases("postgres")  # a file has no standby
def test_a_connection_whose_server_only_reads_is_thrown_away(world):
    store, fact = world.deps.store, {"name": "x", "value": {}, "at": world.deps.clock.now()}
    store.engine.dispose()
    with store.begin() as session:
        session.connection().exec_driver_sql("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    with pytest.raises(StoreUnavailable) as refused, store.begin(shared=True) as session:
        insert_values(session, KeyValue, fact)
    assert "read-only" in refused.value.why
    with store.begin(shared=True) as session:
        insert_values(session, KeyValue, fact)


@pytest.mark.databases("sqlite")  # about a file
def test_a_file_that_can_not_be_opened_is_our_error_wherever_it_is_asked(tmp_path):
    """Also where the driver is asked past SQLAlchemy: a token, and what a worker watches."""
    nowhere = Store(f"sqlite:///{tmp_path}/no/such/folder/x.db")
    with pytest.raises(StoreUnavailable):
        tokens.find_by_id(nowhere, "abc")
    with pytest.raises(SQLAlchemyError), nowhere.watch_commits():
        pass


# -- a take's files: the job is locked before them, by everybody ------------------------------------------


def waits_for_a_lock(world: World) -> bool:
    """Does anybody wait for what another transaction holds?"""
    (row,) = run_sql(
        world.deps,
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'",
    )
    return bool(row[0])


def two_files(world: World) -> Job:
    """A take of which one file is there, and the other one isn't."""
    lay(world, "a.mp4", clip(50))
    return made(world, {"videos": ["{files}/a.mp4", "{files}/dead.mp4"]})


def held_open(world: World, monkeypatch: pytest.MonkeyPatch, until: Callable[[], object]) -> list[Any]:
    """From now on the worker's rows of files are written, and its transaction is held until this is so."""
    real, written = take_files.put_rows, list[Any]()

    def put_rows(session: Session, rows: Sequence[TakeFile]) -> None:
        real(session, rows)
        if threading.current_thread().name == "worker":
            written.append([row.role for row in rows])
            if len(written) == 1:
                eventually(until)

    monkeypatch.setattr(take_files, "put_rows", put_rows)
    return written


def beside(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, name="worker")
    thread.start()
    return thread


@pytest.mark.databases("postgres")  # a file has one writer at a time
def test_a_person_and_a_worker_who_decide_about_the_same_files_never_wait_for_each_other(world, monkeypatch):
    job = two_files(world)
    world.looks(job, 1)
    requests.delete(f"{world.sim.url}/sim/files/a.mp4", timeout=10).raise_for_status()
    run_sql(world.deps, "DELETE FROM file")  # both are fetched again
    run_sql(world.deps, "UPDATE job SET video_id = NULL, attempts = 0")
    has_the_job = threading.Event()
    met = lambda: has_the_job.is_set() or waits_for_a_lock(world)  # noqa: E731
    written = held_open(world, monkeypatch, met)
    world.hurry(job)
    worker = beside(lambda: world.look(job))
    eventually(lambda: written)
    with world.deps.store.begin() as session:
        jobs.get(session, job.id)
        has_the_job.set()
        take_files.put_rows(session, [TakeFile(job_id=job.id, role="videos.0", position=0, attempts=7)])
    worker.join()
    person_s, worker_s = world.take(job).files
    assert (person_s.row.attempts, worker_s.row.attempts) == (7, 1), "what both wrote is kept"
    assert len(written) == 1, "nothing had to be tried again"


@pytest.mark.databases("postgres")
def test_a_worker_that_was_frozen_and_the_next_one_write_the_same_file_s_first_row_and_one_of_them_counts(
    world, monkeypatch
):
    job = two_files(world)
    with world.claims.claim_job(job.id) as frozen:
        world.cut_off(frozen)
        written = held_open(world, monkeypatch, lambda: waits_for_a_lock(world))
        worker = beside(lambda: world.another().look(job))
        eventually(lambda: written)
        row = TakeFile(job_id=job.id, role="videos.0", position=0, attempts=7)
        with pytest.raises(StaleState):
            frozen.update(lambda session: take_files.put_rows(session, [row]) or {}, attempts=7)
        worker.join()
    assert [(file.here, file.row.attempts) for file in world.take(job).files] == [(True, 0), (False, 1)]
