"""Questions about a request: status, its stream, result, cancel.

Source: fal documentation, "Queue API" and "Request errors".
"""

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from simulator.engine import faults as wanted
from simulator.engine.ledger import JSON, Request
from simulator.engine.stamps import iso
from simulator.http.submit import urls

if TYPE_CHECKING:
    from simulator.app import Simulator

#: What a model says while it runs, by how much of the run is over.
LINES = (
    (0.0, "Loading the model"),
    (0.15, "Reading the prompt"),
    (0.3, "Denoising, step 12 of 50"),
    (0.5, "Denoising, step 25 of 50"),
    (0.7, "Denoising, step 38 of 50"),
    (0.85, "Decoding frames"),
    (0.95, "Encoding the video"),
)
#: How often a stream of statuses looks.
STREAM_S = 0.2


def routes(sim: "Simulator") -> Blueprint:
    """The routes below /{owner}/{app}/requests/{id}."""
    blueprint = Blueprint("questions", __name__)

    @blueprint.get("/<path:app>/requests/<request_id>/status", strict_slashes=False)
    def status(app: str, request_id: str) -> Response:
        found = _found(sim, request_id)
        return found if isinstance(found, Response) else _status(sim, found)

    @blueprint.get("/<path:app>/requests/<request_id>/status/stream")
    def stream(app: str, request_id: str) -> Response:
        found = _found(sim, request_id)
        if isinstance(found, Response):
            return found
        with_logs = _logs_wanted()
        return Response(_stream(sim, request_id, with_logs), content_type="text/event-stream")

    @blueprint.get("/<path:app>/requests/<request_id>", strict_slashes=False)
    @blueprint.get("/<path:app>/requests/<request_id>/response")
    def result(app: str, request_id: str) -> Response:
        found = _found(sim, request_id)
        return found if isinstance(found, Response) else _result(found)

    @blueprint.put("/<path:app>/requests/<request_id>/cancel")
    def cancel(app: str, request_id: str) -> Response:
        if not sim.knows(request.headers.get("Authorization")):
            return _told(401, detail="Authentication is required")
        code = sim.engine.cancel(request_id)
        words = {200: "OK", 202: "CANCELLATION_REQUESTED", 400: "ALREADY_COMPLETED", 404: "NOT_FOUND"}
        return _told(code, status=words[code])

    return blueprint


def _found(sim: "Simulator", request_id: str) -> Request | Response:
    """The request that is asked about, or the answer when there is none to be had."""
    if not sim.knows(request.headers.get("Authorization")):
        return _told(401, detail="Authentication is required")
    found = sim.ledger.request(request_id)
    if found is None or _forgotten(sim, found):
        return _told(404, status="NOT_FOUND")
    if "poll-500" in found.faults and wanted.counts(found.faults, "poll-500", sim.count_poll(request_id)):
        return _told(500, detail="Internal server error", error_type="internal_error")
    return found


def _forgotten(sim: "Simulator", found: Request) -> bool:
    return found.ended_at is not None and time.time() > found.ended_at + sim.config.result_ttl_s


def _status(sim: "Simulator", found: Request) -> Response:
    body = status_of(sim, found, with_logs=_logs_wanted())
    response = jsonify(body)
    response.status_code = 200 if found.status == "COMPLETED" else 202
    return response


def status_of(sim: "Simulator", found: Request, *, with_logs: bool) -> JSON:
    """What fal says of a request; a failed one is completed, with an error."""
    body: JSON = {"status": found.status, "request_id": found.request_id, **urls(sim, found)}
    if found.status == "IN_QUEUE":
        return {**body, "queue_position": sim.engine.position(found), "logs": None}
    body["logs"] = _logs(found) if with_logs else None
    if found.status == "COMPLETED":
        ran = (found.ended_at or 0.0) - found.started_at if found.started_at else None
        body["metrics"] = {"inference_time": round(ran, 3) if ran else None}
        if found.error:
            body |= {"error": found.error, "error_type": found.error_type}
    return body


def _logs(found: Request) -> list[JSON]:
    started = found.started_at or found.sent_at
    now = found.ended_at or time.time()
    run_s = (found.ended_at - started) if found.ended_at else max(found.run_s, 0.001)
    return [
        {"message": line, "timestamp": iso(started + share * run_s), "level": "INFO", "source": "stdout"}
        for share, line in LINES
        if started + share * run_s <= now
    ]


def _stream(sim: "Simulator", request_id: str, with_logs: bool) -> Iterator[str]:
    while (found := sim.ledger.request(request_id)) is not None:
        yield f"data: {json.dumps(status_of(sim, found, with_logs=with_logs))}\n\n"
        if found.status == "COMPLETED" or sim.stop.wait(STREAM_S):
            return


def _result(found: Request) -> Response:
    if found.status != "COMPLETED":
        return _told(400, detail="Request is still in progress")
    if "expired" in found.faults:
        return _told(404, detail="Request not found or expired")
    response = jsonify(found.output)
    response.status_code = found.code
    response.headers["x-fal-request-id"] = found.request_id
    if found.units is not None:
        response.headers["x-fal-billable-units"] = f"{found.units:g}"
    if found.code >= 400:
        retryable = found.error_type in ("internal_server_error", "generation_timeout")
        response.headers["X-Fal-Needs-Retry"] = "true" if retryable else "false"
    return response


def _logs_wanted() -> bool:
    return request.args.get("logs", "0").lower() in ("1", "true")


def _told(code: int, **body: Any) -> Response:
    response = jsonify(body)
    response.status_code = code
    return response
