"""What a request to the API is made of: who sent it, its query and its body, read as its operation says.

Everything at fault is named at once, also a name that isn't known there, with the nearest one that is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from flask import g, request
from pydantic import ValidationError

from backend.domain.errors import InvalidRequest, RequestError
from backend.domain.shape import load_json
from backend.domain.text import unknown_names
from backend.services.access import Viewer
from backend.web.api.operations import Operation
from backend.web.api.schemas.base import Asked

#: JSON bodies are small.
JSON_MAX_BYTES = 1024 * 1024

A = TypeVar("A", bound=Asked)
T = TypeVar("T")


class MalformedJson(RequestError):
    """The body is no JSON."""

    code = "malformed_json"


@dataclass(frozen=True)
class Partly(Generic[A]):
    """What could be read of a body, and what is at fault with the rest; whoever goes on names all of it."""

    value: A
    faults: Mapping[str, str]


def current_viewer() -> Viewer:
    """Who sent this request."""
    viewer: Viewer = g.viewer
    return viewer


def query_as(model: type[A]) -> A:
    """This request's query, which its operation says is of this model."""
    assert isinstance(g.query, model)
    return g.query


def body_as(kind: type[T]) -> T:
    """This request's body, as its operation says it is read."""
    assert isinstance(g.body, kind)
    return g.body


def read_parts(operation: Operation) -> None:
    """Read query and body, for `query_as` and `body_as`.

    Raises:
        InvalidRequest: names everything at fault. MalformedJson: the body is no JSON, or too deep.
        RequestEntityTooLarge: the body is more than `JSON_MAX_BYTES`.
    """
    given: dict[str, str] = {}
    twice: dict[str, str] = {}
    if request.query_string:
        given = request.args.to_dict()
        twice = {name: "is given more than once" for name, all_ in request.args.lists() if len(all_) > 1}
    g.query = None if operation.reads_query else validated(operation.query, given, twice)
    if operation.changes and operation.file is None and not operation.content:
        g.body = _read_body(operation)


def _read_body(operation: Operation) -> Any:
    request.max_content_length = JSON_MAX_BYTES
    content = request.get_data(cache=False)
    if operation.body is None and not content:
        return None
    given = json_object(content)
    if operation.reads_body is not None:
        return operation.reads_body(given)
    if operation.body is None and given:
        raise InvalidRequest(unknown_names(given, ()))
    if faults := _half_characters(given):
        raise InvalidRequest(faults)
    return validated(operation.body, content) if operation.body else None


def json_object(content: bytes) -> dict[str, Any]:
    """A body, which is to be a JSON object. Raises MalformedJson; InvalidRequest: it is something else."""
    try:
        value = load_json(content, parse_constant=_no_constant)
    except ValueError as error:
        raise MalformedJson(f"The body is no JSON ({str(error)[:120]}).") from error
    if not isinstance(value, dict):
        raise InvalidRequest({"body": "must be a JSON object"})
    return value


def read_partly(model: type[A], given: Mapping[str, Any]) -> Partly[A]:
    """What can be read of a body, for a service that finds further faults."""
    faults = _half_characters(given)
    kept = {name: value for name, value in given.items() if name not in faults}
    try:
        return Partly(model.model_validate_json(json.dumps(kept), strict=True), faults)
    except ValidationError as error:
        faults |= _faults(error, model)
    wrong = {name.partition(".")[0] for name in faults}
    kept = {name: value for name, value in kept.items() if name in model.model_fields and name not in wrong}
    return Partly(model.model_validate_json(json.dumps(kept), strict=True), faults)


def _half_characters(given: Mapping[str, Any]) -> dict[str, str]:
    """What to say of every name whose value no database holds: half of a pair of code units, alone."""
    faults = {}
    for name, value in given.items():
        try:
            json.dumps({name: value}, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            faults[name] = "holds half a character (a lone surrogate); remove it"
    return faults


def validated(model: type[A], given: Mapping[str, Any] | bytes, more: Mapping[str, str] | None = None) -> A:
    """What is given, as this model. more: what else is at fault."""
    faults: dict[str, str] = {}
    try:
        if isinstance(given, bytes):
            read = model.model_validate_json(given, strict=True)
        else:
            read = model.model_validate(given)
    except ValidationError as error:
        faults = _faults(error, model)
    if faults or more:
        raise InvalidRequest({**faults, **(more or {})})
    return read


def _faults(error: ValidationError, model: type[Asked]) -> dict[str, str]:
    """What pydantic found, in our words."""
    found = error.errors(include_url=False)
    unknown = [
        str(one["loc"][0]) for one in found if one["type"] == "extra_forbidden" and len(one["loc"]) == 1
    ]
    known = [one.alias or name for name, one in model.model_fields.items()]
    faults = {
        ".".join(map(str, one["loc"])): _words(one) for one in found if str(one["loc"][0]) not in unknown
    }
    return unknown_names(unknown, known) | faults


def _words(found: Any) -> str:
    if found["type"] == "value_error":
        return str(found["ctx"]["error"])
    if found["type"] == "missing":
        return "is missing"
    if found["type"] == "extra_forbidden":
        return "is not known here"
    said = str(found["msg"])
    return said.replace("Input should", "must") if "Input should" in said else said[0].lower() + said[1:]


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
