"""POST to a queue URL: what is accepted, what is refused, and all the ways in which the answer gets lost."""

import json
import time
from typing import Any

from flask import Blueprint, Response, request

from simulator.engine.faults import Faults, fault_number
from simulator.engine.installation import Current, Installation
from simulator.engine.ledger import JSON, Post, Request
from simulator.engine.stamps import new_id
from simulator.http.answers import has_key, json_answer, proxy_page, request_urls, spoil_answer

#: How long a submit with `early` waits for its video, and then for the webhook's acknowledgement.
EARLY_VIDEO_S = 60.0
EARLY_ACK_S = 2.0
#: Of what may become of a receipt, the first that is asked for counts.
LOST_ANSWERS = ("stall", "lost-answer", "half-answer", "garbage")
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


def routes(current: Current) -> Blueprint:
    """The route of the submit."""
    blueprint = Blueprint("submit", __name__)

    @blueprint.post("/<path:endpoint>")
    def submit_request(endpoint: str) -> Response:
        return _submitted(current(), endpoint.strip("/"))

    return blueprint


def _submitted(sim: Installation, endpoint: str) -> Response:
    text = request.get_data(as_text=True)
    given, webhook = _parsed(text), request.args.get("fal_webhook") or None
    post = sim.ledger.save_post(Post(at=time.time(), endpoint=endpoint, input=given, webhook=webhook))
    if not has_key():
        return _refused(sim, post, 401)
    if "/" not in endpoint:
        return _refused(sim, post, 404)
    if not isinstance(given, dict):
        return _refused(sim, post, 422)
    if sim.is_locked:
        return _refused(sim, post, 403)
    faults = sim.faults_of_post(endpoint, given, text)
    if "http" in faults:
        return _refused(sim, post, int(fault_number(faults, "http")), faults.get("retry-after"))
    if "proxy" in faults and "accepted" not in faults:
        return _of_a_proxy(sim, post, faults)
    earlier = sim.ledger.last_request() if "dup-id" in faults else None
    if earlier is not None:
        sim.ledger.save_answer(post, "dup-id")
        return json_answer(_receipt(sim, earlier))
    return _accepted(sim, post, given, faults)


def _accepted(sim: Installation, post: Post, given: JSON, faults: Faults) -> Response:
    """Take it in, then answer, or whatever its faults make of that."""
    accepted = sim.queue.accept_request(post, given, faults)
    if "early" in faults:
        sim.queue.wait_over(accepted.request_id, EARLY_VIDEO_S)
        sim.deliverer.wait_tried(accepted.request_id, EARLY_ACK_S)
    receipt = json_answer(_receipt(sim, accepted), headers={"x-fal-request-id": accepted.request_id})
    if "proxy" in faults:
        return _of_a_proxy(sim, post, faults)
    lost = next((name for name in LOST_ANSWERS if name in faults), "200")
    sim.ledger.save_answer(post, lost)
    return spoil_answer(sim, {name: value for name, value in faults.items() if name == lost}, receipt)


def _receipt(sim: Installation, accepted: Request) -> JSON:
    return {
        "status": "IN_QUEUE",
        "request_id": accepted.request_id,
        **request_urls(sim, accepted),
        "queue_position": sim.queue.queue_position(accepted),
    }


def _refused(sim: Installation, post: Post, code: int, retry_after: str | None = None) -> Response:
    """fal's own JSON error; it issues no request id."""
    sim.ledger.save_answer(post, str(code))
    kind, message = REFUSALS.get(code, ("internal_error" if code >= 500 else "bad_request", f"Error {code}"))
    headers = {"x-fal-request-id": new_id()}  # of the gateway: nothing can be asked for by it
    if retry_after is not None:
        headers["Retry-After"] = retry_after
    no_object = {"loc": ["body"], "msg": "Input should be a valid dictionary", "type": "dict_type"}
    body: JSON = {"detail": [no_object] if code == 422 else message}
    if code >= 500:
        body["error_type"] = headers["X-Fal-Error-Type"] = kind
    return json_answer(body, code, headers)


def _of_a_proxy(sim: Installation, post: Post, faults: Faults) -> Response:
    code = int(fault_number(faults, "proxy"))
    sim.ledger.save_answer(post, f"proxy {code}")
    return proxy_page(code)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
