"""Blackbox, simulated: one call that stays open until the video is there, and can't be asked for again.

The faults of `faults.py` hold here, too: `http=402` and its like are refusals, `error=CODE` is an error
in a 200, `no-video` an answer without a link, `lost-answer`, `half-answer`, `garbage`, `proxy` and
`stall` what they say, `slow=S` a long call. `/blackbox/chat/completions` is its only route.

Source: Blackbox documentation, "Video generation", "Errors".
"""

import time
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from simulator.engine import faults as wanted
from simulator.engine.ledger import JSON, Post, Request
from simulator.http.connection import hang_up
from simulator.http.submit import half_answer, note, proxy_page

if TYPE_CHECKING:
    from simulator.app import Simulator

#: The longest that a call is held open, in seconds.
CALL_S = 900.0
REFUSALS = {
    400: "Bad request",
    401: "Invalid API key",
    402: "Insufficient credits",
    403: "The prompt was refused by moderation",
    429: "Rate limit exceeded",
}


def routes(sim: "Simulator") -> Blueprint:
    """The one route."""
    blueprint = Blueprint("blackbox", __name__, url_prefix="/blackbox")

    @blueprint.post("/chat/completions")
    def complete() -> Response:
        asked = request.get_json(silent=True)
        given = _input(asked) if isinstance(asked, dict) else None
        model = str(asked.get("model") if isinstance(asked, dict) else "")
        post = sim.ledger.save_post(
            Post(at=time.time(), endpoint=model, input=asked, webhook=None, headers={})
        )
        if not sim.knows(request.headers.get("Authorization")):
            return _refused(sim, post, 401)
        if given is None or not model:
            return _refused(sim, post, 400)
        faults = sim.faults_for(model, given, str(given.get("prompt")), asked)
        if "http" in faults:
            return _refused(sim, post, int(wanted.number(faults, "http")))
        return _completed(sim, post, given, faults)

    return blueprint


def _completed(sim: "Simulator", post: Post, given: JSON, faults: wanted.Faults) -> Response:
    """Take it in, hold the line until it is over, then answer, or whatever its faults make of that."""
    accepted = sim.engine.accept(post, given, faults)
    if "proxy" in faults:
        note(sim, post, "proxy")
        return proxy_page(int(wanted.number(faults, "proxy")))
    sim.engine.wait_over(accepted.request_id, CALL_S)
    over = sim.ledger.request(accepted.request_id) or accepted
    answer = jsonify(_answer(over))
    note(sim, post, "200")
    if "stall" in faults:
        sim.stop.wait(wanted.number(faults, "stall"))
    if "lost-answer" in faults:
        hang_up(request.environ)
    if "half-answer" in faults:
        return half_answer(answer)
    if "garbage" in faults:
        return Response("OK \x00 {choices:", 200, content_type="application/json")
    return answer


def _answer(over: Request) -> JSON:
    if over.code != 200:
        return {"error": {"code": over.code, "message": over.error or "The model failed."}}
    video = over.output.get("video") if isinstance(over.output, dict) else None
    link = video.get("url") if isinstance(video, dict) else None
    return {
        "id": f"chatcmpl-{over.request_id}",
        "object": "chat.completion",
        "model": over.endpoint,
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": link or "I could not make a video of that."},
            }
        ],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    }


def _input(asked: JSON) -> JSON | None:
    """The prompt and the photo of a message, plain or in the form that vision models take."""
    try:
        content: Any = asked["messages"][-1]["content"]
    except (KeyError, IndexError, TypeError):
        return None
    if isinstance(content, str):
        return {"prompt": content}
    given: JSON = {}
    for part in content if isinstance(content, list) else []:
        if isinstance(part, dict) and part.get("type") == "text":
            given["prompt"] = part.get("text")
        elif isinstance(part, dict) and part.get("type") == "image_url":
            given["image_url"] = (part.get("image_url") or {}).get("url")
    return given or None


def _refused(sim: "Simulator", post: Post, code: int) -> Response:
    note(sim, post, str(code))
    response = jsonify({"error": {"code": code, "message": REFUSALS.get(code, f"Error {code}")}})
    response.status_code = code
    return response
