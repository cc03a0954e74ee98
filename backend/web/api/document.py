"""The OpenAPI document, made of the table of operations and the models that it names.

Source: OpenAPI Specification 3.1. Its schemas are JSON Schema draft 2020-12, which is what pydantic writes.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from backend.domain.access.roles import LEAST
from backend.domain.access.scopes import SCOPE_OF
from backend.web.api.operations import JSON, Answer, Operation
from backend.web.api.schemas.base import Asked, ErrorAnswer

#: The version of what is described, not of the program.
API_VERSION = "1.0.0"
ABOUT = (
    "Start takes, look how they go, and fetch what came of them. JSON in and out. A name that is not known "
    "in a query or a body is refused (422), with the nearest one that is. Links to files open without a "
    "token, and expire."
)
REFUSALS = {
    400: "The body is no JSON.",
    401: "No valid token.",
    402: "It would pass a limit of the budget. Nothing was sent.",
    403: "The token's role, or its scopes, don't allow it.",
    404: "There is none, or none that this token may know of.",
    409: "Not in this state, or the key was used for another request.",
    413: "The body is larger than is taken.",
    422: "Something given is at fault; `fields` names everything.",
    429: "Too many calls; `Retry-After` says when to try again.",
    500: "A fault of the program; the message has an id that its log knows.",
    503: "The database or the storage can't be reached now.",
    507: "There is no room for it.",
}
#: What comes with some of them.
HEADERS = {
    401: ("WWW-Authenticate", {"type": "string"}),
    429: ("Retry-After", {"type": "integer"}),
    503: ("Retry-After", {"type": "integer"}),
}
_PART = re.compile(r"<(?:\w+:)?(\w+)>")


def build_document(operations: Sequence[Operation], base_url: str) -> bytes:
    """The document as JSON. base_url: where the API is reached."""
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Dailies", "version": API_VERSION, "description": ABOUT},
        "servers": [{"url": base_url}],
        "security": [{"token": []}],
        "paths": _paths(operations),
        "components": {
            "schemas": _schemas(operations),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }
    return json.dumps(document, ensure_ascii=False).encode()


def document_path(rule: str) -> str:
    """Flask's rule as the document spells it: "/api/video/status/{job_id}"."""
    return _PART.sub(r"{\1}", rule)


def refusals_of(operation: Operation) -> list[int]:
    """Every status besides those that are hoped for."""
    found = {422, 500, 503, *operation.refusals}
    found |= {401, 429} if operation.needs_token else set()
    found |= {403} if operation.do is not None else set()
    found |= {400, 413} if operation.changes else set()
    return sorted(found)


def _paths(operations: Sequence[Operation]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    path_of = {operation.name: operation.path for operation in operations}
    for operation in operations:
        paths.setdefault(document_path(operation.path), {})[operation.method.lower()] = _described(
            operation, path_of
        )
    return paths


def _described(operation: Operation, path_of: Mapping[str, str]) -> dict[str, Any]:
    links = {name: _link(name, path_of[name]) for name in operation.leads_to}
    answers = {str(status): _answer(answer, links) for status, answer in operation.answers.items()}
    refusals = {str(status): _refusal(status) for status in refusals_of(operation)}
    parameters = [*_path_parameters(operation.path), *_parameters(operation.query, "query"),
                  *_parameters(operation.headers, "header")]  # fmt: skip
    return {
        "operationId": operation.name,
        "tags": [operation.subject],
        "summary": operation.summary,
        **({"description": _needs(operation)} if operation.do else {}),
        **({} if operation.needs_token else {"security": []}),
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": body} if (body := _body(operation)) else {}),
        "responses": answers | refusals,
    }


def _needs(operation: Operation) -> str:
    assert operation.do is not None
    scope = SCOPE_OF[operation.do]
    return f"Needs the role {LEAST[operation.do]}; of a token with scopes, {scope}."


def _path_parameters(rule: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PART.findall(rule)
    ]


def _parameters(model: type[Asked], place: str) -> list[dict[str, Any]]:
    whole = model.model_json_schema()
    required = whole.get("required", [])
    return [
        {
            "name": name,
            "in": place,
            "required": name in required,
            **({"description": schema["description"]} if "description" in schema else {}),
            "schema": _plain(schema),
        }
        for name, schema in whole.get("properties", {}).items()
    ]


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Without what stands beside it, or says no more than that it may be left out."""
    left_out = ("title", "description", *(("default",) if schema.get("default") in (None, "") else ()))
    kept = {name: value for name, value in schema.items() if name not in left_out}
    forms = [one for one in kept.pop("anyOf", []) if one != {"type": "null"}]
    return kept | (forms[0] if len(forms) == 1 else {"anyOf": forms} if forms else {})


def _body(operation: Operation) -> dict[str, Any] | None:
    file = {"type": "string", "format": "binary"}
    if operation.file is not None:
        form: dict[str, Any] = {"type": "object", "properties": {operation.file: file}}
        form |= {"required": [operation.file], "additionalProperties": False}
        return {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    if operation.content:
        return {"required": True, "content": {kind: {"schema": file} for kind in operation.content}}
    if operation.body is None:
        return None
    return {"required": True, "content": {JSON: {"schema": _ref(operation.body)}}}


def _link(name: str, rule: str) -> dict[str, Any]:
    """What can be done next with what is answered; it stands in the path under its own name."""
    (part,) = _PART.findall(rule)
    return {"operationId": name, "parameters": {part: "$response.body#/id"}}


def _answer(answer: Answer, links: Mapping[str, Any]) -> dict[str, Any]:
    content = {kind: {"schema": _ref(model)} if model else {} for kind, model in answer.kinds.items()}
    more = {"content": content, "links": links}
    return {"description": answer.what, **{name: value for name, value in more.items() if value}}


def _refusal(status: int) -> dict[str, Any]:
    name, schema = HEADERS.get(status, ("", {}))
    return {
        "description": REFUSALS[status],
        **({"headers": {name: {"schema": schema}}} if name else {}),
        "content": {JSON: {"schema": _ref(ErrorAnswer)}},
    }


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _schemas(operations: Sequence[Operation]) -> dict[str, Any]:
    named: dict[type[BaseModel], None] = {ErrorAnswer: None}
    for operation in operations:
        named |= dict.fromkeys(kind for kind in (operation.body,) if kind)
        for answer in operation.answers.values():
            named |= dict.fromkeys(model for model in answer.kinds.values() if model)
    _, whole = models_json_schema(
        [(model, "validation") for model in named], ref_template="#/components/schemas/{model}"
    )
    found: dict[str, Any] = whole["$defs"]
    return found
