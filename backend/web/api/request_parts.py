"""What a request to the API is made of: who sent it, and its body."""

from typing import Any

from flask import g, request

from backend.domain.errors import InvalidRequest, RequestError
from backend.domain.shape import load_json
from backend.services.access import Viewer

#: JSON bodies are small.
JSON_MAX_BYTES = 1024 * 1024


class MalformedJson(RequestError):
    """The body is no JSON."""

    code = "malformed_json"


def current_viewer() -> Viewer:
    """Who sent this request."""
    viewer: Viewer = g.viewer
    return viewer


def json_body() -> dict[str, Any]:
    """The JSON object in the body.

    Raises:
        MalformedJson: it is no JSON, or too deep. InvalidRequest: it is JSON, but no object.
    """
    request.max_content_length = JSON_MAX_BYTES
    try:
        value = load_json(request.get_data(cache=False), parse_constant=_no_constant)
    except ValueError as error:
        raise MalformedJson(f"The body is no JSON ({str(error)[:120]}).") from error
    if not isinstance(value, dict):
        raise InvalidRequest({"body": "must be a JSON object with model and prompt"})
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
