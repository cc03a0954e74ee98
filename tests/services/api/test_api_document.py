"""The HTTP API's document: it is all there is, and what it doesn't know is refused by name."""

import json
import re

import pytest
from openapi_spec_validator import validate

from backend.web.api import take_json
from backend.web.api.routes import OPERATIONS
from backend.web.api.schemas.base import Nothing
from tests.services.api_document import WEBHOOK, as_path, document
from tests.services.client import BODY, at_fault, every_route, said


def test_the_document_tells_of_every_route_and_of_no_other(sidecar):
    answer = sidecar.get("/api/openapi.json", who=None)
    told = json.loads(answer.get_data())
    assert told == {**document(), "servers": [{"url": sidecar.deps.settings.public_url}]}
    validate(told)
    routes = {
        (method, as_path(rule))
        for method, rule, _ in every_route(sidecar.app)
        if rule.startswith("/api") and rule != WEBHOOK and method != "HEAD"
    }
    assert {(method.upper(), path) for path, ways in told["paths"].items() for method in ways} == routes
    names = [way["operationId"] for ways in told["paths"].values() for way in ways.values()]
    assert len(names) == len(set(names)) == len(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_a_name_that_no_operation_knows_is_refused_with_the_nearest_that_it_does(sidecar, operation):
    path = re.sub("<[^>]*>", "x", operation.path)
    places = [("query_string", operation.query)]
    if operation.changes and not (operation.file or operation.content):
        places.append(("json", operation.body or Nothing))
    for place, model in places:
        known = sorted(one.alias or name for name, one in model.model_fields.items())
        wrong = {f"{name}x": f"is not known here; did you mean {name}?" for name in known}
        wrong["q-q"] = f"is not known here; known: {', '.join(known) or 'nothing'}"
        faults = at_fault(sidecar.call("root", operation.method, path, **{place: dict.fromkeys(wrong, "1")}))
        assert {name: faults.get(name) for name in wrong} == wrong


def test_a_misspelt_name_is_told_beside_all_else_that_is_at_fault(sidecar):
    history = "/api/video/history?modle=x&limt=1&cursor=x&model=y&mine=yes&style.camra=Dolly"
    assert at_fault(sidecar.get(history)) == {
        "modle": "is not known here; did you mean model?",
        "limt": "is not known here; did you mean limit?",
        "cursor": "is none that was given as next_cursor",
        "mine": "must be 0 or 1",
        "style.camra": "is not known here; did you mean style.camera?",
    }
    faults = at_fault(sidecar.start({"modle": 1, "prompt": 7, "style": {"camra": "x"}}))
    assert faults["modle"] == "is not known here; did you mean model?"
    assert faults["style.camra"] == "is not known here; did you mean camera?"
    assert faults.keys() == {"modle", "model", "prompt", "style.camra"}


def test_of_sixty_thousand_names_fifty_are_told_and_the_rest_counted(sidecar):
    faults = at_fault(sidecar.start({**BODY, **{f"n{number}": 1 for number in range(60_000)}}))
    assert len(faults) == 51
    assert faults["…"] == "59,950 more names are not known here"


def test_what_is_empty_is_as_if_it_was_not_given(sidecar):
    job_id = sidecar.started()
    for query in ("cursor=", "status=", "cursor=&status=&limit=1"):
        assert [item["id"] for item in sidecar.page(query)["items"]] == [job_id], query


def test_whoever_may_not_do_it_hears_so_before_anything_is_read(sidecar):
    for path in ("/api/video/start?x=1", "/api/video/cancel/x?y=1"):
        said(sidecar.call("eve", "POST", path, data=b"no json"), 403)
        said(sidecar.call(None, "POST", path, data=b"no json"), 401)


def test_an_answer_that_the_document_does_not_tell_of_fails_its_test(sidecar, monkeypatch):
    job_id = sidecar.started()
    monkeypatch.setattr(take_json, "_status_url", lambda *_: 7)
    with pytest.raises(AssertionError, match="status_url"):
        sidecar.get(f"/api/video/status/{job_id}")
    monkeypatch.setattr(take_json, "MOMENTS", ("created_at",))
    with pytest.raises(AssertionError, match="ended_at"):
        sidecar.get(f"/api/video/status/{job_id}")
