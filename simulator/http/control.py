"""The simulator's own routes below /sim: what happened, and what is to go wrong next."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from simulator.engine import faults as wanted
from simulator.engine.ledger import JSON, Rule

if TYPE_CHECKING:
    from simulator.app import Simulator


def routes(sim: "Simulator") -> Blueprint:
    """The routes below /sim, and the page at /."""
    blueprint = Blueprint("control", __name__)

    @blueprint.get("/")
    def about() -> str:
        return "fal.ai, simulated. What happened: /sim/ledger. What can go wrong: engine/faults.py\n"

    @blueprint.get("/sim/ledger")
    def ledger() -> Response:
        return jsonify(ledger_of(sim, request.args.get("match")))

    @blueprint.get("/sim/faults")
    def faults() -> Response:
        return jsonify(
            {"rules": [asdict(rule) for rule in sim.ledger.rules()], "names": sorted(wanted.NAMES)}
        )

    @blueprint.post("/sim/faults")
    def add_faults() -> tuple[Response, int]:
        return _added(sim, _body())

    @blueprint.delete("/sim/faults")
    def clear_faults() -> tuple[str, int]:
        sim.ledger.clear_rules()
        return "", 204

    @blueprint.post("/sim/requests/<request_id>/faults")
    def set_faults(request_id: str) -> tuple[Response, int]:
        chosen = _parsed(_body().get("faults"))
        if not sim.engine.set_faults(request_id, chosen):
            return jsonify({"error": "no such request"}), 404
        return jsonify({"request_id": request_id, "faults": chosen}), 200

    @blueprint.errorhandler(wanted.UnknownFault)
    def unknown(error: wanted.UnknownFault) -> tuple[Response, int]:
        return jsonify({"error": str(error), "names": sorted(wanted.NAMES)}), 400

    return blueprint


def _added(sim: "Simulator", body: JSON) -> tuple[Response, int]:
    match, times = body.get("match"), body.get("times")
    if not (match is None or isinstance(match, str)) or not _is_count(times):
        return jsonify({"error": "match: a text or null; times: a number above 0 or null"}), 400
    rule = Rule(match, _parsed(body.get("faults")), times)
    sim.ledger.save_rule(rule)
    return jsonify(asdict(rule)), 201


def _body() -> JSON:
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {}


def ledger_of(sim: "Simulator", match: str | None = None) -> JSON:
    """Everything that happened: posts, requests, deliveries, downloads; `match` keeps what holds the text.

    `accepted` counts the POSTs that were taken, `billed` the requests that cost something.
    """
    posts = [
        asdict(post) for post in sim.ledger.posts() if _holds(match, post.input, post.endpoint, post.webhook)
    ]
    requests = [asdict(r) for r in sim.ledger.requests() if _holds(match, r.input, r.endpoint, r.webhook)]
    mine = {r["request_id"] for r in requests}
    deliveries = [asdict(d) for d in sim.ledger.deliveries() if d.request_id in mine]
    downloads = [d for d in sim.ledger.downloads() if match is None or d["request_id"] in mine]
    return {
        "accepted": sum(post["accepted"] for post in posts),
        "billed": sum(r["billed"] for r in requests),
        "posts": posts,
        "requests": requests,
        "deliveries": deliveries,
        "downloads": downloads,
    }


def _holds(match: str | None, *parts: Any) -> bool:
    return match is None or any(match in str(part) for part in parts)


def _parsed(words: Any) -> wanted.Faults:
    if not isinstance(words, list):
        raise wanted.UnknownFault('faults: a list of names such as "http=429"')
    return wanted.parse(words)


def _is_count(times: Any) -> bool:
    return times is None or (isinstance(times, int) and not isinstance(times, bool) and times > 0)
