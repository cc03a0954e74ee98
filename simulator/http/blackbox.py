"""Blackbox, simulated: one call that stays open until the video is there, and can't be asked for again.

The faults of `engine.faults` hold here, too: `http=402` and its like are refusals, `error=CODE` is an error
in a 200, `no-video` an answer without a link, `lost-answer`, `half-answer`, `garbage`, `proxy` and
`stall` what they say, `slow=S` a long call. `/blackbox/chat/completions` is its only route.

Source: Blackbox documentation, "Video generation", "Errors".
"""

import time
from typing import Any

from flask import Blueprint, Response

from simulator.engine.faults import Faults, fault_number
from simulator.engine.installation import Current, Installation
from simulator.engine.ledger import JSON, Post, Request
from simulator.http.answers import has_key, json_answer, json_body, proxy_page, spoil_answer

#: The longest that a call is held open, in seconds.
CALL_S = 900.0
REFUSALS = {
    400: "Bad request",
    401: "Invalid API key",
    402: "Insufficient credits",
    403: "The prompt was refused by moderation",
    429: "Rate limit exceeded",
}


def routes(current: Current) -> Blueprint:
    """The one route."""
    blueprint = Blueprint("blackbox", __name__, url_prefix="/blackbox")

    @blueprint.post("/chat/completions")
    def create_completion() -> Response:
        sim, asked = current(), json_body()
        given, model = _input(asked), str(asked.get("model") or "")
        post = sim.ledger.save_post(Post(at=time.time(), endpoint=model, input=asked, webhook=None))
        if not has_key():
            return _refused(sim, post, 401)
        if not given or not model:
            return _refused(sim, post, 400)
        faults = sim.faults_of_post(model, given, str(given.get("prompt")), asked)
        if "http" in faults:
            return _refused(sim, post, int(fault_number(faults, "http")))
        return _completed(sim, post, given, faults)

    return blueprint


def _completed(sim: Installation, post: Post, given: JSON, faults: Faults) -> Response:
    """Take it in, hold the line until it is over, then answer, or whatever its faults make of that."""
    accepted = sim.queue.accept_request(post, given, faults)
    if "proxy" in faults:
        sim.ledger.save_answer(post, "proxy")
        return proxy_page(int(fault_number(faults, "proxy")))
    sim.queue.wait_over(accepted.request_id, CALL_S)
    answer = json_answer(_answer(sim.ledger.find_request(accepted.request_id) or accepted))
    sim.ledger.save_answer(post, "200")
    return spoil_answer(sim, faults, answer)


def _answer(over: Request) -> JSON:
    if over.code != 200:
        return {"error": {"code": over.code, "message": over.error or "The model failed."}}
    link = over.output.get("video", {}).get("url")
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


def _input(asked: JSON) -> JSON:
    """The prompt and the photo of a message, plain or in the form that vision models take; {} without one."""
    try:
        content: Any = asked["messages"][-1]["content"]
    except (KeyError, IndexError, TypeError):
        return {}
    if isinstance(content, str):
        return {"prompt": content}
    given: JSON = {}
    for part in content if isinstance(content, list) else []:
        if isinstance(part, dict) and part.get("type") == "text":
            given["prompt"] = part.get("text")
        elif isinstance(part, dict) and part.get("type") == "image_url":
            given["image_url"] = (part.get("image_url") or {}).get("url")
    return given


def _refused(sim: Installation, post: Post, code: int) -> Response:
    sim.ledger.save_answer(post, str(code))
    return json_answer({"error": {"code": code, "message": REFUSALS.get(code, f"Error {code}")}}, code)
