"""The account: what is left of its credit, and how a test sets it.

Source: platform OpenAPI (api.fal.ai/v1/openapi.json), "GET /account/billing".
"""

from flask import Blueprint, Response, request

from simulator.engine.installation import Current
from simulator.engine.ledger import JSON
from simulator.http.answers import json_answer, json_body
from simulator.http.platform_api import Refused, listing_trouble, refused_answer, require_admin_key


def routes(current: Current) -> Blueprint:
    """`GET /v1/account/billing`; `PUT /sim/balance {usd}` says what is left; then it locks at zero."""
    blueprint = Blueprint("account", __name__)
    blueprint.register_error_handler(Refused, refused_answer)

    @blueprint.get("/v1/account/billing")
    def show_billing() -> Response:
        require_admin_key()
        sim = current()
        if trouble := listing_trouble(sim):
            return trouble
        told: JSON = {"username": "simulated"}
        if "credits" in request.args.getlist("expand"):
            told["credits"] = {"current_balance": sim.balance_usd(), "currency": "USD"}
        return json_answer(told)

    @blueprint.put("/sim/balance")
    def set_balance() -> Response:
        usd, sim = json_body().get("usd"), current()
        if isinstance(usd, bool) or not isinstance(usd, int | float):
            return json_answer({"error": "usd: a number"}, 400)
        sim.credit_usd = 0.0
        sim.credit_usd = usd - sim.balance_usd()
        return json_answer({"usd": sim.balance_usd()})

    return blueprint
