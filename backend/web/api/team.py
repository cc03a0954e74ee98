"""Who one is, and tokens: list, create, revoke."""

from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from backend.domain.access.roles import Do
from backend.domain.access.scopes import Scope
from backend.services.deps import Deps
from backend.services.team import tokens
from backend.services.team.token_request import parse_token_request
from backend.services.team.tokens import TokenView
from backend.web.api.operations import Answer, Operation, told
from backend.web.api.request_parts import body_as, current_viewer
from backend.web.api.schemas import team as schemas

OPERATIONS = (
    Operation(
        "GET",
        "/api/me",
        "get_me",
        "Whom this token acts as, and what it may do.",
        {200: told("Who it is.", schemas.MeAnswer)},
        subject="team",
    ),
    Operation(
        "GET",
        "/api/tokens",
        "list_tokens",
        "One's own tokens; of an admin, everybody's.",
        {200: told("Tokens, without their secrets.", schemas.TokenList)},
        Do.MANAGE_OWN_TOKENS,
        subject="team",
    ),
    Operation(
        "POST",
        "/api/tokens",
        "create_token",
        "Make a token. Of a person it acts as them.",
        {201: told("The token and its secret, which is told only now.", schemas.NewTokenAnswer)},
        Do.MANAGE_OWN_TOKENS,
        body=schemas.TokenBody,
        reads_body=dict,
        subject="team",
    ),
    Operation(
        "DELETE",
        "/api/tokens/<token_id>",
        "revoke_token",
        "From now on this token opens nothing.",
        {204: Answer("It opens nothing any more.")},
        Do.MANAGE_OWN_TOKENS,
        refusals=(404,),
        subject="team",
    ),
)


def routes(deps: Deps) -> Blueprint:
    """/api/me and /api/tokens. Stands below the API's blueprint, which sees to the token."""
    blueprint = Blueprint("team", __name__)

    @blueprint.get("/me")
    def me() -> ResponseReturnValue:
        viewer = current_viewer()
        scopes = None if viewer.scopes is None else [one for one in Scope if one in viewer.scopes]
        return jsonify(name=viewer.name, role=viewer.role, kind=viewer.kind, scopes=scopes)

    @blueprint.get("/tokens")
    def list_all() -> ResponseReturnValue:
        return jsonify(items=list(map(token_json, tokens.list_tokens(deps, current_viewer()))))

    @blueprint.post("/tokens")
    def create() -> ResponseReturnValue:
        asked = parse_token_request(body_as(dict), now=deps.clock.now())
        made = tokens.create_token(deps, current_viewer(), asked)
        return jsonify({**token_json(made.token), "token": made.secret}), 201

    @blueprint.delete("/tokens/<token_id>")
    def revoke(token_id: str) -> ResponseReturnValue:
        tokens.revoke_token(deps, current_viewer(), token_id)
        return "", 204

    return blueprint


def token_json(token: TokenView) -> dict[str, Any]:
    """A token as clients see it."""
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "scopes": token.scopes,
        "expires_at": token.expires_at.isoformat() if token.expires_at else None,
        "person": token.person,
        "hint": token.hint,
        "created_at": token.created_at.isoformat(),
        "created_by": token.created_by,
        "last_used_at": token.last_used_at.isoformat() if token.last_used_at else None,
        "expired": token.expired,
    }
