"""Holds every answer of the API to what its document says of it."""

import json
import re
from functools import cache, lru_cache
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError

from backend.web.api.document import build_document
from backend.web.api.routes import OPERATIONS

#: The provider's affair: it stands in no document.
WEBHOOK = "/api/video/webhook/<job_id>/<token>"
#: Of what is no route at all, or not by that method.
NO_ROUTE = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}}}


@cache
def document() -> Any:
    """The document of the API; a test sees that it is what is served."""
    return json.loads(build_document(OPERATIONS, "https://studio.example"))


def as_path(rule: str) -> str:
    """Flask's rule as the document spells it."""
    return rule.replace("<", "{").replace(">", "}")


def must_fit(method: str, path: str, status: int, content_type: str | None, body: bytes) -> None:
    """Fail for an answer of the API that its document doesn't tell of, or tells of otherwise."""
    if (
        not path.startswith("/api/")
        or path.startswith(WEBHOOK.partition("<")[0])
        or method in ("HEAD", "OPTIONS")
    ):
        return
    where = f"{method} {path[:200]} → {status}"
    responses = _responses(method, path)
    assert str(status) in responses, f"{where}: only {', '.join(responses)} are in the document"
    content = responses[str(status)].get("content", {})
    assert (content_type in content) is bool(content or body), f"{where}: {content_type} is none of {content}"
    schema = content.get(content_type, {}).get("schema")
    if schema is not None:
        faults = _faults(schema["$ref"], body)
        assert not faults, f"{where}: {faults}"


@lru_cache(1000)  # who waits for something is told the same again and again
def _faults(ref: str, body: bytes) -> list[str]:
    return [f"{_place(one)}: {one.message[:300]}" for one in _validator(ref).iter_errors(json.loads(body))]


def _place(fault: ValidationError) -> str:
    """Where in the answer it is, like `$.takes[0].id`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault.instance_path)
    return "$" + "".join(parts)


@cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """What fits a path, and its ways; the first that fits is meant."""
    paths = document()["paths"].items()  # one without parts goes before one that it fits. Source: OpenAPI 3.1
    by_parts = sorted(paths, key=lambda one: one[0].count("{"))
    return [(re.compile(re.sub(r"\{[^}]*\}", "[^/]+", template)), ways) for template, ways in by_parts]


def _responses(method: str, path: str) -> dict[str, Any]:
    for fitting, ways in _paths():
        if fitting.fullmatch(path.removesuffix("/")):
            found: dict[str, Any] = (
                ways[method.lower()]["responses"] if method.lower() in ways else {"405": NO_ROUTE}
            )
            return found
    return {"404": NO_ROUTE}


@cache
def _validator(ref: str) -> Draft202012Validator:
    whole = {"$ref": ref, "components": document()["components"]}
    return Draft202012Validator(whole, validate_formats=True)
