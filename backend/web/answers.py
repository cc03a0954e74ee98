"""The one shape of an error, for every route."""

from typing import Any

from flask import Response, jsonify


def error_response(
    status: int, code: str, message: str, *, headers: dict[str, str] | None = None, **more: Any
) -> Response:
    """`{"error": {"code", "message", …}}` with its status."""
    response = jsonify({"error": {"code": code, "message": message, **more}})
    response.status_code = status
    response.headers.update(headers or {})
    return response
