"""When a delivery can be neither judged nor kept, what logs tell of it, and applying it again."""

import dataclasses
import logging

import pytest
from sqlalchemy import event, text
from werkzeug.test import TestResponse

from backend.bootstrap import build_deps
from backend.domain.errors import NotAllowed, NotFound, StateConflict
from backend.domain.states import JobEvent
from backend.models import Job
from backend.services.access import Role, Viewer
from backend.services.lifecycle import receive_webhook
from backend.services.lifecycle.webhook_target import job_token
from backend.store.database import postgres, sqlite
from backend.store.database.engine import Store
from backend.store.jobs import jobs
from tests import databases
from tests.services.receiving import FAL_KEY, LINK, MIB, SECRET, Post, body_of, failed, ok, verdict
from tests.signing import SECOND_KEY, jwks, public, signed
from tests.world import ADMIN, ANA

pytestmark = databases.BOTH

# -- keys -------------------------------------------------------------------------------------


def test_without_any_key_fal_is_asked_to_come_again_and_with_keys_the_delivery_counts(post, fal):
    job = post.job()
    fal.status = 500

    answer = post.deliver(job)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"].isdigit()
    assert (post.kept(), post.now(job), post.account()) == ([], job, None)

    fal.status = 200
    post.clock.pass_s(5)
    assert verdict(post.deliver(job)) == "applied"


def test_the_keys_of_the_last_run_serve_while_fal_publishes_none(post, fal, clock):
    post.deliver(post.job())
    fal.status = 500
    again = build_deps(post.deps.settings, clock=clock)
    restarted = Post(dataclasses.replace(post.deps, providers=again.providers), clock)

    assert verdict(restarted.deliver(Job(id="j", request_id="req-late"))) == "orphan"


def test_a_new_key_is_fetched_once_and_then_known(post, fal):
    post.deliver(post.job())
    fal.body = jwks(public(SECOND_KEY))
    assert len(fal.asked) == 1

    answers = [post.deliver(post.job(), key=SECOND_KEY) for _ in range(5)]

    assert [verdict(answer) for answer in answers] == ["applied"] * 5
    assert len(fal.asked) == 2


def test_forgeries_lead_to_one_fetch_at_the_most(post, fal):
    job = post.job()
    post.deliver(post.job())
    fal.asked.clear()
    body = ok(job.request_id)
    lines = signed(body, request_id=job.request_id, at=post.clock.now(), key=SECOND_KEY)

    answers = {post.client.post(post.path(job.id), data=body, headers=lines).status_code for _ in range(500)}

    assert answers == {401}
    assert len(fal.asked) <= 1
    assert len(post.kept()) == 1


def test_with_keys_at_hand_a_delivery_needs_no_network(post, fal):
    post.deliver(post.job())
    fal.asked.clear()

    for _ in range(10):
        verdict(post.deliver(post.job()))

    assert fal.asked == []


# -- when it can not be kept ------------------------------------------------------------------


def is_put_off(answer: TestResponse) -> bool:
    return answer.status_code == 503 and answer.headers["Retry-After"].isdigit()


def test_while_the_database_is_locked_fal_is_asked_to_come_again(post, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 100)
    monkeypatch.setattr(postgres, "LOCK_TIMEOUT_MS", 100)
    job = post.job()
    post.deps.store.close()  # connections are opened anew, with the shorter wait
    other = Store(post.deps.settings.resolved_database_url)  # as another process would
    with other.begin() as session:
        jobs.get(session, job.id)

        assert is_put_off(post.deliver(job))

    other.close()
    assert (post.kept(), post.now(job)) == ([], job)
    assert verdict(post.deliver(job)) == "applied"


def test_with_a_broken_database_fal_is_asked_to_come_again(post):
    job = post.job()
    with post.deps.store.begin() as session:
        session.execute(text("ALTER TABLE delivery RENAME TO gone"))

    assert is_put_off(post.deliver(job))
    assert post.now(job) == job


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
    job = post.job()
    if database_kind == "sqlite":
        event.listen(
            post.deps.store.engine, "connect", lambda line, _: line.execute("PRAGMA foreign_keys = ON")
        )
        post.deps.store.close()
    with post.deps.store.begin() as session:
        for sentence in BREAK_COMMIT[database_kind]:
            session.execute(text(sentence))

    assert is_put_off(post.deliver(job))
    assert (post.kept(), post.now(job)) == ([], job)

    with post.deps.store.begin() as session:
        session.execute(text("DROP TRIGGER broken" + (" ON delivery" if database_kind == "postgres" else "")))
    assert verdict(post.deliver(job)) == "applied"


def fill_disk(post, database_kind):
    """From now on nothing large fits."""
    with post.deps.store.begin() as session:
        if database_kind == "postgres":
            session.execute(text(
                "CREATE FUNCTION no_room() RETURNS trigger AS $$ BEGIN IF length(NEW.body) > 100000 THEN "
                "RAISE disk_full; END IF; RETURN NEW; END $$ LANGUAGE plpgsql"
            ))  # fmt: skip
            session.execute(
                text(
                    "CREATE TRIGGER no_room BEFORE INSERT ON delivery FOR EACH ROW EXECUTE FUNCTION no_room()"
                )
            )
            return
        pages = session.execute(text("PRAGMA page_count")).scalar_one()
    event.listen(
        post.deps.store.engine,
        "connect",
        lambda line, _: line.execute(f"PRAGMA max_page_count = {pages + 20}"),
    )
    post.deps.store.close()


def test_on_a_full_disk_fal_is_asked_to_come_again(post, database_kind):
    job = post.job()
    whole = ok("req-1") + b" " * (MIB // 2)
    fill_disk(post, database_kind)

    assert is_put_off(post.deliver(job, whole))
    assert (post.kept(), post.now(job)) == ([], job)
    assert verdict(post.deliver(job, ok("req-1"))) == "applied"


# -- what is told -----------------------------------------------------------------------------


def test_no_log_line_holds_a_token_a_key_or_a_payload(post, fal, caplog):
    caplog.set_level(logging.DEBUG)
    job = post.job()
    post.deliver(job)
    post.deliver(job, failed(job.request_id))
    post.deliver(job, token="wrong-token-of-this-test")
    post.deliver(job, key=SECOND_KEY)
    post.deliver(job, user_id="stranger")
    post.deliver(job, b"<html>unreadable")
    post.deliver(job, b"x" * (MIB + 1))
    post.client.get(post.path(job.id))
    with post.deps.store.begin() as session:
        session.execute(text("ALTER TABLE delivery RENAME TO gone"))
    post.deliver(job, ok(job.request_id, LINK + "?2"))

    told = "\n".join(f"{line.getMessage()} {line.exc_text} {line.__dict__}" for line in caplog.records)
    assert "delivery refused" in told
    for secret in (
        job_token(SECRET, job.id), "wrong-token-of-this-test", SECRET, FAL_KEY, LINK, "A red dress",
        signed(ok("req-1"), request_id="req-1", at=post.clock.now())["X-Fal-Webhook-Signature"],
    ):  # fmt: skip
        assert secret not in told


def test_an_answer_tells_a_forger_nothing_about_why(post):
    job = post.job()
    post.deliver(post.job(), user_id="ours")

    answers = [
        post.deliver(job, key=SECOND_KEY),
        post.deliver(job, token="wrong"),
        post.deliver(job, user_id="stranger"),
        post.deliver(job, ok("req-of-nobody"), user_id="ours"),
        post.deliver(job, headers={}),
        post.deliver(Job(id="no-such-job", request_id="req-9"), token="wrong"),
    ]

    assert len({(answer.status_code, answer.get_data()) for answer in answers}) == 1


# -- replay -----------------------------------------------------------------------------------


def test_a_replay_has_the_effect_once(post):
    job = post.job("running")
    post.deliver(job, body_of(job.request_id, status="OK", payload=None, payload_error="x"))
    (kept,) = post.kept()

    assert receive_webhook.replay_delivery(post.deps, ADMIN, kept.id) == "running"
    post.move(job, JobEvent.FINISHED)
    post.move(job, JobEvent.SAVED)
    stored = post.now(job)

    assert [receive_webhook.replay_delivery(post.deps, ADMIN, kept.id) for _ in range(2)] == [
        "stored",
        "stored",
    ]
    assert post.now(job) == stored
    assert post.kept()[0].replays == 3


def test_an_orphan_is_applied_when_its_job_is_back(post):
    job = post.job()
    with post.deps.store.begin() as session:
        session.execute(text("CREATE TABLE aside AS SELECT * FROM job"))
        session.execute(text("DELETE FROM job"))
    assert verdict(post.deliver(job)) == "orphan"
    (kept,) = post.kept()
    with pytest.raises(StateConflict):
        receive_webhook.replay_delivery(post.deps, ADMIN, kept.id)
    with post.deps.store.begin() as session:
        session.execute(text("INSERT INTO job SELECT * FROM aside"))

    assert receive_webhook.replay_delivery(post.deps, ADMIN, kept.id) == "rendered"
    assert receive_webhook.replay_delivery(post.deps, ADMIN, kept.id) == "rendered"
    assert post.history(job).count("rendered") == 1


def test_only_an_admin_replays_and_only_what_was_kept(post):
    post.deliver(post.job())
    (kept,) = post.kept()

    for viewer in (ANA, Viewer("eve", Role.VIEWER)):
        with pytest.raises(NotAllowed):
            receive_webhook.replay_delivery(post.deps, viewer, kept.id)
    with pytest.raises(NotFound):
        receive_webhook.replay_delivery(post.deps, ADMIN, "no-such-delivery")
    assert post.kept()[0].replays == 0
