"""The HTTP API as a client meets it: who may, what is answered, and what is said when it can't be."""

import hashlib
import io
import json
import struct
import threading
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import text
from werkzeug.test import TestResponse

from backend.bootstrap import build_deps
from backend.domain.states import JobEvent
from backend.models import Job, Video
from backend.services import access, heartbeat, media_links
from backend.services.access import Role
from backend.services.deps import Deps
from backend.settings import load
from backend.store import jobs, videos
from backend.store.migrate import migrate
from backend.web.app import create_app
from tests.signing import Hands
from tests.world import MODEL

PHOTO_MODEL = "fal-ai/kling-video/v3/turbo/pro/image-to-video"
MIB = 1024 * 1024
WISH = {"model": MODEL, "prompt": "A red dress in the wind"}
#: What may be asked without a token: deliveries have their own, media is signed, health tells no secret.
OPEN = {"/api/video/webhook/<job_id>/<token>", "/media/<path:key>", "/healthz", "/readyz", "/metrics"}


class Studio:
    """The sidecar, and a client for each role."""

    def __init__(self, deps: Deps, clock: Hands) -> None:
        self.deps, self.clock = deps, clock
        self.app: Flask = create_app(deps)
        self.tokens = {
            name: access.create_token(deps, name, role)
            for name, role in (
                ("ana", Role.CREATOR), ("ben", Role.CREATOR), ("eve", Role.VIEWER), ("root", Role.ADMIN),
            )
        }  # fmt: skip

    def call(self, who: str | None, method: str, path: str, **more: Any) -> TestResponse:
        """One request with somebody's token."""
        headers = dict(more.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {self.tokens.get(who, who)}"
        client: FlaskClient = self.app.test_client()
        return client.open(path, method=method, headers=headers, buffered=True, **more)

    def get(self, path: str, *, who: str | None = "ana", **more: Any) -> TestResponse:
        return self.call(who, "GET", path, **more)

    def start(
        self, wish: Any = WISH, *, who: str | None = "ana", key: str | None = None, **more: Any
    ) -> TestResponse:
        headers = {"Idempotency-Key": key} if key is not None else {}
        body = wish if isinstance(wish, bytes) else json.dumps(wish).encode()
        return self.call(who, "POST", "/api/video/start", data=body, headers=headers, **more)

    def started(self, **more: Any) -> str:
        answer = self.start(**more)
        assert answer.status_code == 202, answer.get_data(as_text=True)
        job_id: str = answer.get_json()["id"]
        return job_id

    def upload(self, content: bytes, name: str = "photo.jpg", *, who: str = "ana") -> TestResponse:
        """Send a photo as the multipart field `file`."""
        head = f'--edge\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + b"\r\n--edge--\r\n"
        kind = "multipart/form-data; boundary=edge"
        return self.call(who, "POST", "/api/video/upload", data=body, content_type=kind)

    def move(self, job_id: str, *moves: JobEvent, **values: Any) -> Job:
        with self.deps.store.begin() as session:
            for move in moves:
                job = jobs.advance(session, job_id, move, at=self.clock.now(), by="test", **values)
        return job

    def stored(self, job_id: str, content: bytes = b"0123456789" * 100) -> Video:
        """A take whose file is ours, of these bytes."""
        sha256 = hashlib.sha256(content).hexdigest()
        keys = [f"{sha256}.mp4", f"{sha256}.webp"]
        for key in keys:
            part = self.deps.settings.data_dir / "made.part"
            part.write_bytes(content)
            self.deps.storage.place(part, key)
        self.move(job_id, JobEvent.FINISHED)
        video = Video(
            id=self.deps.clock.new_id(), sha256=sha256, key=keys[0], content_type="video/mp4",
            size_bytes=len(content), duration_s=2.0, width=640, height=360, fps=25.0,
            poster_key=keys[1], created_at=self.clock.now(),
        )  # fmt: skip
        with self.deps.store.begin() as session:
            kept = videos.keep(session, video)
            jobs.advance(
                session, job_id, JobEvent.SAVED, at=self.clock.now(), by="test", video_id=kept.id
            )  # fmt: skip
        return kept


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def deps(clock: Hands, tmp_path: Path) -> Iterator[Deps]:
    """A migrated installation without a worker: nothing is ever sent."""
    settings = load(
        data_dir=tmp_path / "data", fal_key="id:key-of-this-test", public_url="https://studio.example"
    )
    made = build_deps(settings, clock=clock)
    migrate(made.store)
    yield made
    made.store.close()


@pytest.fixture
def studio(deps: Deps, clock: Hands) -> Studio:
    return Studio(deps, clock)


def said(answer: TestResponse, status: int) -> dict[str, Any]:
    """The error of an answer that must have this status."""
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.content_type == "application/json"
    error: dict[str, Any] = answer.get_json()["error"]
    assert error["code"]
    assert error["message"]
    return error


def at_fault(answer: TestResponse) -> dict[str, str]:
    """field -> message of a 422."""
    return {fault["field"]: fault["message"] for fault in said(answer, 422)["fields"]}


def every_route(app: Flask) -> list[tuple[str, str, str]]:
    """(method, rule, path) of every route, with something for each of its parts."""
    return [
        (
            method,
            rule.rule,
            rule.rule.replace("<job_id>", "j").replace("<token>", "t").replace("<path:key>", "k"),
        )
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"OPTIONS"})
    ]


# -- who may ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization",
    [
        None, "", "Bearer", "Bearer ", "Bearer x", "Bearer dailies_x_y", "Basic YTpi", "Bearer dailies__",
        "Bearer ünïcode", "Bearer dailies_" + "x" * 9000, "dailies_x_y", "Bearer null",
    ],
)  # fmt: skip
def test_no_route_but_webhooks_media_and_health_answers_without_a_token(studio, authorization):
    guarded = [(method, path) for method, rule, path in every_route(studio.app) if rule not in OPEN]
    headers = {} if authorization is None else {"Authorization": authorization.encode().decode("latin-1")}

    answers = {
        f"{method} {path}": studio.call(None, method, path, headers=headers) for method, path in guarded
    }

    assert len(answers) >= 6
    assert {call: answer.status_code for call, answer in answers.items()} == dict.fromkeys(answers, 401)
    assert {answer.headers["WWW-Authenticate"] for answer in answers.values()} == {"Bearer"}


def test_a_token_with_one_altered_character_or_revoked_opens_nothing(studio):
    token = studio.tokens["ana"]
    for place in (8, 15, len(token) // 2, len(token) - 2):
        other = "A" if token[place] != "A" else "B"
        said(studio.get("/api/models", who=token[:place] + other + token[place + 1 :]), 401)
    assert studio.get("/api/models").status_code == 200

    access.revoke_token(studio.deps, "ana")

    said(studio.get("/api/models"), 401)


def test_tokens_are_kept_as_hashes_alone(studio, tmp_path):
    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("dailies.db*"))

    for token in studio.tokens.values():
        assert token.split("_", 2)[2].encode() not in kept


@pytest.mark.parametrize("path", ["/api/video/start", "/api/video/cancel/x", "/api/video/upload"])
def test_a_viewer_changes_nothing(studio, path):
    error = said(studio.call("eve", "POST", path, data=json.dumps(WISH)), 403)

    assert "creator" in error["message"]


def test_a_viewer_reads_everybodys_takes_and_an_admin_does_everything(studio):
    job_id = studio.started(who="ana")

    for who in ("eve", "root"):
        assert studio.get(f"/api/video/status/{job_id}", who=who).get_json()["owner"] == "ana"
        assert [item["id"] for item in studio.get("/api/video/history", who=who).get_json()["items"]] == [
            job_id
        ]
        assert studio.get("/api/models", who=who).status_code == 200
    assert studio.call("root", "POST", f"/api/video/cancel/{job_id}").get_json()["status"] == "cancelled"


def test_to_a_creator_somebody_elses_take_is_not_there_on_any_route(studio):
    job_id = studio.started(who="ana")
    routes = [(m, r) for m, r, _ in every_route(studio.app) if "<job_id>" in r and r not in OPEN]
    assert len(routes) >= 3

    for method, rule in routes:
        answer = studio.call("ben", method, rule.replace("<job_id>", job_id))
        nowhere = studio.call("ben", method, rule.replace("<job_id>", "no-such-take"))
        assert answer.status_code == 404
        assert answer.get_data() == nowhere.get_data(), "not even its existence is told"

    assert studio.get("/api/video/history", who="ben").get_json() == {"items": [], "next_cursor": None}
    assert studio.get(f"/api/video/status/{job_id}").get_json()["state"] == "created"


def test_somebody_elses_photo_is_no_photo(studio):
    upload_id = studio.upload(picture()).get_json()["id"]
    wish = {"model": PHOTO_MODEL, "prompt": "x", "image": upload_id}

    assert "no upload" in at_fault(studio.start(wish, who="ben"))["image"]
    assert studio.start(wish, who="ana").status_code == 202


# -- start ------------------------------------------------------------------------------------


def test_a_start_is_answered_after_one_commit_with_where_to_look(studio):
    answer = studio.start()

    assert answer.status_code == 202
    told = answer.get_json()
    assert told == {
        "id": told["id"],
        "status": "processing",
        "state": "created",
        "status_url": f"https://studio.example/api/video/status/{told['id']}",
    }
    assert studio.get(urlsplit(told["status_url"]).path).get_json()["id"] == told["id"]


def test_everything_that_may_be_asked_for_is_taken_as_it_is(studio):
    wish = {
        **WISH,
        "params": {"duration": "5", "aspect_ratio": "9:16"},
        "style": {"camera": "Dolly in", "fabric": "sailcloth", "movement": "", "aesthetic": None},
        "provider": "fal",
        "image": None,
    }

    job = studio.get(f"/api/video/status/{studio.started(wish=wish)}").get_json()

    assert job["params"] == wish["params"]
    assert job["style"] == {"camera": "Dolly in", "fabric": "sailcloth"}
    assert job["prompt"] == WISH["prompt"]
    assert job["sent_prompt"] == "A red dress in the wind. Fabric: sailcloth. Camera: slow dolly in."


def test_the_same_key_and_body_again_is_the_same_take_and_another_body_is_refused(studio):
    first = studio.started(key="k-1")

    assert studio.started(key="k-1", wish=dict(reversed(WISH.items()))) == first
    error = said(studio.start({**WISH, "prompt": "A blue dress"}, key="k-1"), 409)
    assert error["code"] == "idempotency_key_reused"

    assert studio.started(key="k-2") != first
    assert studio.started(key="k-1", who="ben") != first, "a key belongs to whoever used it"
    assert len(studio.get("/api/video/history").get_json()["items"]) == 2


def test_twenty_starts_at_once_with_one_key_are_one_take(studio):
    together, answers = threading.Barrier(20), []

    def start() -> None:
        together.wait()
        answers.append(studio.start(key="double-click"))

    threads = [threading.Thread(target=start) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.get_json()["id"] for answer in answers}) == 1
    assert len(studio.get("/api/video/history").get_json()["items"]) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_a_key_that_can_not_be_one_is_named(studio, key):
    assert list(at_fault(studio.start(key=key))) == ["Idempotency-Key"]


def test_bad_input_is_answered_with_every_field_at_fault_at_once(studio):
    wish = {
        "model": MODEL,
        "prompt": "",
        "params": {"duration": 5, "aspect_ratio": "5:4", "colour": "red"},
        "style": {"camera": 7, "mood": "grim", "fabric": "x" * 501},
        "image": "no-such-upload",
        "provider": "nobody",
        "wings": 2,
    }

    faults = at_fault(studio.start(wish))

    assert set(faults) == {
        "prompt", "params.duration", "params.aspect_ratio", "params.colour", "style.camera", "style.mood",
        "style.fabric", "image", "provider", "wings",
    }  # fmt: skip
    assert all(faults.values())
    assert studio.get("/api/video/history").get_json()["items"] == []


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"prompt": "x"}, "model"), ({"model": None, "prompt": "x"}, "model"),
        ({"model": 7, "prompt": "x"}, "model"),
        ({"model": "fal-ai/no-such", "prompt": "x"}, "model"), ({"model": [MODEL], "prompt": "x"}, "model"),
        ({"model": MODEL}, "prompt"), ({"model": MODEL, "prompt": "  \n"}, "prompt"),
        ({"model": MODEL, "prompt": 7}, "prompt"), ({"model": MODEL, "prompt": "x" * 20_001}, "prompt"),
        ({"model": MODEL, "prompt": "x\0"}, "prompt"), ({"model": MODEL, "prompt": "a\u202eb"}, "prompt"),
        ({"model": MODEL, "prompt": "\ud800"}, "prompt"), ({**WISH, "params": []}, "params"),
        ({**WISH, "params": "x"}, "params"), ({**WISH, "style": "x"}, "style"),
        ({**WISH, "style": [1]}, "style"),
        ({**WISH, "params": {"duration": None}}, "params.duration"),
        ({**WISH, "params": {"duration": "99"}}, "params.duration"),
        ({**WISH, "params": {"prompt": "another"}}, "params.prompt"),
        ({**WISH, "params": {"seed\0": 1}}, "params.seed\ufffd"),
        ({**WISH, "style": {"camera": "a\u2066b"}}, "style.camera"),
        ({**WISH, "image": "https://x/y.jpg"}, "image"),
        ({**WISH, "provider": "blackbox"}, "provider"), ({**WISH, "provider": 7}, "provider"),
        ({**WISH, "provider": ["fal"]}, "provider"), ({"model": PHOTO_MODEL, "prompt": "x"}, "image"),
        ({"model": PHOTO_MODEL, "prompt": "x", "image": "file:///etc/passwd"}, "image"),
        ({"model": PHOTO_MODEL, "prompt": "x", "image": "https://"}, "image"),
        ({"model": PHOTO_MODEL, "prompt": "x", "image": "http://[::1"}, "image"),
        ({"model": PHOTO_MODEL, "prompt": "x", "image": 7}, "image"),
        ({"model": PHOTO_MODEL, "prompt": "x", "image": "https://x/" + "y" * 2000}, "image"),
        ([], "body"), ("text", "body"), (7, "body"), (None, "body"),
    ],
    ids=lambda part: ascii(part)[:60],
)  # fmt: skip
def test_a_field_at_fault_is_named(studio, wish, field):
    faults = at_fault(studio.start(wish))

    assert list(faults) == [field]
    assert len(faults[field]) < 400, "a message does not repeat a whole prompt"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"model=x&prompt=y", b"\xff", b"[" * 100_000, b'{"a":' * 100_000, b"[" * 500 + b"]" * 500,
        b'{"model": NaN}', b'{"params": {"seed": Infinity}}', b'{"seed": ' + b"9" * 5000 + b"}",
        b'{"a": 1} x',
        b'{"params": {"x": ' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}}", b"[" * 900 + b"]" * 900,
    ],
    ids=lambda body: f"{body[:14]!a}-{len(body)}",
)  # fmt: skip
def test_what_is_no_json_is_said_to_be_none(studio, body):
    assert said(studio.start(body), 400)["code"] == "malformed_json"


def test_a_number_without_end_is_no_value_of_a_field(studio):
    body = json.dumps({**WISH, "params": {"cfg_scale": 0}}).replace(": 0", ": 1e999").encode()

    assert list(at_fault(studio.start(body))) == ["params.cfg_scale"]


def test_a_body_of_one_mebibyte_is_read_and_one_byte_more_is_not(studio):
    whole = json.dumps(WISH).encode()
    whole += b" " * (MIB - len(whole))

    assert studio.start(whole).status_code == 202
    assert said(studio.start(whole + b" "), 413)["code"] == "too_large"


@pytest.mark.parametrize(
    "prompt", ["<script>alert(1)</script>", "'; DROP TABLE job; --", "{{7*7}} %s {0}", "../../etc/passwd"]
)
def test_a_prompt_is_text_everywhere(studio, prompt):
    job = studio.get(f"/api/video/status/{studio.started(wish={**WISH, 'prompt': prompt})}").get_json()

    assert job["prompt"] == prompt


# -- status -----------------------------------------------------------------------------------

CONTRACT = {
    "id", "status", "state", "provider", "model", "prompt", "request_id", "elapsed_s", "queue_position",
    "error", "video", "created_at", "cost",
}  # fmt: skip


def status(studio: Studio, job_id: str) -> dict[str, Any]:
    answer = studio.get(f"/api/video/status/{job_id}")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.get_json()
    assert set(told) >= CONTRACT
    return told


def test_a_take_that_was_just_started_tells_what_is_known(studio):
    job_id = studio.started()
    studio.clock.pass_s(2.5)

    told = status(studio, job_id)

    assert (told["id"], told["status"], told["state"]) == (job_id, "processing", "created")
    assert (told["provider"], told["model"], told["prompt"]) == ("fal", MODEL, WISH["prompt"])
    assert told["elapsed_s"] == 2.5
    for nothing in ("request_id", "queue_position", "error", "video", "ended_at", "submitted_at"):
        assert told[nothing] is None
    assert datetime.fromisoformat(told["created_at"]) == studio.clock.now() - timedelta(seconds=2.5)
    assert set(told["cost"]) == {"estimate_usd", "billed_usd", "source"}
    assert told["cost"]["source"] == ("unknown" if told["cost"]["estimate_usd"] is None else "estimate")
    assert told["cost"]["billed_usd"] is None


ACCEPTED = (JobEvent.SUBMIT_BEGUN, JobEvent.ACCEPTED)


@pytest.mark.parametrize(
    ("moves", "state", "word"),
    [
        ((JobEvent.SUBMIT_BEGUN,), "submitting", "processing"),
        (ACCEPTED, "queued", "processing"),
        ((*ACCEPTED, JobEvent.STARTED), "running", "processing"),
        ((*ACCEPTED, JobEvent.FINISHED), "rendered", "processing"),
        ((JobEvent.SUBMIT_BEGUN, JobEvent.UNANSWERED), "held", "held"),
        ((*ACCEPTED, JobEvent.ERRORED), "failed", "failed"),
        ((JobEvent.CANCELLED,), "cancelled", "cancelled"),
    ],
)
def test_each_state_has_its_word(studio, moves, state, word):
    job_id = studio.started()
    studio.move(job_id, *moves)

    told = status(studio, job_id)

    assert (told["state"], told["status"], told["video"]) == (state, word, None)


def test_a_trouble_that_is_being_tried_again_is_no_error(studio):
    job_id = studio.started()
    trouble = {
        "code": "unreachable",
        "message": "fal could not be reached.",
        "charged": "no",
        "next": "again",
    }
    studio.move(job_id, JobEvent.SUBMIT_BEGUN, error=trouble)

    told = status(studio, job_id)
    assert (told["error"], told["trouble"]["message"]) == (None, "fal could not be reached.")

    studio.move(job_id, JobEvent.REFUSED, error=trouble)
    told = status(studio, job_id)
    assert (told["trouble"], told["error"]["message"]) == (None, "fal could not be reached.")


def test_a_stored_take_gives_links_that_open_without_a_token(studio):
    job_id = studio.started()
    studio.clock.pass_s(60)
    video = studio.stored(job_id)
    studio.clock.pass_s(60)

    told = status(studio, job_id)

    assert (told["status"], told["state"], told["elapsed_s"]) == ("completed", "stored", 60)
    assert set(told["video"]) >= {
        "url",
        "poster_url",
        "sha256",
        "size_bytes",
        "duration_s",
        "width",
        "height",
    }
    assert (told["video"]["sha256"], told["video"]["size_bytes"]) == (video.sha256, 1000)
    for link, kind in ((told["video"]["url"], "video/mp4"), (told["video"]["poster_url"], "image/webp")):
        assert link.startswith("https://studio.example/media/")
        answer = studio.get(link.removeprefix("https://studio.example"), who=None)
        assert (answer.status_code, answer.content_type, answer.get_data()) == (
            200,
            kind,
            b"0123456789" * 100,
        )


@pytest.mark.parametrize(
    "job_id", ["x", "01a00000-0000-7000-8000-00000000dead", "%00", "..", "a" * 3000, "ü"]
)
def test_an_unknown_take_is_not_found(studio, job_id):
    said(studio.get(f"/api/video/status/{job_id}"), 404)
    said(studio.call("ana", "POST", f"/api/video/cancel/{job_id}"), 404)


# -- history ----------------------------------------------------------------------------------


def ids(answer: TestResponse) -> list[str]:
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return [item["id"] for item in answer.get_json()["items"]]


def test_the_history_is_paged_newest_first_and_new_takes_shift_nothing(studio):
    made = [studio.started(wish={**WISH, "prompt": f"take {number}"}) for number in range(7)]
    first = studio.get("/api/video/history?limit=3").get_json()
    studio.started(wish={**WISH, "prompt": "meanwhile"})

    seen, cursor = [item["id"] for item in first["items"]], first["next_cursor"]
    while cursor:
        page = studio.get(f"/api/video/history?limit=3&cursor={cursor}").get_json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]

    assert seen == made[::-1]
    assert set(first["items"][0]) >= CONTRACT


def test_a_page_that_is_exactly_full_has_no_next_one(studio):
    for number in range(2):
        studio.started(wish={**WISH, "prompt": f"take {number}"})

    assert studio.get("/api/video/history?limit=2").get_json()["next_cursor"] is None


def test_the_history_can_be_filtered_by_word_and_state(studio):
    moving, cancelled, stored = (studio.started() for _ in range(3))
    studio.call("ana", "POST", f"/api/video/cancel/{cancelled}")
    studio.stored(stored)

    found = {
        word: ids(studio.get(f"/api/video/history?status={word}"))
        for word in ("processing", "completed", "cancelled", "failed", "held", "created", "stored", "")
    }

    assert found == {
        "processing": [moving], "completed": [stored], "cancelled": [cancelled], "failed": [], "held": [],
        "created": [moving], "stored": [stored], "": [stored, cancelled, moving],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("limit=0", ["limit"]), ("limit=201", ["limit"]), ("limit=-1", ["limit"]), ("limit=x", ["limit"]),
        ("limit=1e3", ["limit"]), ("limit=", ["limit"]), ("limit=" + "9" * 5000, ["limit"]),
        ("limit=½", ["limit"]),
        ("cursor=x", ["cursor"]), ("cursor=' OR 1=1", ["cursor"]), ("cursor=%00", ["cursor"]),
        ("status=done", ["status"]), ("status=x&limit=0&cursor=x", ["status", "limit", "cursor"]),
    ],
    ids=lambda part: ascii(part)[:40],
)  # fmt: skip
def test_a_page_that_can_not_be_given_is_refused_by_every_name_at_fault(studio, query, fields):
    assert list(at_fault(studio.get(f"/api/video/history?{query}"))) == fields


# -- models -----------------------------------------------------------------------------------


def test_all_models_are_told_at_once_with_their_schema_and_price(studio):
    items = studio.get("/api/models").get_json()["items"]

    assert len(items) >= 6
    for model in items:
        assert set(model) >= {"id", "provider", "title", "schema", "price", "usable", "reason"}
        assert model["schema"]["type"] == "object"
        assert model["price"] is None or set(model["price"]) == {"unit", "unit_usd"}
        assert model["usable"] is (model["reason"] is None)


def test_models_are_found_by_words_and_provider(studio):
    def found(query: str) -> list[str]:
        return [model["id"] for model in studio.get(f"/api/models?{query}").get_json()["items"]]

    assert MODEL in found("q=kling")
    assert all("kling" in model_id for model_id in found("q=kling"))
    assert found("q=no-such-model-anywhere") == found("provider=nobody") == []
    assert found("provider=fal") == found("")


# -- cancel -----------------------------------------------------------------------------------


def test_what_was_not_sent_is_cancelled_at_once_and_twice_is_harmless(studio):
    job_id = studio.started()

    for _ in range(2):
        answer = studio.call("ana", "POST", f"/api/video/cancel/{job_id}")
        assert answer.status_code == 202
        assert answer.get_json()["status"] == "cancelled"
        assert set(answer.get_json()) >= CONTRACT


def test_what_was_accepted_goes_on_until_the_provider_was_asked(studio):
    job_id = studio.started()
    studio.move(job_id, *ACCEPTED)

    told = studio.call("ana", "POST", f"/api/video/cancel/{job_id}").get_json()

    assert (told["state"], told["cancel_requested"]) == ("queued", True)


def test_a_stored_take_stays_what_it_is(studio):
    job_id = studio.started()
    studio.stored(job_id)

    answer = studio.call("ana", "POST", f"/api/video/cancel/{job_id}")

    assert (answer.status_code, answer.get_json()["status"]) == (202, "completed")


# -- upload -----------------------------------------------------------------------------------


def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48), **more: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 40, 40)).save(out, kind, **more)
    return out.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """The head of a PNG of any size, and no pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_is_kept_and_can_be_looked_at(studio, kind):
    answer = studio.upload(picture(kind))

    assert answer.status_code == 201
    told = answer.get_json()
    assert set(told) >= {"id", "sha256", "width", "height"}
    assert (told["width"], told["height"]) == (64, 48)
    seen = studio.get(told["url"].removeprefix("https://studio.example"), who=None)
    assert seen.content_type == told["content_type"]
    assert hashlib.sha256(seen.get_data()).hexdigest() == told["sha256"]


def test_the_same_photo_again_is_the_same_upload(studio):
    assert studio.upload(picture()).get_json()["id"] == studio.upload(picture()).get_json()["id"]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"text", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!doctype html><html></html>", picture("GIF"), picture("BMP"), picture("TIFF"), b"%PDF-1.7",
        picture(size=(640, 480))[:900], picture("PNG", (640, 480))[:200], png_of_size(50_000, 50_000),
        png_of_size(8000, 8000), b"\xff\xd8\xff\xe0" + b"\0" * 100,
    ],
    ids="empty text svg html gif bmp tiff pdf cut-jpeg cut-png 50k 64M zeros".split(),  # noqa: SIM905
)  # fmt: skip
def test_a_file_that_is_no_photo_is_refused_and_leaves_nothing(studio, content):
    assert list(at_fault(studio.upload(content))) == ["file"]

    assert list(studio.deps.storage.keys()) == []
    parts = studio.deps.settings.parts_dir
    assert not parts.exists() or list(parts.iterdir()) == []


@pytest.mark.parametrize("extra", [1, 2 * MIB])
def test_a_photo_over_32_mebibytes_is_too_large(studio, extra):
    content = picture() + b"\0" * (32 * MIB + extra)

    assert said(studio.upload(content), 413)["code"] == "too_large"


@pytest.mark.parametrize(
    "data",
    [{}, {"photo": (io.BytesIO(b"x"), "x.jpg")}, {"file": "text"}, b"no multipart"],
    ids=["nothing", "another field", "no file", "raw"],
)
def test_an_upload_without_its_file_names_the_field(studio, data):
    answer = studio.call("ana", "POST", "/api/video/upload", data=data)

    assert list(at_fault(answer)) == ["file"]


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "C:\\evil\\x.jpg", "a\u202egpj.exe", "<b>.jpg", "x" * 999]
)
def test_the_name_of_a_file_is_only_text_to_show(studio, name, tmp_path):
    told = studio.upload(picture(), name).get_json()

    assert "/" not in told["file_name"]
    assert "\\" not in told["file_name"]
    assert "\u202e" not in told["file_name"]
    assert len(told["file_name"]) <= 120
    assert list(studio.deps.storage.keys()) == [f"uploads/{told['sha256']}.jpg"]


# -- media ------------------------------------------------------------------------------------


@pytest.fixture
def link(studio: Studio) -> str:
    """The path and query of a stored take's video."""
    job_id = studio.started()
    studio.stored(job_id)
    whole: str = status(studio, job_id)["video"]["url"]
    return whole.removeprefix("https://studio.example")


def test_a_file_comes_in_parts_with_its_tag(studio, link):
    part = studio.get(link, who=None, headers={"Range": "bytes=10-14"})

    assert (part.status_code, part.get_data()) == (206, b"01234")
    assert part.headers["Content-Range"] == "bytes 10-14/1000"
    assert part.headers["Accept-Ranges"] == "bytes"
    assert studio.get(link, who=None, headers={"Range": "bytes=-3"}).get_data() == b"789"

    past = studio.get(link, who=None, headers={"Range": "bytes=1000-"})
    said(past, 416)
    assert past.headers["Content-Range"] == "bytes */1000"


def test_a_file_that_the_client_has_is_not_sent_again(studio, link):
    tag = studio.get(link, who=None).headers["ETag"]
    again = studio.get(link, who=None, headers={"If-None-Match": tag})

    assert (again.status_code, again.get_data()) == (304, b"")
    assert urlsplit(link).path.split("/")[-1].removesuffix(".mp4") in tag


def test_head_tells_all_but_the_bytes(studio, link):
    answer = studio.call(None, "HEAD", link)

    assert (answer.status_code, answer.get_data()) == (200, b"")
    assert (answer.headers["Content-Length"], answer.content_type) == ("1000", "video/mp4")


def test_a_file_is_only_ever_what_we_say_that_it_is(studio, link):
    headers = studio.get(link, who=None).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"].startswith("private, max-age=")


def test_an_altered_link_opens_nothing(studio, link):
    path, _, query = link.partition("?")
    expires, signature = (part.split("=", 1)[1] for part in query.split("&"))
    other = ("B" if signature[0] == "A" else "A") + signature[1:]

    for bad in (
        path, f"{path}?e={expires}", f"{path}?s={signature}", f"{path}?e={int(expires) + 1}&s={signature}",
        f"{path}?e={expires}&s={other}", f"{path}?e={expires}&s={signature[:-1]}", f"{path}?e=&s=",
        f"{path}?e={'9' * 5000}&s={signature}", f"{path}?e=%D9%A1&s=%00%FF",
        f"{path.replace('.mp4', '.webp')}?{query}",
    ):  # fmt: skip
        said(studio.get(bad, who=None), 403)


def test_a_link_lives_at_least_twelve_hours_and_not_a_day_longer(studio, link):
    studio.clock.pass_s(12 * 3600 - 1)
    assert studio.get(link, who=None).status_code == 200

    studio.clock.pass_s(12 * 3600 + 2)
    said(studio.get(link, who=None), 403)


@pytest.mark.parametrize(
    "key",
    [
        "../secret_key", "..%2fsecret_key", "%2e%2e/secret_key", "uploads/../../secret_key", "/etc/passwd",
        "%2fetc%2fpasswd", "..", ".", "a\\..\\b", "%00", "x%00.mp4", ".hidden", "uploads/.hidden", "a//b",
        "a" * 3000,
    ],
)  # fmt: skip
def test_a_key_that_leads_out_of_the_storage_is_not_there_even_when_signed(studio, key):
    (studio.deps.settings.data_dir / "secret_key").touch()
    expires = str(int(studio.clock.now().timestamp()) + 60)
    mark = media_links._signature(studio.deps, unquote(key), expires)

    answer = studio.get(f"/media/{key}?e={expires}&s={mark}", who=None, follow_redirects=True)

    said(answer, 404)


def test_a_file_that_is_missing_on_disk_is_not_found_and_says_what_happens_next(studio, link, deps):
    deps.storage.remove(urlsplit(link).path.removeprefix("/media/"))

    assert "fetched again" in said(studio.get(link, who=None), 404)["message"]


# -- every answer -----------------------------------------------------------------------------


def test_every_answer_of_every_route_carries_the_headers_that_guard_it(studio, link):
    calls = [(None, method, path) for method, _, path in every_route(studio.app)]
    calls += [("ana", method, path) for method, _, path in every_route(studio.app)]
    calls += [
        (None, "GET", link),
        (None, "GET", "/no/such"),
        (None, "PUT", "/healthz"),
        (None, "OPTIONS", "/api/models"),
    ]

    for who, method, path in calls:
        answer = studio.call(who, method, path, headers={"Origin": "https://evil.example"})
        assert answer.headers["X-Content-Type-Options"] == "nosniff", (method, path)
        assert answer.headers["Referrer-Policy"] == "no-referrer", (method, path)
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], (method, path)
        assert "Access-Control-Allow-Origin" not in answer.headers, (method, path)
        assert answer.headers["Cache-Control"], (method, path)


@pytest.mark.parametrize(
    "path", ["/", "/no/such", "/api", "/api/video", "/api/video/status", "/media/", "/robots.txt"]
)
def test_what_is_not_there_is_told_in_json(studio, path):
    said(studio.get(path), 404)


def test_a_method_that_a_route_does_not_have_is_told_in_json_with_those_that_it_has(studio):
    answer = studio.call("ana", "DELETE", "/api/video/history")

    said(answer, 405)
    assert "GET" in answer.headers["Allow"]


# -- health -----------------------------------------------------------------------------------


def test_alive_needs_nothing_and_ready_needs_a_worker(studio):
    assert studio.get("/healthz", who=None).get_json() == {"status": "ok"}

    answer = studio.get("/readyz", who=None)
    assert answer.status_code == 503
    checks = answer.get_json()["checks"]
    assert {name: check["good"] for name, check in checks.items()} == {
        "database": True, "storage": True, "worker": False,
    }  # fmt: skip
    assert "python -m backend worker" in checks["worker"]["says"]

    heartbeat.beat(studio.deps, "host:1", in_hand=0)
    assert studio.get("/readyz", who=None).status_code == 200
    studio.clock.pass_s(60)
    assert studio.get("/readyz", who=None).status_code == 503


def test_metrics_are_text_for_prometheus_and_hold_no_name(studio):
    studio.started()
    answer = studio.get("/metrics", who=None)

    assert answer.content_type.startswith("text/plain")
    assert 'dailies_jobs{state="created"} 1.0' in answer.get_data(as_text=True)
    assert "ana" not in answer.get_data(as_text=True).replace("dailies", "")


def break_database(deps: Deps) -> None:
    with deps.store.begin() as session:
        for table in ("job", "fact", "token", "video"):
            session.execute(text(f"ALTER TABLE {table} RENAME TO {table}_gone"))


def test_without_its_database_the_api_says_that_it_can_not_now_and_is_alive(studio, link):
    break_database(studio.deps)

    for method, path in (
        ("POST", "/api/video/start"), ("GET", "/api/video/history"), ("GET", "/api/models"),
        ("GET", "/api/video/status/x"), ("POST", "/api/video/cancel/x"), ("GET", "/metrics"),
    ):  # fmt: skip
        answer = studio.call("ana", method, path, data=json.dumps(WISH) if method == "POST" else None)
        assert said(answer, 503)["code"] == "unavailable"
        assert answer.headers["Retry-After"].isdigit()
        assert "gone" not in answer.get_data(as_text=True), "nothing of the inside is told"
    assert studio.get("/healthz", who=None).status_code == 200
    answer = studio.get("/readyz", who=None)
    assert (answer.status_code, answer.get_json()["checks"]["database"]["good"]) == (503, False)
    assert studio.get(link, who=None).status_code == 200, "a signed link needs no database"


def test_on_a_full_storage_an_upload_is_put_off_and_nothing_is_charged(studio, monkeypatch):
    media = studio.deps.settings.media_root
    media.parent.mkdir(exist_ok=True)
    media.write_text("a file where the folder should be")

    error = said(studio.upload(picture()), 507)

    assert "try again" in error["message"]


def test_a_bug_is_told_without_its_inside(studio, monkeypatch, caplog):
    def broken(*_: Any) -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr(studio.deps.catalog.__class__, "search", broken)

    answer = studio.get("/api/models")

    assert said(answer, 500)["code"] == "internal"
    assert "canary" not in answer.get_data(as_text=True)
    assert "canary" in caplog.text
