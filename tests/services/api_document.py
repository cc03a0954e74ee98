"""Holds every answer of the API to what its document says of it."""

import json
from datetime import datetime
from functools import cache
from typing import Any

from flask import Flask
from jsonschema import Draft202012Validator, FormatChecker
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from backend.web.api.document import build_document
from backend.web.api.routes import OPERATIONS

#: The provider's affair: it stands in no document.
WEBHOOK = "/api/video/webhook/<job_id>/<token>"
#: Of what is no route at all, or not by that method.
NO_ROUTE = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}}}

_FORMATS = FormatChecker(())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@cache
def document() -> Any:
    """The document of the API; a test sees that it is what is served."""
    return json.loads(build_document(OPERATIONS, "https://studio.example"))


def as_path(rule: str) -> str:
    """Flask's rule as the document spells it."""
    return rule.replace("<", "{").replace(">", "}")


def must_fit(app: Flask, answer: TestResponse) -> None:
    """Fail for an answer of the API that its document doesn't tell of, or tells of otherwise."""
    asked, status = answer.request, str(answer.status_code)
    if not asked.path.startswith("/api/") or asked.method in ("HEAD", "OPTIONS"):
        return
    try:
        rule, _ = app.url_map.bind("").match(asked.path, asked.method, return_rule=True)
    except HTTPException as problem:
        responses = {str(problem.code): NO_ROUTE}
    else:
        if rule.rule == WEBHOOK:
            return
        responses = document()["paths"][as_path(rule.rule)][asked.method.lower()]["responses"]
    where = f"{asked.method} {asked.path[:200]} → {status}"
    assert status in responses, f"{where}: only {', '.join(responses)} are in the document"
    content = responses[status].get("content", {})
    assert (answer.content_type in content) is bool(content or answer.get_data()), f"{where}: {content}"
    schema = content.get(answer.content_type, {}).get("schema")
    if schema is not None:
        faults = [
            f"{one.json_path}: {one.message[:300]}" for one in _of(schema["$ref"]).iter_errors(answer.json)
        ]
        assert not faults, f"{where}: {faults}"


@cache
def _of(ref: str) -> Draft202012Validator:
    whole = {"$ref": ref, "components": document()["components"]}
    return Draft202012Validator(whole, format_checker=_FORMATS)
