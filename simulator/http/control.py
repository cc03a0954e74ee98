"""The simulator's own routes below /sim: what happened, and what is to go wrong next."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, request

from simulator.engine.faults import FAULTS, Faults, UnknownFault, parse_faults
from simulator.engine.installation import Current, Installation
from simulator.engine.ledger import JSON, Post, Request, Rule
from simulator.http.answers import json_answer, json_body

#: What can be asked for, with what it does.
NAMES = {name: what for name, (_, what) in FAULTS.items()}


def routes(current: Current) -> Blueprint:
    """The routes below /sim, and the page at /."""
    blueprint = Blueprint("control", __name__)

    @blueprint.get("/")
    def show_about() -> str:
        return "fal.ai, simulated. What happened: /sim/ledger. What can go wrong: /sim/faults.\n"

    @blueprint.get("/sim/ledger")
    def show_ledger() -> Response:
        return json_answer(_ledger_of(current(), request.args.get("match")))

    @blueprint.get("/sim/cashbook")
    def show_cashbook() -> Response:
        return json_answer(_cashbook_of(current(), request.args.get("match")))

    @blueprint.get("/sim/faults")
    def list_faults() -> Response:
        rules = [asdict(rule) for rule in current().ledger.list_rules()]
        return json_answer({"rules": rules, "names": NAMES})

    @blueprint.post("/sim/faults")
    def add_faults() -> Response:
        body = json_body()
        match, times = body.get("match"), body.get("times")
        if not (match is None or isinstance(match, str)) or not _is_count(times):
            return json_answer({"error": "match: a text or null; times: a number above 0 or null"}, 400)
        rule = Rule(match, _chosen(body), times)
        current().ledger.save_rule(rule)
        return json_answer(asdict(rule), 201)

    @blueprint.delete("/sim/faults")
    def clear_faults() -> tuple[str, int]:
        current().ledger.clear_rules()
        return "", 204

    @blueprint.post("/sim/requests/<request_id>/faults")
    def replace_faults(request_id: str) -> Response:
        chosen = _chosen(json_body())
        if not current().queue.replace_faults(request_id, chosen):
            return json_answer({"error": "no such request"}, 404)
        return json_answer({"request_id": request_id, "faults": chosen})

    @blueprint.errorhandler(UnknownFault)
    def refuse_unknown(error: UnknownFault) -> Response:
        return json_answer({"error": str(error), "names": NAMES}, 400)

    return blueprint


def _ledger_of(sim: Installation, match: str | None = None) -> JSON:
    """Everything that happened: posts, requests, deliveries, downloads; `match` keeps what holds the text.

    `accepted` counts the POSTs that were taken, `billed` the requests that cost something.
    """
    posts = [asdict(post) for post in sim.ledger.list_posts() if _holds(match, post)]
    requests = [asdict(made) for made in sim.ledger.list_requests() if _holds(match, made)]
    mine = {r["request_id"] for r in requests}
    deliveries = [asdict(d) for d in sim.ledger.list_deliveries() if d.request_id in mine]
    downloads = [d for d in sim.ledger.list_downloads() if match is None or d["request_id"] in mine]
    return {
        "accepted": sum(post["accepted"] for post in posts),
        "billed": sum(r["billed"] for r in requests),
        "posts": posts,
        "requests": requests,
        "deliveries": deliveries,
        "downloads": downloads,
    }


def _cashbook_of(sim: Installation, match: str | None = None) -> JSON:
    """What each request that is over really cost, told to the client or not; `match` as for the ledger."""
    names = ("request_id", "endpoint", "webhook", "units", "unit_usd", "charged_usd", "ended_at")
    made = [one for one in sim.ledger.list_requests() if one.status == "COMPLETED" and _holds(match, one)]
    entries = [{name: getattr(one, name) for name in names} for one in made]
    return {"entries": entries, "total_usd": round(sum(one.charged_usd for one in made), 6)}


def _holds(match: str | None, sent: Post | Request) -> bool:
    return match is None or any(match in str(part) for part in (sent.input, sent.endpoint, sent.webhook))


def _chosen(body: JSON) -> Faults:
    words = body.get("faults")
    if not isinstance(words, list):
        raise UnknownFault('faults: a list of names such as "http=429"')
    return parse_faults(words)


def _is_count(times: Any) -> bool:
    return times is None or (isinstance(times, int) and not isinstance(times, bool) and times > 0)
