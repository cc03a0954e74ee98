"""The HTTP API: who may do what, the headers of every answer, health, and what is said when it can not be."""

import json

import pytest

from backend.services import access
from backend.services.operations import heartbeat
from backend.services.team import tokens
from tests.services.client import BODY, OPEN, every_route, ids, said
from tests.world import picture, run_sql, throw

#: What is no token of ours.
WRONG = [
    "", "Bearer", "Bearer ", "Bearer x", "Bearer dailies_x_y", "Basic YTpi", "Bearer dailies__",
    "Bearer ünïcode", "Bearer dailies_" + "x" * 9000, "dailies_x_y", "Bearer null",
]  # fmt: skip


def test_no_route_but_webhooks_media_and_health_answers_without_a_token(sidecar):
    guarded = [(method, path) for method, rule, path in every_route(sidecar.app) if rule not in OPEN]
    assert len(guarded) >= 6
    for headers in ({}, *({"Authorization": wrong.encode().decode("latin-1")} for wrong in WRONG)):
        for call in guarded:
            answer = sidecar.call(None, *call, headers=headers)
            challenge, given = answer.headers["WWW-Authenticate"], headers.get("Authorization", "").split()
            told = answer.status_code, challenge
            is_bearer = len(given) == 2 and given[0] == "Bearer"
            assert told == (401, 'Bearer error="invalid_token"' if is_bearer else "Bearer"), (call, headers)


def test_a_token_with_one_altered_character_or_revoked_opens_nothing(sidecar):
    token = sidecar.tokens["ana"]
    for place in (8, 15, len(token) // 2, len(token) - 2):
        other = "A" if token[place] != "A" else "B"
        said(sidecar.get("/api/models", who=token[:place] + other + token[place + 1 :]), 401)
    assert sidecar.get("/api/models").status_code == 200
    tokens.revoke_token_by_name(sidecar.deps, access.cli_viewer(sidecar.deps), "ana")
    said(sidecar.get("/api/models"), 401)


def test_tokens_are_kept_as_hashes_alone(sidecar, tmp_path):
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("dailies.db*"))
    for token in sidecar.tokens.values():
        assert token.split("_", 2)[2].encode() not in kept


def test_a_viewer_changes_nothing_and_reads_everybodys_takes_and_an_admin_does_everything(sidecar):
    for path in ("/api/video/start", "/api/video/cancel/x", "/api/video/upload"):
        error = said(sidecar.call("eve", "POST", path, data=json.dumps(BODY)), 403)
        assert "creator" in error["message"]
    job_id = sidecar.started(who="ana")
    for who in ("eve", "root"):
        assert sidecar.get(f"/api/video/status/{job_id}", who=who).get_json()["owner"] == "ana"
        assert ids(sidecar.page(who=who)) == [job_id]
        assert sidecar.get("/api/models", who=who).status_code == 200
    assert sidecar.cancel(job_id, who="root").get_json()["status"] == "cancelled"


def test_to_a_creator_somebody_elses_take_is_not_there_on_any_route(sidecar):
    job_id = sidecar.started(who="ana")
    routes = [(m, r) for m, r, _ in every_route(sidecar.app) if "<job_id>" in r and r not in OPEN]
    assert len(routes) >= 3
    for method, rule in routes:
        sent = {"json": {}} if method == "PATCH" else {}
        answer = sidecar.call("ben", method, rule.replace("<job_id>", job_id), **sent)
        nowhere = sidecar.call("ben", method, rule.replace("<job_id>", "no-such-take"), **sent)
        assert answer.status_code == 404
        assert answer.get_data() == nowhere.get_data(), "not even its existence is told"
    assert sidecar.page(who="ben") == {"items": [], "next_cursor": None}
    assert sidecar.get(f"/api/video/status/{job_id}").get_json()["state"] == "created"


def test_every_answer_of_every_route_carries_the_headers_that_guard_it(sidecar, link):
    calls = [(who, method, path) for method, _, path in every_route(sidecar.app) for who in (None, "ana")]
    calls += [(None, "GET", link), (None, "GET", "/no/such"), (None, "PUT", "/healthz"),
              (None, "OPTIONS", "/api/models")]  # fmt: skip
    for who, method, path in calls:
        headers = sidecar.call(who, method, path, headers={"Origin": "https://evil.example"}).headers
        assert headers["X-Content-Type-Options"] == "nosniff", (method, path)
        assert headers["Referrer-Policy"] == "no-referrer", (method, path)
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], (method, path)
        assert "Access-Control-Allow-Origin" not in headers, (method, path)
        assert headers["Cache-Control"], (method, path)


def test_what_is_not_there_and_a_method_that_a_route_does_not_have_are_told_in_json(sidecar):
    for path in ("/", "/no/such", "/api", "/api/video", "/api/video/status", "/media/", "/robots.txt"):
        said(sidecar.get(path), 404)
    answer = sidecar.call("ana", "DELETE", "/api/video/history")
    said(answer, 405)
    assert "GET" in answer.headers["Allow"]


@pytest.mark.databases("sqlite")  # a server's own clock can't be set
def test_alive_needs_nothing_and_ready_needs_a_worker(sidecar):
    assert sidecar.get("/healthz", who=None).get_json() == {"status": "ok"}
    answer = sidecar.get("/readyz", who=None)
    assert answer.status_code == 503
    checks = answer.get_json()["checks"]
    good = {name: check["good"] for name, check in checks.items()}
    assert good == {"database": True, "data folder": True, "storage": True, "worker": False}
    assert "python -m backend worker" in checks["worker"]["says"]

    heartbeat.record_heartbeat(sidecar.deps, "host:1", in_hand=0)
    assert sidecar.get("/readyz", who=None).status_code == 200
    sidecar.clock.pass_s(60)
    assert sidecar.get("/readyz", who=None).status_code == 503


def test_metrics_are_text_for_prometheus_and_hold_no_name(sidecar):
    sidecar.started()
    answer = sidecar.get("/metrics", who=None)
    assert answer.content_type.startswith("text/plain")
    assert 'dailies_jobs{state="created"} 1.0' in answer.get_data(as_text=True)
    assert "ana" not in answer.get_data(as_text=True).replace("dailies", "")


def test_without_its_database_the_api_says_that_it_can_not_now_and_is_alive(sidecar, link):
    needed = ("job", "fact", "token", "video")
    run_sql(sidecar.deps, *(f"ALTER TABLE {table} RENAME TO {table}_gone" for table in needed))
    for method, path in (
        ("POST", "/api/video/start"), ("GET", "/api/video/history"), ("GET", "/api/models"),
        ("GET", "/api/video/status/x"), ("POST", "/api/video/cancel/x"), ("GET", "/metrics"),
    ):  # fmt: skip
        answer = sidecar.call("ana", method, path, data=json.dumps(BODY) if method == "POST" else None)
        assert said(answer, 503)["code"] == "unavailable"
        assert answer.headers["Retry-After"].isdigit()
        assert "gone" not in answer.get_data(as_text=True), "nothing of the inside is told"
    assert sidecar.get("/healthz", who=None).status_code == 200
    answer = sidecar.get("/readyz", who=None)
    assert (answer.status_code, answer.get_json()["checks"]["database"]["good"]) == (503, False)
    assert sidecar.get(link, who=None).status_code == 200, "a signed link needs no database"


@pytest.mark.parametrize("folder", ["media", "parts"])
def test_without_room_for_it_an_upload_is_put_off_and_nothing_is_charged(sidecar, folder):
    (sidecar.deps.settings.data_dir / folder).write_text("a file where the folder should be")
    assert "try again" in said(sidecar.upload(picture()), 507)["message"]


def test_a_bug_is_told_without_its_inside(sidecar, monkeypatch, caplog):
    bug = RuntimeError("canary")
    monkeypatch.setattr(sidecar.deps.catalogue.__class__, "search", lambda *_: throw(bug))
    answer = sidecar.get("/api/models")
    error = said(answer, 500)
    assert error["code"] == "internal"
    assert "canary" not in answer.get_data(as_text=True)
    (record,) = [record for record in caplog.records if record.exc_info]
    assert "RuntimeError: canary" in caplog.handler.format(record)
    error_id = record.getMessage().split()[-1]
    assert len(error_id) == 8
    assert f"the log has it under the id {error_id}" in error["message"]
