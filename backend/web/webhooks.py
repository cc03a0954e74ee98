"""Providers' deliveries come in. Committed first, acknowledged second."""

import logging

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import RequestEntityTooLarge

from backend.domain.errors import DeliveryRefused, KeysUnavailable, StoreUnavailable
from backend.services.deps import Deps
from backend.services.lifecycle.receive_webhook import receive_delivery
from backend.services.lifecycle.refused_deliveries import RefusalCounter
from backend.web import answers

log = logging.getLogger(__name__)

#: A delivery is some kilobytes of JSON; more is not read.
BODY_MAX_BYTES = 1024 * 1024


def routes(deps: Deps) -> Blueprint:
    """POST /api/video/webhook/<job id>/<token>."""
    blueprint = Blueprint("webhooks", __name__)
    refusals = RefusalCounter(deps)

    @blueprint.post("/api/video/webhook/<job_id>/<token>")
    def webhook(job_id: str, token: str) -> ResponseReturnValue:
        request.max_content_length = BODY_MAX_BYTES
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            refusals.count("its body is coded")
            return answers.error_response(415, "coded_body", "A coded body is not read.")
        try:
            body = request.get_data(cache=False)
        except RequestEntityTooLarge:
            refusals.count("its body is too large")
            raise
        try:
            received = receive_delivery(deps, job_id, token, headers=list(request.headers.items()), body=body)
        except DeliveryRefused as refusal:
            refusals.count(str(refusal))
            log.warning("delivery refused", extra={"job": job_id[:64], "why": str(refusal)})
            return answers.error_response(401, "refused", "This delivery is not believed.")
        except KeysUnavailable:
            return _later("The signature can't be checked now.")
        except (StoreUnavailable, SQLAlchemyError) as trouble:
            log.error("delivery not kept", extra={"job": job_id[:64], "why": type(trouble).__name__})
            return _later("The delivery can't be kept now.")
        return jsonify({"verdict": received.verdict})

    return blueprint


def _later(why: str) -> ResponseReturnValue:
    headers = {"Retry-After": "5"}
    return answers.error_response(503, "unavailable", f"{why} Deliver it again.", headers=headers)
