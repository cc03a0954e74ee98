"""Questions about a request: status, result, cancel.

Source: fal documentation, "Queue API" and "Request errors".
"""

import time

from flask import Blueprint, Response, abort

from simulator.engine.faults import still_happens
from simulator.engine.installation import Current, Installation
from simulator.engine.ledger import JSON, Request
from simulator.http.answers import json_answer, request_urls, require_key

#: fal's words for what became of a cancel.
CANCELLED = {200: "OK", 202: "CANCELLATION_REQUESTED", 400: "ALREADY_COMPLETED", 404: "NOT_FOUND"}


def routes(current: Current) -> Blueprint:
    """The routes below /{owner}/{app}/requests/{id}."""
    blueprint = Blueprint("request_status", __name__)

    @blueprint.get("/<path:app>/requests/<request_id>/status", strict_slashes=False)
    def get_status(app: str, request_id: str) -> Response:
        sim = current()
        found = _found(sim, request_id)
        return json_answer(_status_of(sim, found), 200 if found.status == "COMPLETED" else 202)

    @blueprint.get("/<path:app>/requests/<request_id>", strict_slashes=False)
    def get_result(app: str, request_id: str) -> Response:
        return _result(_found(current(), request_id))

    @blueprint.put("/<path:app>/requests/<request_id>/cancel")
    def cancel_request(app: str, request_id: str) -> Response:
        require_key()
        code = current().queue.cancel_request(request_id)
        return json_answer({"status": CANCELLED[code]}, code)

    return blueprint


def _found(sim: Installation, request_id: str) -> Request:
    """The request that is asked about; the call ends here when there is none to be had."""
    require_key()
    found = sim.ledger.find_request(request_id)
    over_at = float("inf") if found is None or found.ended_at is None else found.ended_at
    if found is None or time.time() > over_at + sim.config.result_ttl_s:
        abort(json_answer({"status": "NOT_FOUND"}, 404))
    if "poll-500" in found.faults and still_happens(found.faults, "poll-500", sim.count_poll(request_id)):
        abort(json_answer({"detail": "Internal server error", "error_type": "internal_error"}, 500))
    return found


def _status_of(sim: Installation, found: Request) -> JSON:
    """What fal says of a request; a failed one is completed, with an error."""
    body: JSON = {"status": found.status, "request_id": found.request_id, "logs": None}
    body |= request_urls(sim, found)
    if found.status == "IN_QUEUE":
        body["queue_position"] = sim.queue.queue_position(found)
    if found.status == "COMPLETED":
        ran_s = (found.ended_at or 0.0) - found.started_at if found.started_at else None
        body["metrics"] = {"inference_time": round(ran_s, 3) if ran_s else None}
        if found.error:
            body |= {"error": found.error, "error_type": found.error_type}
    return body


def _result(found: Request) -> Response:
    if found.status != "COMPLETED":
        return json_answer({"detail": "Request is still in progress"}, 400)
    if "expired" in found.faults:
        return json_answer({"detail": "Request not found or expired"}, 404)
    headers = {"x-fal-request-id": found.request_id}
    if found.units is not None and not {"no-units", "charged"} & set(found.faults):
        words = "a few" if "odd-units" in found.faults else f"{found.units:.10g}"
        headers["x-fal-billable-units"] = words
    return json_answer(found.output, found.code, headers)
