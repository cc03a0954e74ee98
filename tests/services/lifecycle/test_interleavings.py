"""Two things in the order that hurts: a host cut off between two lines, a person between two looks."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from backend.domain.errors import ProviderUnanswered, StoreUnavailable
from backend.domain.states import JobEvent
from backend.models import Job, KeyValue
from backend.providers.base import ProviderRecord, Receipt
from backend.providers.fal.webhook import read_body
from backend.services.lifecycle import receive_webhook, record_answer
from backend.services.lifecycle.claims import Claim
from backend.services.money import budgets
from backend.services.operations import after_restore
from backend.services.takes import cancel, held_choices
from backend.store.database.engine import Store
from backend.store.database.schema import copies
from backend.store.fast.row_insert import insert_values
from backend.store.jobs import claims, jobs
from backend.store.money import ledger
from backend.store.records import key_values, tokens, videos
from tests import databases
from tests.world import ANA, World

pytestmark = databases.BOTH


def cut_off(world: World, claim: Claim) -> None:
    """The host that holds this is not heard of for longer than its lease."""
    with world.deps.store.begin() as session:
        claims.renew_leases(session, [claim.lease_token], until=world.deps.clock.now() - timedelta(seconds=1))


class LostBeforeCommit(Exception):
    """The line breaks before the server has the COMMIT."""


def test_a_begun_that_never_arrived_takes_nothing_back_from_another_who_sent(world, monkeypatch):
    """A's commit is lost on its way, B sends and nobody hears the answer; then A is back."""
    real_record, real_begin, armed = Claim.record, world.deps.store.begin, [True]

    def marked(claim, event, **values):
        if event is JobEvent.SUBMIT_BEGUN and armed:
            values["also"] = lambda session: session.info.update(begins=True) or {}
        return real_record(claim, event, **values)

    @contextmanager
    def begin(**how):
        try:
            with real_begin(**how) as session:
                yield session
                if armed and session.info.get("begins"):
                    armed.clear()
                    raise LostBeforeCommit
        except LostBeforeCommit:
            (claim,) = world.claims.active_claims()
            cut_off(world, claim)
            assert World(world.deps, world.sim).look(claim.job).state == "held"
            raise StoreUnavailable("the connection was lost", outcome_unknown=True) from None

    monkeypatch.setattr("backend.services.retry_write.FIRST_WAIT_S", 0.0)
    monkeypatch.setattr(Claim, "record", marked)
    monkeypatch.setattr(world.deps.store, "begin", begin)
    job = world.look(world.ask("A dress [sim:lost-answer never]"))
    world.hurry(job)
    world.look(job)
    assert len(world.ledger()["posts"]) == 1


def test_a_receipt_for_a_take_that_was_given_up_meanwhile_is_asked_about(world):
    job = world.ask()
    with world.claims.claim_job(job.id) as frozen:
        frozen.record(JobEvent.SUBMIT_BEGUN, due_in_s=0)
        cut_off(world, frozen)
        assert World(world.deps, world.sim).look(job).state == "held"
        held_choices.give_up(world.deps, ANA, job.id)
        record_answer.record_answer(world.deps, frozen, Receipt("late-id", "s", "r", "c"))
    now = world.job(job)
    assert (now.state, now.request_id) == ("cancelled", "late-id")
    assert now.due_at is not None, "nobody would ever ask for its video"


def goes_back(world: World, job: Job) -> None:
    """A standby takes over that had not heard of the begin."""
    with world.deps.store.begin() as session:
        back = text("UPDATE job SET state = 'created', version = version - 1 WHERE id = :id")
        session.execute(back, {"id": job.id})


def test_a_receipt_that_meets_a_database_which_forgot_the_begin_is_kept_and_nothing_is_sent_again(world):
    job = world.ask("A dress [sim:never]")
    with world.claims.claim_job(job.id) as sender:
        sender.submit_begun_at = world.deps.clock.now()
        sender.record(JobEvent.SUBMIT_BEGUN, due_in_s=0)
        goes_back(world, job)
        record_answer.record_answer(world.deps, sender, Receipt("late-id", "s", "r", "c"))
    assert (world.job(job).state, world.job(job).request_id) == ("queued", "late-id")
    assert world.ledger()["posts"] == []


def test_a_lost_answer_that_meets_such_a_database_holds_the_take(world):
    job = world.ask("A dress [sim:never]")
    with world.claims.claim_job(job.id) as sender:
        sender.submit_begun_at = world.deps.clock.now()
        sender.record(JobEvent.SUBMIT_BEGUN, due_in_s=0)
        goes_back(world, job)
        record_answer.hold_job(world.deps, sender, ProviderUnanswered("Cut off.", code="cut"))
    world.look(job)
    assert (world.job(job).state, world.job(job).error["charged"]) == ("held", "maybe")
    assert world.ledger()["posts"] == []


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
    assert world.ledger()["posts"] == []
    monkeypatch.setattr(Claim, "record", real)
    world.hurry(job)
    assert world.look(job).state == "queued"
    assert len(world.ledger()["posts"]) == 1


@contextmanager
def listing(world: World, request_id: str, job: Job) -> Iterator[None]:
    """The provider's records show this request, with this job's words."""
    fal = world.deps.get_provider("fal")
    shown = ProviderRecord(request_id=request_id, input=dict(job.payload), sent_at=world.deps.clock.now())
    fal.list_requests = lambda model, since: [shown]
    try:
        yield
    finally:
        del fal.list_requests


def test_a_held_take_does_not_adopt_what_its_twin_is_just_sending(world):
    held = world.look(world.ask("Same words [sim:proxy=502 never]"))  # it was not accepted
    twin = world.ask("Same words [sim:proxy=502 never]")
    with world.claims.claim_job(twin.id) as claim:
        begun = claim.record(JobEvent.SUBMIT_BEGUN, due_in_s=0)
        with listing(world, "of-the-twin", begun):
            world.hurry(held)
            assert world.look(held).request_id is None
        record_answer.record_answer(world.deps, claim, Receipt("of-the-twin", "s", "r", "c"))
    assert (world.job(twin).state, world.job(twin).request_id) == ("queued", "of-the-twin")


def test_of_two_twins_whose_requests_are_out_neither_takes_the_other_s(world):
    first, second = world.ask("Same words [sim:never]"), world.ask("Same words [sim:never]")
    with world.claims.claim_job(first.id) as one, world.claims.claim_job(second.id) as two:
        one.record(JobEvent.SUBMIT_BEGUN, due_in_s=0)
        begun = two.record(JobEvent.SUBMIT_BEGUN, due_in_s=0)
        cut_off(world, one)
        other = World(world.deps, world.sim)
        assert other.look(first).state == "held"
        with listing(world, "second's", begun):
            other.hurry(first)
            other.look(first)
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


def test_a_delivery_that_comes_too_late_counts_nothing_again(world):
    """Its take is stored and was free; the first delivery comes after the poll has won."""
    job = world.until(world.ask(), "stored")
    with world.deps.store.begin() as session:
        now = jobs.get(session, job.id)
        jobs.update_if_unchanged(
            session, now, **budgets.settle_bill(session, now, 0.0, at=world.deps.clock.now())
        )
    body = {
        "request_id": job.request_id,
        "gateway_request_id": job.request_id,
        "status": "OK",
        "payload": {"video": {"url": "https://x.example/a.mp4"}},
    }
    said = read_body(json.dumps(body).encode())
    with world.deps.store.begin(shared=True) as session:
        late = jobs.head(session, job.id)
        verdict = receive_webhook._apply(world.deps, session, late, said, job.request_id, by="webhook")
    assert verdict == "no_effect"
    with world.deps.store.read() as session:
        assert ledger.counted_micros(session, job.id) == 0


def test_a_take_that_was_stopped_while_it_was_turned_away_is_not_sent_later(world, monkeypatch):
    provider, job = world.deps.get_provider("fal"), world.ask("[sim:http=429 times=1 never]")
    real = provider.submit

    def stopped_meanwhile(*args, **kwargs):
        cancel.cancel_job(world.deps, ANA, job.id)
        return real(*args, **kwargs)

    monkeypatch.setattr(provider, "submit", stopped_meanwhile)
    world.look(job)
    monkeypatch.setattr(provider, "submit", real)
    world.hurry(job)
    ended = world.look(job)
    assert (ended.state, ended.error["charged"]) == ("cancelled", "no")
    assert world.ledger()["requests"] == []


def test_waiting_for_other_reasons_uses_up_no_try_of_a_provider_that_breaks_down(world, monkeypatch):
    """Six times too busy, then once broken: that is its first breakdown, and not the last try."""
    job = world.ask("[sim:http=429 times=6]")
    for _ in range(6):
        world.look(job)
        world.hurry(job)
    monkeypatch.setattr(
        world.deps.get_provider("fal"), "submit", turned_away(world.deps.get_provider("fal").submit)
    )
    assert world.look(job).state == "created"
    world.until(job, "stored")


def turned_away(real: Callable[..., Any]) -> Callable[..., Any]:
    """fal's own breakdown, once."""
    from backend.domain import policy
    from backend.domain.errors import ProviderUnsent

    told: list[bool] = []

    def submit_(*args: Any, **kwargs: Any) -> Any:
        if told:
            return real(*args, **kwargs)
        told.append(True)
        raise ProviderUnsent("broken", code="http_503", tries=policy.SERVER_ERROR_TRIES)

    return submit_


def first_save_dies(world: World, database_kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first commit that says "stored" is refused by a full disk, or its line is cut."""
    if database_kind == "sqlite":
        armed: list[bool] = []
        real: Callable[..., Any] = videos.insert_or_restore

        def keep(session, video):
            if not armed:
                armed.extend([True, True])
            return real(session, video)

        @event.listens_for(world.deps.store.engine, "commit")
        def refuse(_connection):
            if len(armed) == 2:
                armed.pop()
                raise OperationalError("COMMIT", None, Exception("database or disk is full"))

        monkeypatch.setattr(videos, "insert_or_restore", keep)
        return
    with world.deps.store.begin() as session:
        session.execute(text("CREATE SEQUENCE once"))
        session.execute(text(
            "CREATE FUNCTION die() RETURNS trigger AS $$ BEGIN IF NEW.event = 'saved' "
            "AND nextval('once') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; "
            "RETURN NULL; END $$ LANGUAGE plpgsql"
        ))  # fmt: skip
        session.execute(text(
            "CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON history DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION die()"
        ))  # fmt: skip


def test_a_video_whose_first_commit_died_has_its_row(world, database_kind, monkeypatch):
    first_save_dies(world, database_kind, monkeypatch)
    job = world.until(world.ask(), "stored")
    with world.deps.store.read() as session:
        assert videos.get(session, job.video_id).sha256


@pytest.mark.databases("postgres")  # a file has no standby
def test_a_connection_whose_server_only_reads_is_thrown_away(world):
    store, said = world.deps.store, []
    store.engine.dispose()
    with store.begin() as session:
        session.connection().exec_driver_sql("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    for number in range(2):
        try:
            with store.begin(shared=True) as session:
                insert_values(
                    session, KeyValue, {"name": f"x{number}", "value": {}, "at": world.deps.clock.now()}
                )
            said.append("kept")
        except StoreUnavailable as error:
            said.append(error.why)
    assert "read-only" in said[0]
    assert said[1] == "kept"


@pytest.mark.databases("sqlite")  # about a file
def test_a_file_that_can_not_be_opened_is_our_error_wherever_it_is_asked(tmp_path):
    """Also where the driver is asked past SQLAlchemy: a token, and what a worker watches."""
    nowhere = Store(f"sqlite:///{tmp_path}/no/such/folder/x.db")
    with pytest.raises(StoreUnavailable):
        tokens.find_by_id(nowhere, "abc")
    with pytest.raises(SQLAlchemyError), nowhere.watch_commits():
        pass
