"""The HTTP API: starting a take, once for each key, or hearing all that is wrong with it."""

import json
from typing import Any

from tests import databases
from tests.services.client import BODY, MIB, PUBLIC, at_fault, said, status
from tests.world import MODEL, PHOTO_MODEL, at_once


def test_a_start_is_answered_after_one_commit_with_where_to_look(sidecar):
    answer = sidecar.start()
    told = answer.get_json()
    where = f"{PUBLIC}/api/video/status/{told['id']}"
    assert answer.status_code == 202
    assert told == {"id": told["id"], "status": "processing", "state": "created", "status_url": where}
    assert sidecar.get(where).get_json()["id"] == told["id"]


def test_a_start_asks_the_database_two_questions_before_its_commit(sidecar, monkeypatch):
    sidecar.started()
    asked, query = [], sidecar.deps.store.query
    monkeypatch.setattr(
        sidecar.deps.store, "query", lambda *question: asked.append(question[1]) or query(*question)
    )
    sidecar.started()
    assert [sorted(values) for values in asked] == [["token_id"], ["catalogue", "endpoint"]]


def test_everything_that_may_be_asked_for_is_taken_as_it_is(sidecar):
    style = {"camera": "Dolly in", "fabric": "sailcloth", "movement": "", "aesthetic": None}
    more = {"params": {"duration": "5", "aspect_ratio": "9:16"}, "provider": "fal", "image": None}
    prompt = "<script>alert(1)</script> '; DROP TABLE job; -- {{7*7}} %s {0} ../../etc/passwd"
    job = status(sidecar, sidecar.started(body={"model": MODEL, "prompt": prompt, "style": style, **more}))
    assert job["params"] == more["params"]
    assert job["style"] == {"camera": "Dolly in", "fabric": "sailcloth"}
    assert job["prompt"] == prompt
    assert job["sent_prompt"] == f"{prompt}. Fabric: sailcloth. Camera: slow dolly in."


@databases.BOTH
def test_the_same_key_and_body_again_is_the_same_take_and_another_body_is_refused(sidecar):
    first = sidecar.started(key="k-1")
    assert sidecar.started(key="k-1", body=dict(reversed(BODY.items()))) == first
    error = said(sidecar.start({**BODY, "prompt": "A blue dress"}, key="k-1"), 409)
    assert error["code"] == "idempotency_key_reused"
    assert sidecar.started(key="k-2") != first
    assert sidecar.started(key="k-1", who="ben") != first, "a key belongs to whoever used it"
    assert len(sidecar.page()["items"]) == 2


@databases.BOTH
def test_twenty_starts_at_once_with_one_key_are_one_take(sidecar):
    answers = at_once(20, lambda _: sidecar.start(key="double-click"))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.get_json()["id"] for answer in answers}) == 1
    assert len(sidecar.page()["items"]) == 1


def test_a_model_with_half_a_character_in_its_name_is_named(sidecar):
    assert "half a character" in at_fault(sidecar.start({**BODY, "model": "a\ud800"}))["model"]


def test_a_key_that_can_not_be_one_is_named(sidecar):
    for key in ("", "x" * 256, "a\tb"):
        assert list(at_fault(sidecar.start(key=key))) == ["Idempotency-Key"]


def test_bad_input_is_answered_with_every_field_at_fault_at_once(sidecar):
    body = {
        "model": MODEL,
        "prompt": "",
        "params": {"duration": 5, "aspect_ratio": "5:4", "colour": "red"},
        "style": {"camera": 7, "mood": "grim", "fabric": "x" * 501},
        "image": "no-such-upload",
        "provider": "nobody",
        "wings": 2,
    }
    faults = at_fault(sidecar.start(body))
    parts = {f"{part}.{name}" for part in ("params", "style") for name in body[part]}
    assert set(faults) == {"prompt", "image", "provider", "wings", *parts}
    assert all(faults.values())
    assert sidecar.page()["items"] == []


#: What is asked for -> the one field at fault.
FAULTS: list[tuple[Any, str]] = [
    *((body, "model") for body in ({"prompt": "x"}, {**BODY, "model": 7}, {**BODY, "model": "fal-ai/none"})),
    *(({**BODY, "prompt": bad}, "prompt") for bad in ("  ", 7, "x" * 20_001, "x\x07", "\u202e\0", "\ud800")),
    *(({**BODY, name: bad}, name) for name in ("params", "style") for bad in ([1], "x")),
    *(({**BODY, "params": {"duration": bad}}, "params.duration") for bad in (None, "99")),
    *(({**BODY, "provider": bad}, "provider") for bad in ("blackbox", 7, ["fal"])),
    *(
        ({**BODY, "model": PHOTO_MODEL, "image": bad}, "image")
        for bad in (None, "file:///etc/passwd", "https://", "http://[::1", 7, "https://x/" + "y" * 2000)
    ),
    *((body, "body") for body in ([], "text", 7, None)),
    ({"model": MODEL}, "prompt"),
    ({**BODY, "image": "https://x/y.jpg"}, "image"),
    ({**BODY, "params": {"prompt": "another"}}, "params.prompt"),
    ({**BODY, "params": {"seed\0": 1}}, "params.seed\ufffd"),
    # Nothing is paid for a file that would come inside the answer.
    ({**BODY, "model": "minimax/h3/image-to-video", "params": {"sync_mode": True}}, "params.sync_mode"),
    ({**BODY, "style": {"camera": "a\x1bb"}}, "style.camera"),
    *(({**BODY, "template": bad}, "template") for bad in ("1", 99, True, [1])),
    *(({**BODY, "project": bad}, "project") for bad in ("none", 7, "\0", {"id": 1})),
    *(
        ({**BODY, "made_from": bad}, "made_from")
        for bad in (
            "x",
            [7],
            [{"take": "none", "how": "frame"}],
            [{"take": "x"}],
            [{"take": "x", "how": "y"}],
            [{"take": "x", "how": "frame", "more": 1}],
            [{"take": "x", "how": "frame"}] * 51,
        )
    ),
]


def test_a_field_at_fault_is_named(sidecar):
    for body, field in FAULTS:
        faults = at_fault(sidecar.start(body))
        assert list(faults) == [field], body
        assert len(faults[field]) < 400, "a message does not repeat a whole prompt"


def test_what_is_no_json_is_said_to_be_none(sidecar):
    for body in (
        b"", b"model=x&prompt=y", b"\xff", b"[" * 100_000, b'{"a":' * 100_000, b"[" * 500 + b"]" * 500,
        b'{"model": NaN}', b'{"seed": ' + b"9" * 5000 + b"}", b'{"a": 1} x',
    ):  # fmt: skip
        assert said(sidecar.start(body), 400)["code"] == "malformed_json", body[:14]
    endless = json.dumps({**BODY, "params": {"cfg_scale": 0}}).replace(": 0", ": 1e999").encode()
    assert list(at_fault(sidecar.start(endless))) == ["params.cfg_scale"], "JSON, and no value of a field"


def test_a_body_of_one_mebibyte_is_read_and_one_byte_more_is_not(sidecar):
    whole = json.dumps(BODY).encode().ljust(MIB)
    assert sidecar.start(whole).status_code == 202
    assert said(sidecar.start(whole + b" "), 413)["code"] == "too_large"
