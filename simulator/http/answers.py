"""What routes answer with: JSON, a refusal, a proxy's page, half an answer, or a closed connection."""

import socket
from collections.abc import Iterator
from typing import Any

from flask import Response, abort, jsonify, request

from simulator.engine.faults import Faults, fault_number
from simulator.engine.installation import Installation
from simulator.engine.ledger import JSON, Request


def json_answer(body: Any, code: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON."""
    response = jsonify(body)
    response.status_code = code
    response.headers.update(headers or {})
    return response


def has_key() -> bool:
    """Does the call bring a key as fal wants it? Any key is let in."""
    kind, _, key = request.headers.get("Authorization", "").partition(" ")
    return kind.lower() in ("key", "bearer") and bool(key.strip())


def require_key() -> None:
    """End the call with fal's 401, unless it brings a key."""
    if not has_key():
        abort(json_answer({"detail": "Authentication is required"}, 401))


def json_body() -> JSON:
    """The object that the call brought; {} where it brought none."""
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {}


def request_urls(sim: Installation, accepted: Request) -> JSON:
    """The three URLs of a request: by owner and app alone, whatever sub-path it was sent to."""
    parts = accepted.endpoint.split("/")
    app = "/".join(parts[: 3 if parts[0] in ("workflows", "comfy") else 2])
    base = f"{sim.url}/{app}/requests/{accepted.request_id}"
    return {"response_url": base, "status_url": f"{base}/status", "cancel_url": f"{base}/cancel"}


def proxy_page(code: int) -> Response:
    """An error page as nginx makes it: not fal's words, so nobody knows what fal did."""
    words = {502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}
    title = f"{code} {words.get(code, 'Error')}"
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Response(page, code, content_type="text/html")


def spoil_answer(sim: Installation, faults: Faults, whole: Response) -> Response:
    """The answer, or what its faults make of it: it comes late, not at all, by half, or isn't JSON."""
    if "stall" in faults:
        sim.pause(fault_number(faults, "stall"))
    if "lost-answer" in faults:
        hang_up(request.environ)
    if "half-answer" in faults:
        return _half_of(whole)
    if "garbage" in faults:
        return Response("OK \x00 {request_id:", 200, content_type="application/json")
    return whole


def _half_of(whole: Response) -> Response:
    """The first half of an answer whose header promises all of it; then the connection closes."""
    body, environ = whole.get_data(), request.environ

    def halves() -> Iterator[bytes]:
        yield body[: len(body) // 2]
        hang_up(environ)

    return Response(halves(), 200, {"Content-Length": str(len(body)), "Content-Type": "application/json"})


def hang_up(environ: dict[str, Any]) -> None:
    """Close the client's connection now; whatever is answered afterwards reaches nobody.

    The simulator's own server (`simulator.server`) tells the socket.
    """
    try:
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    except OSError:  # the client was quicker
        return
