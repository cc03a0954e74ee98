"""Every route of the HTTP API, below one check of the token."""

from flask import Blueprint, g, request

from backend.services import access
from backend.services.deps import Deps
from backend.web.api import models, spend, takes, uploads

#: One file a subject, each with `routes(deps)`, whose paths begin below /api.
SUBJECTS = (takes, models, uploads, spend)


def routes(deps: Deps) -> Blueprint:
    """Every route needs a token; `before_request` sees to it, so that none can forget."""
    blueprint = Blueprint("api", __name__, url_prefix="/api")

    @blueprint.before_request
    def authenticate() -> None:
        g.viewer = access.authenticate_token(deps, request.headers.get("Authorization"))

    for subject in SUBJECTS:
        blueprint.register_blueprint(subject.routes(deps))
    return blueprint
