"""The public key that receivers check a webhook's signature with."""

from flask import Blueprint, Response

from simulator.engine.installation import Current
from simulator.http.answers import json_answer


def routes(current: Current) -> Blueprint:
    """The one route, where fal has it too."""
    blueprint = Blueprint("webhook_keys", __name__)

    @blueprint.get("/.well-known/jwks.json")
    def public_keys() -> Response:
        return json_answer(current().signer.public_keys())

    return blueprint
