"""When a delivery can be neither judged nor kept, what logs tell of it, and applying it again."""

import logging

import pytest
from sqlalchemy import event
from werkzeug.test import TestResponse

from backend.domain.errors import NotAllowed, NotFound, StateConflict
from backend.domain.states import JobEvent
from backend.services.access import Role, Viewer
from backend.services.lifecycle import receive_webhook
from backend.services.lifecycle.webhook_target import job_token
from backend.store.database import postgres, sqlite
from backend.store.database.engine import Store
from backend.store.jobs import jobs
from tests import databases
from tests.services.client import MIB
from tests.services.receiving import FAL_KEY, LINK, SECRET, body_of, failed, ok, verdict
from tests.signing import SECOND_KEY, signed
from tests.world import ADMIN, ANA, run_sql

pytestmark = databases.BOTH


def is_put_off(answer: TestResponse) -> bool:
    return answer.status_code == 503 and answer.headers["Retry-After"].isdigit()


def test_without_any_key_fal_is_asked_to_come_again_and_with_keys_the_delivery_counts(post, publisher):
    job = post.made()
    publisher.status = 500
    assert is_put_off(post.deliver(job))
    assert post.untouched(job)
    publisher.status = 200
    post.clock.pass_s(5)
    assert verdict(post.deliver(job)) == "applied"


def test_while_the_database_is_locked_fal_is_asked_to_come_again(post, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 100)
    monkeypatch.setattr(postgres, "LOCK_TIMEOUT_MS", 100)
    job = post.made()
    post.deps.store.close()  # connections are opened anew, with the shorter wait
    other = Store(post.deps.settings.resolved_database_url)  # as another process would
    with other.begin() as session:
        jobs.get(session, job.id)
        assert is_put_off(post.deliver(job))
    other.close()
    assert post.untouched(job)
    assert verdict(post.deliver(job)) == "applied"


BREAK_COMMIT = {
    "sqlite": [
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (id REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
        "CREATE TRIGGER broken AFTER INSERT ON delivery BEGIN INSERT INTO child VALUES (1); END",
    ],
    "postgres": [
        "CREATE FUNCTION no() RETURNS trigger AS $$ BEGIN RAISE SQLSTATE '53100'; END $$ LANGUAGE plpgsql",
        "CREATE CONSTRAINT TRIGGER broken AFTER INSERT ON delivery DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION no()",
    ],
}


def test_nothing_is_acknowledged_before_it_is_committed(post, database_kind):
    """The commit itself fails; the line to the database is good for the next delivery all the same."""
    job = post.made()
    if database_kind == "sqlite":
        on_connect(post, "PRAGMA foreign_keys = ON")
    run_sql(post.deps, *BREAK_COMMIT[database_kind])
    assert is_put_off(post.deliver(job))
    assert post.untouched(job)
    run_sql(post.deps, "DROP TRIGGER broken" + (" ON delivery" if database_kind == "postgres" else ""))
    assert verdict(post.deliver(job)) == "applied"


def on_connect(post, sentence):
    """From now on every connection begins with this."""
    event.listen(post.deps.store.engine, "connect", lambda line, _: line.execute(sentence))
    post.deps.store.close()


@pytest.mark.databases("sqlite")  # a server's disk is full in the test before
def test_on_a_full_disk_fal_is_asked_to_come_again(post):
    job = post.made()
    ((pages,),) = run_sql(post.deps, "PRAGMA page_count")
    on_connect(post, f"PRAGMA max_page_count = {pages + 20}")
    assert is_put_off(post.deliver(job, ok("req-1") + b" " * (MIB // 2)))
    assert post.untouched(job)
    assert verdict(post.deliver(job, ok("req-1"))) == "applied"


def test_no_log_line_holds_a_token_a_key_or_a_payload(post, caplog):
    caplog.set_level(logging.DEBUG)
    job = post.made()
    post.deliver(job)
    post.deliver(job, failed(job.request_id))
    for wrong in ({"token": "wrong-token-of-this-test"}, {"key": SECOND_KEY}, {"user_id": "stranger"}):
        post.deliver(job, **wrong)
    for body in (b"<html>unreadable", b"x" * (MIB + 1)):
        post.deliver(job, body)
    post.client.get(post.path(job.id))
    run_sql(post.deps, "ALTER TABLE delivery RENAME TO gone")
    post.deliver(job, ok(job.request_id, LINK + "?2"))

    told = "\n".join(f"{line.getMessage()} {line.exc_text} {line.__dict__}" for line in caplog.records)
    assert "delivery refused" in told
    signature = signed(ok("req-1"), request_id="req-1", at=post.clock.now())["X-Fal-Webhook-Signature"]
    token = job_token(SECRET, job.id)
    for secret in (token, "wrong-token-of-this-test", SECRET, FAL_KEY, LINK, "A red dress", signature):
        assert secret not in told


def replay(post, kept):
    return receive_webhook.replay_delivery(post.deps, ADMIN, kept.id)


def test_a_replay_has_the_effect_once(post):
    job = post.made("running")
    post.deliver(job, body_of(job.request_id, status="OK", payload=None, payload_error="x"))
    (kept,) = post.kept()
    assert replay(post, kept) == "running"
    stored = post.advance(job, JobEvent.FINISHED, JobEvent.SAVED)
    assert [replay(post, kept) for _ in range(2)] == ["stored"] * 2
    assert post.job(job) == stored
    assert post.kept()[0].replays == 3


def test_an_orphan_is_applied_when_its_job_is_back(post):
    job = post.made()
    run_sql(post.deps, "CREATE TABLE aside AS SELECT * FROM job", "DELETE FROM job")
    assert verdict(post.deliver(job)) == "orphan"
    (kept,) = post.kept()
    with pytest.raises(StateConflict):
        replay(post, kept)
    run_sql(post.deps, "INSERT INTO job SELECT * FROM aside")
    assert [replay(post, kept) for _ in range(2)] == ["rendered"] * 2
    assert post.history(job).count("rendered") == 1


def test_only_an_admin_replays_and_only_what_was_kept(post):
    post.deliver(post.made())
    (kept,) = post.kept()
    for viewer in (ANA, Viewer("eve", Role.VIEWER)):
        with pytest.raises(NotAllowed):
            receive_webhook.replay_delivery(post.deps, viewer, kept.id)
    with pytest.raises(NotFound):
        receive_webhook.replay_delivery(post.deps, ADMIN, "no-such-delivery")
    assert post.kept()[0].replays == 0
