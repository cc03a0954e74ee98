"""POST to a queue URL: what is accepted, what is refused, and all the ways in which the answer gets lost."""

import json
import time
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from simulator.engine import faults as wanted
from simulator.engine.ledger import JSON, Post, Request
from simulator.engine.stamps import new_id
from simulator.http.connection import hang_up

if TYPE_CHECKING:
    from simulator.app import Simulator

#: How long a submit with `early` waits for its video, and then for the webhook's acknowledgement.
EARLY_VIDEO_S = 60.0
EARLY_ACK_S = 2.0

#: fal's errors for a POST that it doesn't take.
REFUSALS = {
    400: ("bad_request", "Bad request"),
    401: ("unauthorized", "Cannot access application. Authentication is required."),
    403: ("forbidden", "User is locked. Reason: Exhausted balance."),
    404: ("not_found", "Application not found"),
    413: ("payload_too_large", "Request entity too large"),
    422: ("unprocessable", "Unprocessable entity"),
    429: ("rate_limited", "Too many requests"),
    500: ("internal_error", "Internal server error"),
    503: ("runner_scheduling_failure", "No runner could be scheduled"),
    504: ("request_timeout", "Request timed out"),
}


def routes(sim: "Simulator") -> Blueprint:
    """The route of the submit."""
    blueprint = Blueprint("submit", __name__)

    @blueprint.post("/<path:endpoint>")
    def submit(endpoint: str) -> Response:
        return _submitted(sim, endpoint.strip("/"))

    return blueprint


def _submitted(sim: "Simulator", endpoint: str) -> Response:
    text = request.get_data(as_text=True)
    given = _json(text)
    post = sim.ledger.save_post(_post(endpoint, given))
    if not sim.knows(request.headers.get("Authorization")):
        return _refused(sim, post, 401)
    if "/" not in endpoint:
        return _refused(sim, post, 404)
    if not isinstance(given, dict):
        return _refused(sim, post, 422)
    faults = sim.faults_for(endpoint, given, text)
    if "http" in faults:
        return _refused(sim, post, int(wanted.number(faults, "http")), faults)
    if "proxy" in faults and "accepted" not in faults:
        return _of_a_proxy(sim, post, faults)
    most = request.args.get("fal_max_queue_length", type=int)
    if most is not None and sim.engine.waiting() > most:
        return _refused(sim, post, 429)
    return _accepted(sim, post, given, faults)


def _accepted(sim: "Simulator", post: Post, given: JSON, faults: wanted.Faults) -> Response:
    """Take it in, then answer, or whatever its faults make of that."""
    earlier = sim.ledger.last_request() if "dup-id" in faults else None
    if earlier is not None:
        note(sim, post, "dup-id")
        return jsonify(_receipt(sim, earlier))
    accepted = sim.engine.accept(post, given, faults)
    if "early" in faults:
        sim.engine.wait_over(accepted.request_id, EARLY_VIDEO_S)
        sim.deliverer.wait_tried(accepted.request_id, EARLY_ACK_S)
    receipt = jsonify(_receipt(sim, accepted))
    receipt.headers["x-fal-request-id"] = accepted.request_id
    if "stall" in faults:
        note(sim, post, "stall")
        sim.stop.wait(wanted.number(faults, "stall"))
        return receipt
    if "lost-answer" in faults:
        note(sim, post, "lost-answer")
        hang_up(request.environ)
        return receipt
    if "half-answer" in faults:
        note(sim, post, "half-answer")
        return half_answer(receipt)
    if "proxy" in faults:
        return _of_a_proxy(sim, post, faults)
    if "garbage" in faults:
        note(sim, post, "garbage")
        return Response("OK \x00 {request_id:", 200, content_type="application/json")
    note(sim, post, "200")
    return receipt


def _post(endpoint: str, given: Any) -> Post:
    shown = {k: v for k, v in request.headers.items() if k.lower().startswith("x-")}
    return Post(
        at=time.time(),
        endpoint=endpoint,
        input=given,
        webhook=request.args.get("fal_webhook") or None,
        headers=shown,
    )


def _receipt(sim: "Simulator", accepted: Request) -> JSON:
    return {
        "status": "IN_QUEUE",
        "request_id": accepted.request_id,
        **urls(sim, accepted),
        "queue_position": sim.engine.position(accepted),
    }


def urls(sim: "Simulator", accepted: Request) -> JSON:
    """The three URLs of a request: by owner and app alone, whatever sub-path it was sent to."""
    parts = accepted.endpoint.split("/")
    app = "/".join(parts[: 3 if parts[0] in ("workflows", "comfy") else 2])
    base = f"{sim.url}/{app}/requests/{accepted.request_id}"
    return {"response_url": base, "status_url": f"{base}/status", "cancel_url": f"{base}/cancel"}


def _refused(sim: "Simulator", post: Post, code: int, faults: wanted.Faults | None = None) -> Response:
    """fal's own JSON error; it issues no request id."""
    note(sim, post, str(code))
    kind, message = REFUSALS.get(code, ("internal_error" if code >= 500 else "bad_request", f"Error {code}"))
    detail: Any = message
    if code == 422:
        detail = [{"loc": ["body"], "msg": "Input should be a valid dictionary", "type": "dict_type"}]
    body = {"detail": detail} if code < 500 else {"detail": detail, "error_type": kind}
    response = jsonify(body)
    response.status_code = code
    response.headers["x-fal-request-id"] = new_id()  # of the gateway: nothing can be asked for by it
    if code >= 500:
        response.headers["X-Fal-Error-Type"] = kind
    if "retry-after" in (faults or {}):
        response.headers["Retry-After"] = (faults or {})["retry-after"]
    return response


def _of_a_proxy(sim: "Simulator", post: Post, faults: wanted.Faults) -> Response:
    code = int(wanted.number(faults, "proxy"))
    note(sim, post, f"proxy {code}")
    return proxy_page(code)


def proxy_page(code: int) -> Response:
    """An error page as nginx makes it: not fal's words, so nobody knows what fal did."""
    words = {502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}
    title = f"{code} {words.get(code, 'Error')}"
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Response(page, code, content_type="text/html")


def half_answer(receipt: Response) -> Response:
    """The first half of an answer whose header promises all of it; then the connection closes."""
    whole = receipt.get_data()
    environ = request.environ

    def halves() -> Any:
        yield whole[: len(whole) // 2]
        hang_up(environ)

    return Response(halves(), 200, {"Content-Length": str(len(whole)), "Content-Type": "application/json"})


def note(sim: "Simulator", post: Post, answer: str) -> None:
    post.answer = answer
    sim.ledger.save_post(post)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
